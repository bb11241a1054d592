"""How a command fails: one message that names cause and remedy, one exit code, text for people or JSON."""

import os
import traceback
from dataclasses import dataclass
from typing import Any

from helios_adapters import TargetError, Unusable
from helios_crds.wire import ExitCode, Reply, chunks_in
from helios_worker.errors import HeliosError

PLAN = "the plan"


class StageFailed(HeliosError):
    """A stage failed for good.

    what: which, such as PLAN or "chunk 3 (frames 180 to 239)". reply: its last answer. attempts: how many there were.
    """

    def __init__(self, what: str, reply: Reply, attempts: int = 1) -> None:
        said = reply.stderr.strip() or "it gave no reason"
        result = reply.result or {}
        remedy = str(result.get("remedy", ""))
        said = said.removesuffix(f"; {remedy}")
        # The user's own mistake stands for itself; where it shows matters only if that is a chunk.
        if not (what == PLAN and reply.exitCode == ExitCode.USER_ERROR):
            tried = f", {attempts} times" if attempts > 1 else ""
            said = f"{what} failed{tried}: {said}"
        super().__init__(said, remedy=remedy)
        self.reply = reply

    @property
    def error(self) -> str:
        """The worker's name for what happened, such as PageError."""
        return str((self.reply.result or {}).get("error", "WorkerFailed"))

    @property
    def bad_chunks(self) -> list[int]:
        """The chunks that a stitch wants rendered again."""
        try:
            return chunks_in((self.reply.result or {}).get("badChunks", "0"))
        except ValueError:
            return []

    @property
    def stuck_report(self) -> str | None:
        """URL of the report on a frame that was never ready."""
        found = (self.reply.result or {}).get("report")
        return None if found is None else str(found)


class Stopped(HeliosError):
    """A signal ended the command. kept: what there is of its work."""

    def __init__(self, exit_code: int, kept: str = "before it was done", *, remedy: str = "") -> None:
        super().__init__(kept, remedy=remedy)
        self.stop_code = exit_code


@dataclass(frozen=True)
class Failure:
    """What a user is told when a command fails. report: where more is written, a URL."""

    error: str
    message: str
    remedy: str
    exit_code: int
    report: str | None = None

    @classmethod
    def of(cls, error: BaseException) -> "Failure":
        """What there is to say about an exception; one that nobody meant is a defect of ours."""
        if isinstance(error, StageFailed):
            return cls(error.error, error.message, error.remedy, error.reply.exitCode, error.stuck_report)
        if isinstance(error, Stopped):
            return cls("Stopped", error.message, error.remedy, error.stop_code)
        if isinstance(error, HeliosError):
            return cls(type(error).__name__, error.message, error.remedy, error.exit_code)
        if isinstance(error, TargetError):
            code = ExitCode.USER_ERROR if isinstance(error, Unusable) else ExitCode.RETRYABLE
            return cls(type(error).__name__, f"{error.where}: {error.message}", error.remedy, code)
        if isinstance(error, OSError):
            name = f"{error.filename}: " if error.filename else ""
            code = ExitCode.EXHAUSTED if error.errno in (28, 122) else ExitCode.RETRYABLE
            return cls(type(error).__name__, f"{name}{error.strerror or error}", "", code)
        return cls(
            type(error).__name__,
            f"heliosctl itself failed: {type(error).__name__}: {error}",
            "run it again with --debug and report what it prints",
            ExitCode.RETRYABLE,
        )

    def as_json(self) -> dict[str, Any]:
        """For --json."""
        found = {
            "error": self.error,
            "message": self.message,
            "remedy": self.remedy,
            "report": self.report,
            "exitCode": self.exit_code,
        }
        return {key: value for key, value in found.items() if value not in ("", None)}


def traceback_text(error: BaseException) -> str:
    """The whole trace, for --debug."""
    return "".join(traceback.format_exception(error))


def debugging() -> bool:
    """Whether --debug or HELIOS_DEBUG=1 was given."""
    return os.environ.get("HELIOS_DEBUG", "") not in ("", "0")
