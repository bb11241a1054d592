"""The rules of a check: where they find something in a page's files, and where they must not."""

import re
from pathlib import Path

import pytest

from helios_worker.checking.rules import RULES
from helios_worker.checking.sources import search

GUIDE = (Path(__file__).parents[3] / "docs" / "pages.md").read_text()
PAGES = Path(__file__).parents[2] / "integration" / "pages"


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_every_rule_names_a_section_of_the_guide(rule):
    assert re.search(rf"^## {re.escape(rule.section)}$", GUIDE, re.MULTILINE)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("location.href = 'next.html'", "navigation"),
        ("window.location = next", "navigation"),
        ("<META HTTP-EQUIV='refresh' content=5>", "navigation"),
        ("history.back()", "navigation"),
        ("<div onclick='go()'>", "input"),
        ("a:hover { color: red }", "input"),
        ("navigator.serviceWorker.register('sw.js')", "service-worker"),
        ("<img src=../../logo.svg>", "outside"),
        ("<img src='file:///home/me/logo.svg'>", "outside"),
        ("crypto.randomUUID()", "random"),
        (f"<img src='data:image/png;base64,{'A' * 5000}'><script>Math.random()</script>", "random"),
        ("now = new Date;", "date"),
        ("<input accept=image/*> <script>Math.random()</script>", "random"),
    ],
)
def test_what_is_found(text: str, rule: str):
    assert [(found.rule, found.line) for found in search({"film/page.html": f"\n{text}"})] == [(rule, 2)]


@pytest.mark.parametrize(
    "text",
    [
        "if (location.href == there) draw()",
        "<img src=../logo.svg>",
        "// Math.random() is not used here",
        "<!-- <audio src=a.mp3> -->",
        "const url = 'https://example.org/Math.js'; myLocation.reloaded()",
        "let x = '" + "Math.random();" * 200 + "'",
        "new Date(2026, 1, 1)",
        "frame.contentWindow.location = 'next.html'; frame.contentWindow.history.back()",
        "/* one\n Math.random() */ a() /* two Math.random() */ // three Math.random() /* in it",
    ],
)
def test_what_is_not_found(text: str):
    assert search({"film/page.html": text}) == []


def test_a_frame_may_go_anywhere_and_a_library_is_passed_over():
    frame = "<meta http-equiv=refresh content='1; url=next.html'>"
    library = "let x;" * 400 + "Math.random()"
    assert search({"page.html": "<iframe src=frame.html>", "frame.html": frame, "lib.js": f"/*!*/\n{library}"}) == []
    assert [found.file for found in search({"page.html": "", "film.js": "location = 'a'"})] == ["film.js"]


def test_a_page_on_the_web_may_refer_to_folders_above():
    """Its server may well have them."""
    assert search({"https://films.example/a/page.html": "<img src=../../logo.svg>"}) == []
    assert [found.rule for found in search({"https://films.example/a": "<img src=file:///logo.svg>"})] == ["outside"]


def test_no_page_of_the_exact_corpus_is_said_to_be_refused():
    for page in PAGES.glob("*.html"):
        assert all(found.severity != "refused" for found in search({page.name: page.read_text()}))
