"""Errors between us and a target, distinguished by what can be done about them.

::

    TargetError
    ├── NoCapacity           no work was started, so it costs no attempt: try later, or on another target
    │   ├── Throttled            the provider has reached a limit of concurrency or call rate
    │   └── NotReady             the target is being created or changed
    ├── Unusable             the target cannot be used until a user or an admin changes something
    │   ├── UnknownTarget        that region and account has no such function, service or job
    │   ├── NoCredentials        this process has no credentials, or they have expired
    │   ├── AccessDenied         our credentials lack a permission
    │   ├── BadImage             its image is missing, cannot be pulled, or does not start
    │   ├── BadSettings          its settings cannot work, or the provider rejects them
    │   ├── NotOurWorker         the answer does not come from a worker of this version
    │   ├── Unsupported          this kind of target cannot run that stage
    │   └── MissingExtra         this installation lacks the library for this kind of target
    ├── WorkerLost           the attempt failed without a reply
    │   ├── TimedOut             the work took longer than the target's limit, or than we wait
    │   ├── ColdStartTimedOut    no worker started in time
    │   ├── OutOfMemory          the worker was killed for using too much memory
    │   ├── Crashed              the worker ended without an answer
    │   ├── ConnectionLost       there was no connection, or it ended before the answer was complete
    │   └── ProviderFailed       the provider itself failed
    ├── Unseen               the state of running work could not be read: nothing is known, ask again
    └── BadAnswer            the attempt failed: its answer is not valid
        ├── Garbled              not JSON, or without the fields and types of a reply
        └── Oversized            larger than a reply may be

A stage that ran and failed is not an error here: it is a Reply with its exit code.
"""

from helios_crds.text import one_line
from helios_crds.wire import ExitCode, Reply

QUOTED_CHARACTERS = 500


class TargetError(Exception):
    """Base of the tree in the module's docstring.

    message: what happened. where: which target, such as "Lambda function helios-worker in eu-west-1".
    remedy: what to do about it; "" if there is nothing to do.
    """

    def __init__(self, message: str, *, where: str, remedy: str = "") -> None:
        super().__init__(message, where, remedy)
        self.message = message
        self.where = where
        self.remedy = remedy

    def __str__(self) -> str:
        said = f"{self.where}: {self.message}"
        return f"{said}; {self.remedy}" if self.remedy else said


class NoCapacity(TargetError):
    """The target takes no more work now. retry_after: seconds that it asks callers to wait, if it says so."""

    def __init__(self, message: str, *, where: str, remedy: str = "", retry_after: float | None = None) -> None:
        super().__init__(message, where=where, remedy=remedy)
        self.retry_after = retry_after


class Throttled(NoCapacity):
    """The provider rejected a call because of a limit. reason: the provider's name of the limit, "" if unknown."""

    def __init__(self, message: str, *, where: str, reason: str = "", retry_after: float | None = None) -> None:
        super().__init__(
            message,
            where=where,
            remedy="ask the provider for a higher limit, or lower the target's maxConcurrent",
            retry_after=retry_after,
        )
        self.reason = reason


class NotReady(NoCapacity):
    """The target is being created or updated."""


class Unusable(TargetError):
    """The target cannot be used as it is. Retries do not help."""


class UnknownTarget(Unusable):
    """No function, service or job has that name."""


class NoCredentials(Unusable):
    """This process has no credentials, or they are no longer valid."""


class AccessDenied(Unusable):
    """The credentials of this process lack a permission."""


class BadImage(Unusable):
    """The target's image does not start or cannot be pulled."""


class BadSettings(Unusable):
    """The provider rejects the settings, or the target does not work with its settings."""


class NotOurWorker(Unusable):
    """The worker rejected a valid request, or the address belongs to another program."""


class Unsupported(Unusable):
    """This kind of target cannot run the stage."""


class MissingExtra(Unusable):
    """The library for this kind of target is not installed."""

    def __init__(self, extra: str, *, where: str) -> None:
        super().__init__(
            f"the extra {extra} of helios-render is not installed here",
            where=where,
            remedy=f"pip install 'helios-render[{extra}]'",
        )


class WorkerLost(TargetError):
    """The worker died without an answer, or the answer did not arrive. said: the end of its log, if known."""

    def __init__(self, message: str, *, where: str, remedy: str = "", said: str = "") -> None:
        super().__init__(message, where=where, remedy=remedy)
        self.said = said


class TimedOut(WorkerLost):
    """The time limit was reached during the work."""


class ColdStartTimedOut(WorkerLost):
    """The time limit was reached before the work began."""


class OutOfMemory(WorkerLost):
    """The worker used more memory than it may."""


class Crashed(WorkerLost):
    """The worker process ended without an answer."""


class ConnectionLost(WorkerLost):
    """The connection failed or was lost."""


class ProviderFailed(WorkerLost):
    """The provider itself failed."""


class Unseen(TargetError):
    """The state of running work cannot be read. Adapters raise this to callers only for a cancelled attempt."""


class BadAnswer(TargetError):
    """The answer is not a valid reply."""


class Garbled(BadAnswer):
    """The answer cannot be parsed."""


class Oversized(BadAnswer):
    """The answer is too large."""


def as_reply(error: WorkerLost | BadAnswer | Unseen) -> Reply:
    """A failed attempt as a reply, for callers that count replies. OutOfMemory gives a pod's exit code for it."""
    code = ExitCode.EXHAUSTED if isinstance(error, OutOfMemory) else ExitCode.RETRYABLE
    result = {"error": type(error).__name__, "remedy": error.remedy}
    return Reply(exitCode=code, stdout=getattr(error, "said", ""), stderr=str(error), result=result)


def quoted(text: str | bytes, limit: int = QUOTED_CHARACTERS) -> str:
    """Foreign text for one line of a message: printable, its first `limit` characters.

    >>> quoted("a" + chr(10) + "b" + chr(27) + "[31m")
    'a b'
    """
    if isinstance(text, bytes):
        text = text[: 4 * limit].decode(errors="replace")
    return one_line(text[: 4 * limit], limit, keep_start=True)
