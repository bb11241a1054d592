"""What can go wrong between us and a target, told apart by what may be done about it.

::

    TargetError
    ├── NoRoom               nothing was tried, so it costs no attempt: later, or elsewhere
    │   ├── Throttled            the provider has no place for one more, or takes calls more slowly
    │   └── NotReady             the target is being made or changed
    ├── Unusable             nobody is to be sent there until somebody changes something
    │   ├── UnknownTarget        there is no such function, service or job, in that region and account
    │   ├── NoCredentials        we have no identity to call with, or it has expired
    │   ├── AccessDenied         our identity may not
    │   ├── BadImage             its image is gone, may not be read, or does not start
    │   ├── BadSettings          the target is set up in a way that cannot work, or that the provider refuses
    │   ├── NotOurWorker         what answers there does not speak as a worker of this version does
    │   ├── Unsupported          this kind of target cannot do that
    │   └── MissingExtra         this installation lacks the library that calls it
    ├── WorkerLost           an attempt that failed
    │   ├── TimedOut             the work took longer than the target allows, or than we wait
    │   ├── ColdStartTimedOut    no worker was up in time
    │   ├── OutOfMemory          the worker was ended because it took too much
    │   ├── Crashed              the worker ended without an answer
    │   ├── ConnectionLost       the connection ended before the answer did, or never began
    │   └── ProviderFailed       the provider itself answered with an error
    ├── Unseen               what has been begun there could not be looked at: nothing is known of it, ask again
    └── BadAnswer            an attempt that failed: what came back cannot be believed
        ├── Garbled              no JSON, or other fields and types than a reply has
        └── Oversized            more than a reply may hold

A worker that ran and failed is none of these: that is a Reply with its exit code.
"""

from helios_crds.text import one_line
from helios_crds.wire import ExitCode, Reply

QUOTED_CHARACTERS = 500


class TargetError(Exception):
    """Base of the tree in the module's docstring.

    message: what happened. where: which target, such as "Lambda function helios-worker in eu-west-1".
    remedy: what to do about it, "" where nothing is to be done.
    """

    def __init__(self, message: str, *, where: str, remedy: str = "") -> None:
        super().__init__(message, where, remedy)
        self.message = message
        self.where = where
        self.remedy = remedy

    def __str__(self) -> str:
        said = f"{self.where}: {self.message}"
        return f"{said}; {self.remedy}" if self.remedy else said


class NoRoom(TargetError):
    """The target takes nothing more right now. retry_after: seconds that it asks to be left alone, if it says so."""

    def __init__(self, message: str, *, where: str, remedy: str = "", retry_after: float | None = None) -> None:
        super().__init__(message, where=where, remedy=remedy)
        self.retry_after = retry_after


class Throttled(NoRoom):
    """The provider refused a call because there are too many. reason: its word for which limit, "" if it has none."""

    def __init__(self, message: str, *, where: str, reason: str = "", retry_after: float | None = None) -> None:
        super().__init__(
            message,
            where=where,
            remedy="ask the provider for more, or lower the target's maxConcurrent",
            retry_after=retry_after,
        )
        self.reason = reason


class NotReady(NoRoom):
    """The target is being created or updated."""


class Unusable(TargetError):
    """The target cannot be used as it is, however often it is asked."""


class UnknownTarget(Unusable):
    """There is nothing of that name."""


class NoCredentials(Unusable):
    """Nobody has told this process who it is, or what it was told is no longer good."""


class AccessDenied(Unusable):
    """This process is known, and may not do that."""


class BadImage(Unusable):
    """The target's image cannot be run."""


class BadSettings(Unusable):
    """The provider refuses the settings, or the target's own ones do not work."""


class NotOurWorker(Unusable):
    """A sound request was refused, or the address is served by something else."""


class Unsupported(Unusable):
    """A stage that this kind of target cannot run."""


class MissingExtra(Unusable):
    """The library is not installed."""

    def __init__(self, extra: str, *, where: str) -> None:
        super().__init__(
            f"the extra {extra} of helios-render is not installed here",
            where=where,
            remedy=f"pip install 'helios-render[{extra}]'",
        )


class WorkerLost(TargetError):
    """The worker did not live to answer, or its answer did not reach us. said: the end of its log, if we have it."""

    def __init__(self, message: str, *, where: str, remedy: str = "", said: str = "") -> None:
        super().__init__(message, where=where, remedy=remedy)
        self.said = said


class TimedOut(WorkerLost):
    """Time was up in the middle of the work."""


class ColdStartTimedOut(WorkerLost):
    """Time was up before the work began."""


class OutOfMemory(WorkerLost):
    """The worker took more memory than it has."""


class Crashed(WorkerLost):
    """The worker ended by itself."""


class ConnectionLost(WorkerLost):
    """There is no connection, or no longer."""


class ProviderFailed(WorkerLost):
    """An error of the provider's own."""


class Unseen(TargetError):
    """Work that goes on by itself cannot be looked at. An adapter gives up so only if the attempt was cancelled."""


class BadAnswer(TargetError):
    """An answer that is no reply."""


class Garbled(BadAnswer):
    """It cannot be read."""


class Oversized(BadAnswer):
    """It is too long to be read."""


def as_reply(error: WorkerLost | BadAnswer | Unseen) -> Reply:
    """A failed attempt as a reply, for callers that count attempts by replies; OutOfMemory exits as a pod's does."""
    code = ExitCode.EXHAUSTED if isinstance(error, OutOfMemory) else ExitCode.RETRYABLE
    result = {"error": type(error).__name__, "remedy": error.remedy}
    return Reply(exitCode=code, stdout=getattr(error, "said", ""), stderr=str(error), result=result)


def quoted(text: str | bytes, limit: int = QUOTED_CHARACTERS) -> str:
    """What somebody else wrote, fit for one line of ours: printable, at most `limit` characters, from its start.

    >>> quoted("a" + chr(10) + "b" + chr(27) + "[31m")
    'a b'
    """
    if isinstance(text, bytes):
        text = text[: 4 * limit].decode(errors="replace")
    return one_line(text[: 4 * limit], limit, keep_start=True)
