"""Names, labels and annotations of a RenderJob's children, written and read back."""

import re
from collections.abc import Mapping
from typing import Any

from helios_crds.base import API_VERSION, GROUP
from helios_crds.wire import Stage
from helios_operator.model.observation import ObservedJob
from helios_operator.model.state import Work

KIND = "RenderJob"
MANAGER = "helios-operator"
MANAGED_BY = "app.kubernetes.io/managed-by"
UID, STAGE, CHUNK, ATTEMPT = (f"{GROUP}/{name}" for name in ("render-uid", "stage", "chunk", "attempt"))
# Annotations, since names may be longer than a label's value, and requests are.
TARGET, RENDER, REQUEST, PLANNED = (f"{GROUP}/{name}" for name in ("target", "render-job", "request", "plan"))

SELECTOR = f"{MANAGED_BY}={MANAGER},{UID}"
MAX_PREFIX = 40


def prefix(job: ObservedJob) -> str:
    """The prefix of all children's names. Its part of the UID tells a re-created RenderJob from the deleted one."""
    readable = job.name.replace(".", "-")[:MAX_PREFIX].rstrip("-")
    return f"{readable}-{job.uid.replace('-', '')[:8]}"


def attempt_name(job: ObservedJob, work: Work, number: int) -> str:
    """Name of an attempt's Job: at most 63 characters, since its pod has it as a label."""
    stage = f"c{work.chunk:05d}" if work.stage is Stage.CHUNK else str(work.stage)
    return f"{prefix(job)}-{stage}-a{number}"


def page_name(job: ObservedJob) -> str:
    """Name of the ConfigMap with an inline page."""
    return f"{prefix(job)}-page"


def labels(job: ObservedJob) -> dict[str, str]:
    """Labels of every child. The user's labels are not copied: Argo CD would prune a child that has them."""
    return {MANAGED_BY: MANAGER, UID: job.uid}


def attempt_labels(job: ObservedJob, work: Work, number: int) -> dict[str, str]:
    """Labels of an attempt's Job and pod."""
    return {**labels(job), STAGE: str(work.stage), CHUNK: str(work.chunk), ATTEMPT: str(number)}


def read_labels(given: Mapping[str, str]) -> tuple[Work, int] | None:
    """The work and the attempt's number in a Job's labels; None if the labels are not ours."""
    numbers = (given.get(CHUNK, ""), given.get(ATTEMPT, ""))
    if given.get(STAGE) not in set(Stage) or not all(re.fullmatch("[0-9]{1,6}", text) for text in numbers):
        return None
    return Work(Stage(given[STAGE]), int(numbers[0])), int(numbers[1])


def owner_reference(job: ObservedJob) -> dict[str, object]:
    """The ownerReference by which the garbage collector deletes children with their RenderJob."""
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "name": job.name,
        "uid": job.uid,
        "controller": True,
        "blockOwnerDeletion": False,
    }


def is_owner_reference(reference: Mapping[str, Any]) -> bool:
    """Whether a reference names a RenderJob, of any API version, as the controller."""
    is_ours = str(reference.get("apiVersion")).startswith(f"{GROUP}/") and reference.get("kind") == KIND
    return is_ours and bool(reference.get("controller"))
