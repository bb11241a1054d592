"""Why an attempt failed: a reason for programs, and a message that says what to change."""

from dataclasses import dataclass

from helios_crds.rendertarget import RenderTargetSpec
from helios_crds.text import one_line
from helios_crds.wire import ExitCode, Stage
from helios_operator.decide.policies.worker_results import MAX_TEXT, failure_text
from helios_operator.manifests.pod import pod_settings
from helios_operator.model import reasons
from helios_operator.model.state import Attempt, AttemptPhase

# The kubelet's reasons. The exit code shows no lack of memory if the kernel killed only a browser of the worker.
OUT_OF_MEMORY = "OOMKilled"
EVICTED = "Evicted"
TOO_LONG = "DeadlineExceeded"


@dataclass(frozen=True)
class Cause:
    """reason: for programs. message: for people."""

    reason: str
    message: str


def not_started(attempt: Attempt, limit: str) -> Cause:
    """The cause of a pod that did not start in time. limit: as the spec writes it."""
    text = f"the pod did not start within {limit}: {attempt.waiting or 'the reason is unknown'}"
    return Cause(reasons.START_TIMEOUT, one_line(text, MAX_TEXT))


def cause_of(attempt: Attempt, target: RenderTargetSpec | None) -> Cause:
    """The cause of an attempt that ended without a result.

    target: on which it ran; None if that target no longer exists.
    """
    if attempt.phase is AttemptPhase.SUCCEEDED:
        return Cause(reasons.RESULT_MISSING, "the worker exited with code 0 but left no usable result")
    message = failure_text(attempt.message, attempt.exit_code)
    if attempt.exit_code == ExitCode.USER_ERROR:
        return Cause(reasons.WORKER_FAILED, message)
    if attempt.reason == OUT_OF_MEMORY:
        return Cause(reasons.OUT_OF_RESOURCES, _out_of_memory(attempt.target, _limit(target, "memory")))
    if attempt.reason == EVICTED:
        return Cause(reasons.OUT_OF_RESOURCES, f"the node evicted the pod: {message.rstrip('. ')}{_storage(attempt)}")
    if attempt.reason == TOO_LONG:
        return Cause(reasons.DEADLINE_EXCEEDED, _too_long(attempt))
    return Cause(_by_exit_code(attempt.exit_code), message)


def _out_of_memory(target: str, limit: str) -> str:
    if not limit:
        return (
            "the worker was killed because its node ran out of memory (OOMKilled): "
            f"set resources.requests.memory and limits.memory of the RenderTarget {target}"
        )
    return (
        f"the worker was killed for using more memory than its limit of {limit} (OOMKilled): raise "
        f"resources.limits.memory of the RenderTarget {target}, or lower its limits.cpu: there is a browser per CPU"
    )


def _storage(attempt: Attempt) -> str:
    if not any(word in attempt.message for word in ("ephemeral", "EmptyDir")):
        return ""
    return f"; raise resources.limits.ephemeral-storage of the RenderTarget {attempt.target}"


def _too_long(attempt: Attempt) -> str:
    allowed = f" ({attempt.allowed.total_seconds():g} s)" if attempt.allowed else ""
    is_chunk = attempt.work.stage is Stage.CHUNK
    limit = "spec.execution.chunkTimeout" if is_chunk else f"the time limit of a {attempt.work.stage}"
    return f"the worker ran longer than {limit}{allowed} and was stopped"


def _limit(target: RenderTargetSpec | None, resource: str) -> str:
    if target is None or target.is_offload:
        return ""
    resources = pod_settings(target).resources
    limits = (resources.limits if resources is not None else None) or {}
    return str(limits.get(resource, ""))


def _by_exit_code(exit_code: int | None) -> str:
    if exit_code is None or exit_code >= 128:
        return reasons.WORKER_KILLED
    return reasons.OUT_OF_RESOURCES if exit_code == ExitCode.EXHAUSTED else reasons.WORKER_FAILED
