"""The Job of an attempt: one pod that runs once. The operator itself decides on retries."""

from datetime import timedelta

from helios_crds.durations import parse_duration
from helios_crds.rendertarget import KubernetesTarget, RenderTargetSpec
from helios_crds.wire import ExitCode, Stage
from helios_operator.manifests.names import PLANNED, RENDER, TARGET, attempt_labels, attempt_name, owner_reference
from helios_operator.manifests.pod import CONTAINER, pod_template
from helios_operator.manifests.request import Manifest
from helios_operator.model.config import Config
from helios_operator.model.decision import StartAttempt
from helios_operator.model.observation import ObservedJob, Places

# If a Job were deleted before its result is on record, it would run again. The operator may be down for a while.
SHORTEST_TTL = timedelta(minutes=10)
QUEUE = "kueue.x-k8s.io/queue-name"

FAILURE_POLICY: Manifest = {
    "rules": [
        # `status` is explicit: kubectl rejects the pattern without it.
        {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
        {
            "action": "FailJob",
            "onExitCodes": {"containerName": CONTAINER, "operator": "In", "values": [int(ExitCode.USER_ERROR)]},
        },
    ]
}


def attempt_job(
    job: ObservedJob, start: StartAttempt, target: RenderTargetSpec, places: Places, config: Config
) -> Manifest:
    """The Job of an attempt. target: on which it starts."""
    pods = target.kubernetes or KubernetesTarget()
    ours = attempt_labels(job, start.work, start.number)
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": attempt_name(job, start.work, start.number),
            "namespace": job.namespace,
            "labels": {**ours, **({QUEUE: pods.queueName} if pods.queueName else {})},
            "annotations": {TARGET: start.target, RENDER: job.name, **_planned(job, start)},
            "ownerReferences": [owner_reference(job)],
        },
        "spec": {
            "backoffLimit": 0,
            "completions": 1,
            "parallelism": 1,
            "podReplacementPolicy": "Failed",
            "podFailurePolicy": FAILURE_POLICY,
            "ttlSecondsAfterFinished": round(time_to_live(job).total_seconds()),
            "template": pod_template(job, start, target, places, time_limit(job, start.work.stage, config), config),
        },
    }


def _planned(job: ObservedJob, start: StartAttempt) -> Manifest:
    """By which the outcome of an attempt for an earlier plan is told from one for the present plan."""
    if start.work.stage is Stage.PLAN or job.status.plan is None:
        return {}
    return {PLANNED: job.status.plan.jobId}


def time_limit(job: ObservedJob, stage: Stage, config: Config) -> timedelta:
    """How long a pod of a stage may run."""
    match stage:
        case Stage.PLAN:
            return config.plan_timeout
        case Stage.CHUNK:
            return parse_duration(job.spec.execution.chunkTimeout)
        case Stage.STITCH:
            return config.stitch_timeout


def time_to_live(job: ObservedJob) -> timedelta:
    """How long a finished Job is kept."""
    return max(SHORTEST_TTL, parse_duration(job.spec.ttlAfterFinished))
