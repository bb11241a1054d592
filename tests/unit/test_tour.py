"""docs/tour.md stays true: each link leads to a file, and each name that it links is in that file."""

import ast
import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
TOUR = REPOSITORY / "docs" / "tour.md"
LINKS = re.findall(r"\[([^\]]+)\]\(([^)]+)\)", TOUR.read_text())
NAMES = [(text.strip("`"), target) for text, target in LINKS if text.startswith("`")]


def names_in(body: list[ast.stmt], prefix: str = "") -> set[str]:
    """Classes, functions and methods, as Class.method."""
    found: set[str] = set()
    for statement in body:
        if isinstance(statement, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            found.add(prefix + statement.name)
        if isinstance(statement, ast.ClassDef):
            found |= names_in(statement.body, f"{prefix}{statement.name}.")
    return found


def names_of(file: Path) -> set[str]:
    text = file.read_text()
    if file.suffix == ".js":
        return set(re.findall(r"\b(?:function|const|class)\s+(\w+)", text))
    return names_in(ast.parse(text).body)


@pytest.mark.parametrize("target", sorted({target for _, target in LINKS}))
def test_every_link_leads_somewhere(target):
    assert (TOUR.parent / target).exists()


@pytest.mark.parametrize(("name", "target"), NAMES)
def test_every_name_is_in_the_file_that_it_links(name, target):
    assert name in names_of(TOUR.parent / target)


def test_the_tour_has_ten_stops():
    stops = re.findall(r"^(\d+)\. \*\*", TOUR.read_text().split("## On a cluster")[0], flags=re.MULTILINE)
    assert stops == [str(number) for number in range(1, 11)]
