"""Workers with other software than the plan: after an upgrade, or where nodes have different images under one tag.

Frames of two engines do not fit together, so such a worker renders nothing. If it ran where the plan did, the render is
planned again, which keeps every chunk that this engine has rendered before. That is nobody's failure and counts as
none. If it ran elsewhere (a function with an older image), that target cannot render this plan, and the others do.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from helios_crds.backoff import Backoff, chance_of
from helios_crds.renderjob_status import MAX_IMAGES, PlanStatus, ReplanStatus
from helios_crds.wire import OTHER_ENGINE, Stage
from helios_operator.decide.policies.delays import is_waiting_long
from helios_operator.decide.policies.worker_results import facts
from helios_operator.model import reasons
from helios_operator.model.config import Config
from helios_operator.model.observation import Observation
from helios_operator.model.problem import Problem
from helios_operator.model.state import Attempt

PULL_FAILURES = ("ImagePullBackOff", "ErrImagePull", "ErrImageNeverPull", "InvalidImageName")
PAUSE = Backoff(base=1, factor=4, cap=300, jitter=0.5)
"""Before the render is planned again, by how often it was: the first time at once, for an upgrade."""
RETURNS = 2
"""After so many returns to an image that was met before, nodes have different images. One may be a rollback."""


def has_other_engine(attempt: Attempt, plan: PlanStatus, observation: Observation) -> bool:
    """Whether a failed attempt shows that the plan's own target has another engine now.

    All pods have one image, so that any pod shows it for a plan that a pod made. Who made a plan is not on record for
    those of older operators, so that any worker shows it.
    """
    if attempt.work.stage is Stage.PLAN:
        return False
    if OTHER_ENGINE not in attempt.message or facts(attempt.message).get("error") != OTHER_ENGINE:
        return False
    is_pod, is_of_pod = not observation.is_outside(attempt.target), not observation.is_outside(plan.target)
    return plan.target in ("", attempt.target) or (is_pod and is_of_pod)


def replanned(
    before: ReplanStatus | None, plan: PlanStatus, other: str, now: datetime, *, drawn: bool = False
) -> ReplanStatus:
    """The record of another plan.

    other: image of the worker with another engine; "" if it is not known. drawn: whether all frames are to be drawn.
    """
    known = before or ReplanStatus()
    seen = [image for image in dict.fromkeys([*known.images, plan.image]) if image]
    images = [*(image for image in seen if image != other), *([other] if other else [])]
    return ReplanStatus(
        count=known.count + 1,
        at=now,
        returns=known.returns + (other in known.images),
        images=images[-MAX_IMAGES:],
        drawn=known.drawn or drawn,
    )


def replan_pause(uid: str, replans: ReplanStatus) -> timedelta:
    """How long the render waits before it is planned again."""
    return PAUSE.delay(replans.count, chance_of(f"{uid}/replan/{replans.count}"))


def images_differ(replans: ReplanStatus | None, config: Config) -> Problem | None:
    """Nodes have different images under one name, so that no plan fits all workers."""
    if replans is None or replans.returns < RETURNS:
        return None
    seen = ", ".join(replans.images) if len(replans.images) > 1 else f"{replans.images[0]} and another, not on record"
    text = (
        f"nodes have different images under the name {config.image}: {seen}. The render is "
        f"planned again, now for the {_times(replans.count)} time: load one image on all nodes, or set image.worker of "
        "the chart to a digest (NAME@sha256:…)"
    )
    return Problem(reasons.IMAGES_DIFFER, text)


def _times(count: int) -> str:
    return f"{count}{'th' if count % 100 in (11, 12, 13) else {1: 'st', 2: 'nd', 3: 'rd'}.get(count % 10, 'th')}"


def without_image(attempts: Iterable[Attempt], plan: PlanStatus | None, now: datetime) -> list[Attempt]:
    """Pods that wait for the image of the plan, by its digest, which cannot be pulled."""
    if plan is None or "@" not in plan.image:
        return []
    return [
        attempt
        for attempt in attempts
        if attempt.image == plan.image and is_waiting_long(attempt, now) and attempt.waiting.startswith(PULL_FAILURES)
    ]


def image_gone(waiting: Sequence[Attempt], image: str) -> Problem:
    """The image that the plan was made with cannot be pulled. waiting: at least one pod. image: the operator's."""
    first = waiting[0]
    text = (
        f"the image that this render was planned with cannot be pulled: {first.image}. Push it again, or delete this "
        f"RenderJob and apply it again: then it is planned with {image}. {first.waiting}"
    )
    return Problem(reasons.IMAGE_GONE, text, first.work)
