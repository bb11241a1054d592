"""Targets outside of the cluster: what they cost, and what they can run."""

from dataclasses import replace
from decimal import Decimal

import pytest

from helios_crds.renderjob_status import TargetStatus
from helios_crds.rendertarget import RenderTargetSpec, TargetPrice
from helios_crds.wire import Stage
from helios_operator.decide.policies.budget import Budget, affordable, invocation_cost
from helios_operator.decide.policies.eligibility import eligibility
from helios_operator.decide.policies.placement import Slots, within_budget
from helios_operator.decide.reconcile import reconcile
from helios_operator.model.config import Config, Store, built_in_targets
from helios_operator.model.decision import Decision
from helios_operator.model.target_usage import TargetUsage
from tests.unit.operator.builders import JOB_ID, attempt, observe, plan_status, render_job

LAMBDA = RenderTargetSpec.model_validate(
    {"lambda": {"functionName": "f", "region": "eu-west-1"}, "price": {"perGiBSecond": "0.5", "perRequest": "0.25"}}
)
RUN = {"region": "europe-west1", "project": "media-1"}
SERVICE = RenderTargetSpec.model_validate({"cloudRun": {"service": "worker", **RUN}})
JOB = RenderTargetSpec.model_validate({"cloudRun": {"job": "worker", **RUN}})
BUCKET = Store(url="s3://media/", claim="")
TARGETS = {**built_in_targets(), "lambda": LAMBDA, "service": SERVICE, "job": JOB}

# --- money ------------------------------------------------------------------------------------------------------------


def test_what_an_invocation_costs():
    assert invocation_cost(LAMBDA.price, memory=2, seconds=3) == Decimal("3.25")
    assert invocation_cost(TargetPrice(perRequest="0.0000002"), memory=2, seconds=3) == Decimal("0.000000")
    assert invocation_cost(None, memory=2, seconds=3) == 0


@pytest.mark.parametrize(
    ("budget", "spent", "ended", "active", "expected"),
    [
        pytest.param(None, "9", 1, 5, None, id="no budget"),
        pytest.param("1", "0", 0, 0, 4, id="nobody knows yet what one costs: a few"),
        pytest.param("1", "0", 0, 3, 1, id="those that are active are of them"),
        pytest.param("1", "0.2", 2, 0, 8, id="what is left by what one costs"),
        pytest.param("1", "0.2", 2, 5, 3, id="less those that are active"),
        pytest.param("1", "0.95", 9, 0, 0, id="none that would pass it"),
        pytest.param("1", "1", 9, 0, 0, id="used up"),
        pytest.param("0", "0", 0, 0, 0, id="nothing is to be spent"),
    ],
)
def test_affordable(budget: str | None, spent: str, ended: int, active: int, expected: int | None):
    assert affordable(Decimal(budget) if budget else None, Decimal(spent), ended, active) == expected


@pytest.mark.parametrize(
    ("left", "expected"),
    [(None, [9, 9, 9]), (12, [9, 9, 3]), (4, [4, 9, 0]), (0, [0, 9, 0])],
)
def test_within_budget(left: int | None, expected: list[int]):
    budget = None if left is None else Budget(frozenset({"lambda", "service"}), 0, left)
    free = [Slots(name, 9) for name in ("lambda", "kubernetes", "service")]
    assert [slots.free for slots in within_budget(free, budget)] == expected


def test_tallies_add_up():
    tallies = TargetUsage(
        [TargetStatus(name="lambda", done=1, invocations=1, cost="0.25"), TargetStatus(name="old", done=2)]
    )
    tallies.done("lambda")
    tallies.failed("kubernetes")
    tallies.ended(attempt("succeeded", target="lambda", cost=Decimal("0.5")))
    assert tallies.spent() == (Decimal("0.75"), 2)
    told = {found.name: found for found in tallies.to_status(["lambda", "kubernetes"], ["lambda", "lambda"])}
    assert list(told) == ["lambda", "kubernetes", "old"]
    assert (told["lambda"].active, told["lambda"].done, told["lambda"].cost) == (2, 2, "0.75")
    assert (told["kubernetes"].failed, told["old"].done) == (1, 2)


