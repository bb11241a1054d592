"""docs/threat-model.md stays true: every test that it names is there."""

import ast
import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
TEXT = (REPOSITORY / "docs" / "threat-model.md").read_text()
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", TEXT)))
TARGETS = sorted(set(re.findall(r"`make ([\w-]+)`", TEXT)))


@pytest.mark.parametrize(("file", "test"), NAMED)
def test_every_promise_has_its_test(file, test):
    found = ast.parse((REPOSITORY / file).read_text()).body
    names = {each.name for each in found if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)}
    assert not test or test in names


@pytest.mark.parametrize("target", TARGETS)
def test_every_target_is_one_of_make(target):
    assert re.search(rf"^{target}:", (REPOSITORY / "Makefile").read_text(), re.MULTILINE)


def test_each_promise_that_is_made_names_a_test():
    rows = [line for line in TEXT.splitlines() if line.startswith("|") and line.count("|") == 5]
    assert len(rows) > 50
    without = [row for row in rows if row.endswith("| – |") and "not promised" not in row]
    assert not without, "\n".join(without)
