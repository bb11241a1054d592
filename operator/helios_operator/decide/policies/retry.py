"""When a failed piece of work is tried again, and when it is given up."""

from datetime import timedelta

from helios_crds.backoff import Backoff, chance_of
from helios_crds.renderjob import Retries
from helios_crds.wire import ExitCode
from helios_operator.model import reasons
from helios_operator.model.problem import Problem
from helios_operator.model.state import Work


def retry_delay(uid: str, work: Work, failures: int, backoff: Backoff) -> timedelta:
    """How long failed work waits for its next attempt.

    The jitter follows from a hash of what is retried: the same observation gives the same decision, and chunks that
    failed together do not return together.
    """
    return backoff.delay(failures, chance_of(f"{uid}/{work.stage}/{work.chunk}/{failures}"))


def given_up(
    work: Work, exit_code: int | None, failures: int, total: int, limits: Retries, said: str
) -> Problem | None:
    """Whether a failure is the last one.

    failures: of this piece of work, this one included; total: of all. said: the worker's own words.
    """
    if exit_code == ExitCode.USER_ERROR:
        return Problem(reasons.INPUT_INVALID, f"{work}: {said}", work)
    if failures > limits.perChunk:
        often, last = ("", "") if failures == 1 else (f" {failures} times", " the last time:")
        text = f"{work} failed{often} and is not tried again (execution.retries.perChunk is {limits.perChunk}):"
        return Problem(reasons.RETRIES_EXHAUSTED, f"{text}{last} {said}", work)
    if total > limits.total:
        text = f"{total} attempts failed and no more is made (execution.retries.total is {limits.total}):"
        return Problem(reasons.TOO_MANY_FAILURES, f"{text} the last was {work}: {said}", work)
    return None