@pytest.mark.parametrize("cost", ["NaN", "-5", "Infinity", "1e999999999", "a lot", ""])
def test_a_cost_that_somebody_wrote_is_none(cost: str):
    assert TargetUsage([TargetStatus(name="lambda", cost=cost)]).spent() == (Decimal(0), 0)


@pytest.mark.parametrize(
    ("chunk_map", "cost"),
    [
        pytest.param("", "1", id="before the plan"),
        pytest.param("#.", "1.2", id="chunks"),
        pytest.param("##", "1.2", id="stitch"),
    ],
)
def test_a_budget_that_is_used_up_stalls_whatever_is_due(chunk_map: str, cost: str):
    job = render_job(
        spec={
            "composition": {"url": "s3://media/films/page/"},
            "execution": {"targets": [{"name": "lambda"}], "budget": "1.00"},
        },
        targets=[TargetStatus(name="lambda", invocations=2, cost=cost)],
    )
    if chunk_map:
        plan = plan_status(len(chunk_map)).model_copy(update={"jobPath": f"s3://media/jobs/{JOB_ID}/job.json"})
        job = replace(job, status=job.status.model_copy(update={"plan": plan, "chunkMap": chunk_map}))
    config = Config(store=BUCKET)
    decision = reconcile(observe(job, config=config, targets=TARGETS), config)
    stalled = next(found for found in decision.status.conditions if found.type == "Stalled")
    assert (decision.starts, decision.stops, stalled.status, stalled.reason) == ((), (), "True", "BudgetReached")


# --- eligibility -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("targets", "source", "stage", "expected"),
    [
        pytest.param(["lambda", "kubernetes"], {"inline": "<p>"}, Stage.PLAN, ["kubernetes"], id="files need a pod"),
        pytest.param(["lambda"], {"inline": "<p>"}, Stage.PLAN, ["kubernetes"], id="one of the built-in target's"),
        pytest.param(["lambda"], {"url": "s3://media/a/"}, Stage.PLAN, ["lambda"], id="a bucket's page needs none"),
        pytest.param(["job"], {"url": "s3://media/a/"}, Stage.PLAN, ["kubernetes"], id="a job tells no result"),
        pytest.param(["job", "service"], {"inline": "<p>"}, Stage.STITCH, ["service"], id="a film's neither"),
        pytest.param(["job", "service"], {"inline": "<p>"}, Stage.CHUNK, ["job", "service"], id="a chunk has none"),
    ],
)
def test_eligibility(targets: list[str], source: dict[str, str], stage: Stage, expected: list[str]):
    spec = {"composition": source, "execution": {"targets": [{"name": name} for name in targets]}}
    observation = observe(render_job(spec=spec), config=Config(store=BUCKET), targets=TARGETS)
    assert eligibility(observation).targets[stage] == expected


def test_a_volume_cannot_be_reached_from_outside():
    job = render_job(spec={"execution": {"targets": [{"name": "lambda"}, {"name": "kubernetes"}]}})
    found = eligibility(observe(job, targets=TARGETS))
    assert (found.targets[Stage.CHUNK], found.without_store) == (["kubernetes"], ["lambda"])


LOGIN = {"url": "https://films.example/a/", "headersFrom": {"secretRef": {"name": "preview"}}}


def test_targets_that_are_given_no_secrets_are_named_before_anything_starts():
    def decide(*targets: str) -> Decision:
        spec = {"composition": LOGIN, "execution": {"targets": [{"name": name} for name in targets]}}
        return reconcile(observe(render_job(spec=spec), config=config, targets=TARGETS), config)

    config = Config(store=BUCKET)
    stalled = next(each for each in decide("lambda", "job").status.conditions if each.type == "Stalled")
    assert (stalled.status, stalled.reason) == ("True", "TargetUnfit")
    why = "the Secret of spec.composition.headersFrom is given to pods alone"
    assert stalled.message == (
        f"none of the targets can run a chunk of this composition: lambda ({why}), job ({why}); add a Kubernetes target"
    )
    decision = decide("lambda", "kubernetes", "service")
    ready = next(each for each in decision.status.conditions if each.type == "Ready")
    assert [start.target for start in decision.starts] == ["kubernetes"]
    assert ready.message.endswith(f"not used: lambda, service, since {why}")
