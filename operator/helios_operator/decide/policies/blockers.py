"""Blockers: problems that keep work from starting until a user or an admin changes something.

They are an output that another RenderJob writes, unknown or forbidden targets, forbidden stores, work that no target
can run, name conflicts, starts that the API server rejects, and a budget that is used up.
"""

from collections.abc import Sequence

from helios_crds.text import one_line
from helios_crds.wire import Stage
from helios_operator.decide.policies.eligibility import Eligibility
from helios_operator.decide.policies.store_access import forbidden_place
from helios_operator.model import reasons
from helios_operator.model.config import Store
from helios_operator.model.observation import NameConflict, Observation, RejectedStart
from helios_operator.model.problem import Problem

STAGES = (Stage.CHUNK, Stage.PLAN, Stage.STITCH)
MAX_REJECTION = 600


def blocker(observation: Observation, eligible: Eligibility, store: Store) -> Problem | None:
    """The first problem that keeps all work from starting. store: the operator's default store."""
    named = [use.name for use in observation.job.uses]
    if observation.output_owner:
        return output_taken(observation)
    for name in named:
        if problem := _forbidden(name, observation, store):
            return problem
    for stage in STAGES:
        able = eligible.targets[stage]
        if not able:
            return _no_target(stage, named, observation, eligible)
        for name in able:  # the RenderJob need not have named the built-in target
            if problem := _forbidden(name, observation, store):
                return problem
    return None


def output_taken(observation: Observation) -> Problem:
    """An older RenderJob writes the same film, which would no longer be the one that its status describes."""
    text = (
        f"the RenderJob {observation.output_owner} writes {observation.output}, too: delete it, or apply this one "
        "under another name with another spec.output.url"
    )
    return Problem(reasons.OUTPUT_TAKEN, text)


def name_conflict(conflicts: Sequence[NameConflict]) -> Problem:
    """Objects of other owners have names that due work needs. conflicts: at least one."""
    first = conflicts[0]
    more = f" ({len(conflicts) - 1} more names conflict too)" if len(conflicts) > 1 else ""
    text = (
        f"another owner has a {first.kind} named {first.name}: remove it, or create this RenderJob under another name"
    )
    return Problem(reasons.NAME_TAKEN, f"{text}{more}", first.work)


def start_rejected(rejected: Sequence[RejectedStart]) -> Problem:
    """The API server rejects starts of due work. rejected: at least one."""
    first = rejected[0]
    more = f" ({len(rejected) - 1} more starts are rejected too)" if len(rejected) > 1 else ""
    text = f"the API server rejects the start of {first.work}; the operator tries again with growing pauses: "
    reason = reasons.QUOTA_EXCEEDED if first.by_quota else reasons.START_REFUSED
    return Problem(reason, f"{text}{one_line(first.message, MAX_REJECTION)}{more}", first.work)


def budget_reached(budget: str | None) -> Problem:
    """Due work needs more than the budget. budget: as the spec writes it."""
    text = "is used up: raise it, or name a target without a price"
    return Problem(reasons.BUDGET_REACHED, f"spec.execution.budget ({budget}) {text}")


def _forbidden(name: str, observation: Observation, store: Store) -> Problem | None:
    target, namespace = observation.targets.get(name), observation.job.namespace
    if target is None:
        text = (
            f"RenderTarget {name} does not exist or its spec is invalid: create or correct it, or name another target"
        )
        return Problem(reasons.TARGET_NOT_FOUND, text)
    if not {"*", namespace} & set(target.allowedNamespaces):
        text = f"RenderTarget {name} does not allow the namespace {namespace}: see its allowedNamespaces"
        return Problem(reasons.TARGET_FORBIDDEN, text)
    if message := forbidden_place(observation, name, target, store):
        return Problem(reasons.STORE_FORBIDDEN, message)
    return None


def _no_target(stage: Stage, named: list[str], observation: Observation, eligible: Eligibility) -> Problem:
    """Why no target can run a stage."""
    targets = ", ".join(named)
    if eligible.without_store:
        text = (
            f"{targets} cannot reach the artifacts at {observation.store}, a volume of this cluster: "
            "set spec.artifacts.url to a bucket, or add a Kubernetes target"
        )
        return Problem(reasons.BUCKET_NEEDED, text)
    whys = ", ".join(f"{name} ({why})" for name, why in eligible.unfit[stage].items())
    text = f"none of the targets can run a {stage} of this composition: {whys}; add a Kubernetes target"
    return Problem(reasons.TARGET_UNFIT, text)
