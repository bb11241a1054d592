"""When a failed piece of work is tried again, and when the render gives up."""

from datetime import timedelta

from helios_crds.backoff import Backoff, chance_of
from helios_crds.renderjob import Retries
from helios_crds.wire import ExitCode
from helios_operator.model import reasons
from helios_operator.model.problem import Problem
from helios_operator.model.state import Work


def retry_delay(uid: str, work: Work, failures: int, backoff: Backoff) -> timedelta:
    """How long failed work waits for its next attempt.

    The jitter comes from a hash of the work and its failures. So the same observation gives the same decision, and
    chunks that failed together do not restart together.
    """
    return backoff.delay(failures, chance_of(f"{uid}/{work.stage}/{work.chunk}/{failures}"))


def given_up(
    work: Work, exit_code: int | None, failures: int, total: int, limits: Retries, message: str
) -> Problem | None:
    """Why the render gives up after a failure; None if the work is tried again.

    failures: of this piece of work, including this one. total: of the whole render. message: the worker's message.
    """
    if exit_code == ExitCode.USER_ERROR:
        return Problem(reasons.INPUT_INVALID, f"{work}: {message}", work)
    if failures > limits.perChunk:
        often, last = ("", "") if failures == 1 else (f" {failures} times", " the last time:")
        text = f"{work} failed{often} and is not tried again (spec.execution.retries.perChunk is {limits.perChunk}):"
        return Problem(reasons.RETRIES_EXHAUSTED, f"{text}{last} {message}", work)
    if total > limits.total:
        text = f"{total} attempts failed, more than spec.execution.retries.total ({limits.total}) allows:"
        return Problem(reasons.TOO_MANY_FAILURES, f"{text} the last was {work}: {message}", work)
    return None
