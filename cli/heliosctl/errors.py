"""How a command fails: one message with cause and remedy, and one exit code."""

import traceback
from dataclasses import dataclass
from typing import Any

from helios_adapters import TargetError, Unusable
from helios_crds.remedies import in_flags, message_and_remedy
from helios_crds.text import one_line, printable_lines
from helios_crds.wire import ExitCode, Reply, chunks_in
from helios_worker.errors import HeliosError

PLAN = "the plan"
NAME_CHARACTERS, REMEDY_CHARACTERS = 80, 1000


class StageFailed(HeliosError):
    """A stage failed for good.

    what: the stage, such as PLAN or "chunk 3 (frames 180 to 239)". reply: its last answer. attempts: their number.
    """

    def __init__(self, what: str, reply: Reply, attempts: int = 1) -> None:
        said = printable_lines(reply.stderr).strip() or "no reason given"
        result = reply.result or {}
        known = one_line(str(result.get("remedy", "")), REMEDY_CHARACTERS, keep_start=True)
        reason, remedy = message_and_remedy({"remedy": known}, said)
        # A mistake in the page needs no "the plan failed"; for a chunk, its frames help to find the mistake.
        if not (what == PLAN and reply.exitCode == ExitCode.USER_ERROR):
            tried = f" {attempts} times" if attempts > 1 else ""
            reason = f"{what} failed{tried}: {reason}"
        super().__init__(reason, remedy=remedy)
        self.reply = reply

    @property
    def error(self) -> str:
        """The worker's name for what happened, such as PageError."""
        return one_line(str((self.reply.result or {}).get("error", "WorkerFailed")), NAME_CHARACTERS)

    @property
    def bad_chunks(self) -> list[int]:
        """The chunks that a stitch found damaged or missing."""
        try:
            return chunks_in((self.reply.result or {}).get("badChunks", "0"))
        except ValueError:
            return []

    @property
    def stuck_report(self) -> str | None:
        """URL of the report on a frame that never became ready."""
        found = (self.reply.result or {}).get("report")
        return None if found is None else str(found)


class Stopped(HeliosError):
    """A signal ended the command. kept: what remains of its work, as a message."""

    def __init__(self, exit_code: int, kept: str = "interrupted before it finished", *, remedy: str = "") -> None:
        super().__init__(kept, remedy=remedy)
        self.stop_code = exit_code


@dataclass(frozen=True)
class Failure:
    """The message, remedy and exit code of a failed command. report: URL of a longer report."""

    error: str
    message: str
    remedy: str
    exit_code: int
    report: str | None = None

    @classmethod
    def of(cls, error: BaseException) -> "Failure":
        """The failure that an exception stands for; an unexpected one is a defect of heliosctl."""
        if isinstance(error, StageFailed):
            return cls(error.error, error.message, in_flags(error.remedy), error.reply.exitCode, error.stuck_report)
        if isinstance(error, Stopped):
            return cls("Stopped", error.message, error.remedy, error.stop_code)
        if isinstance(error, HeliosError):
            return cls(type(error).__name__, error.message, in_flags(error.remedy), error.exit_code)
        if isinstance(error, TargetError):
            code = ExitCode.USER_ERROR if isinstance(error, Unusable) else ExitCode.RETRYABLE
            return cls(type(error).__name__, f"{error.where}: {error.message}", error.remedy, code)
        if isinstance(error, OSError):
            name = f"{error.filename}: " if error.filename else ""
            is_full = error.errno in (28, 122)
            code = ExitCode.EXHAUSTED if is_full else ExitCode.RETRYABLE
            remedy = "free some space and run the same command again" if is_full else ""
            return cls(type(error).__name__, f"{name}{error.strerror or error}", remedy, code)
        return cls(
            type(error).__name__,
            f"heliosctl itself failed: {type(error).__name__}: {error}",
            "run it again with --debug and report the output",
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
