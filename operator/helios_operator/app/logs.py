"""Logs as one JSON object per line: our entries with fields, those of libraries as messages."""

import logging
import sys
from typing import Literal

import structlog

from helios_crds.text import log_entry

Format = Literal["json", "text"]


def configure(shape: Format) -> None:
    """Sends all logs to standard error. text: for people at a terminal."""
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    last: list[structlog.typing.Processor] = (
        [structlog.processors.JSONRenderer()]
        if shape == "json"
        else [_printable_values, structlog.dev.ConsoleRenderer(colors=False)]
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.PositionalArgumentsFormatter(), *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    logging.getLogger("kopf").setLevel(logging.WARNING)  # a line for every event of every object


def _printable_values(logger: object, method: str, entry: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Texts of users and workers: a line of theirs is indented, so that it cannot pass for an entry of ours."""
    return {name: log_entry(value) if isinstance(value, str) else value for name, value in entry.items()}
