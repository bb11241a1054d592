"""docs/errors.md, row by row: each error exists, has its exit code, and the operator does what the table says."""

import importlib
import json
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import helios_worker
from helios_crds.wire import Stage
from helios_operator.decide.reconcile import reconcile
from helios_operator.model.state import PLAN, Work
from helios_worker.errors import HeliosError
from tests.unit.operator.builders import CONFIG, NOW, attempt, observe, render_job, seconds

DOCUMENT = Path(__file__).parents[2] / "docs" / "errors.md"
ROWS = [
    [cell.strip().strip("`") for cell in line.strip("|\n").split("|")]
    for line in DOCUMENT.read_text().splitlines()
    if re.match(r"\| .*`\w+` \| \d+ \|", line)
]
ROW = pytest.mark.parametrize(
    ("name", "code", "then"), [pytest.param(row[2], int(row[3]), row[4], id=f"{row[2]} {row[1][:30]}") for row in ROWS]
)


def errors() -> Iterator[type[HeliosError]]:
    """Every error of the worker."""
    for module in pkgutil.walk_packages(helios_worker.__path__, "helios_worker."):
        if not module.name.endswith(("__main__", "lambda_function")):  # the latter starts a browser
            importlib.import_module(module.name)
    known = [HeliosError]
    while known:
        error = known.pop()
        yield error
        known += error.__subclasses__()


ERRORS = {error.__name__: error for error in errors()}


@ROW
def test_the_exit_code(name, code, then):
    assert ERRORS[name].exit_code == code


@ROW
@pytest.mark.parametrize("work", [PLAN, Work(Stage.CHUNK, 0)], ids=str)
def test_what_the_operator_does(name, code, then, work):
    said = json.dumps({"error": name, "message": "what happened; what to do"})
    job = render_job("." if work.stage is Stage.CHUNK else "")
    decision = reconcile(observe(job, attempt("failed", work, exit_code=code, message=said)), CONFIG)
    conditions = {each.type: each for each in decision.status.conditions}
    if then.startswith("ends: "):
        assert (decision.status.phase, conditions["Failed"].reason) == ("Failed", then.removeprefix("ends: "))
        return
    assert decision.status.phase != "Failed"
    if then == "plans again" and work.stage is Stage.CHUNK:
        assert (decision.status.plan, decision.status.failures, decision.status.retries[0].stage) == (None, 0, "plan")
        return
    assert (decision.status.failures, decision.status.retries[0].stage) == (1, work.stage)
    assert "what happened; what to do" in decision.status.lastFailure
    again = reconcile(observe(_written(job, decision.status), now=NOW + seconds(1)), CONFIG)
    told = next(each.message for each in again.status.conditions if each.type == "Reconciling")
    assert "tried again from" in told
    assert "what happened; what to do" in told


@pytest.mark.parametrize("error", sorted({each.exit_code for each in ERRORS.values()}))
def test_every_exit_code_has_a_row(error):
    assert str(error) in {row[3] for row in ROWS}


def _written(job, status):
    return type(job)(**{**job.__dict__, "status": status})
