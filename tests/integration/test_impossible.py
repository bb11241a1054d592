"""What the platform makes impossible is said in the plan's warnings, and the film is rendered all the same.

Each page is the smallest that does such a thing; everything else on it is exact (its barcode is read on every
frame), so that one SharedWorker does not spoil a film that merely has one.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import pytest

from tests.barcode import decoded, read
from tests.integration.compositions import PAGES
from tests.integration.corpus import Moment, exact
from tests.integration.origin import origin
from tests.rendering import WarmRenderer

PAGE = """<!doctype html>
<html data-width="320" data-height="180" data-fps="30" data-duration="0.5">
<link rel="stylesheet" href="assets/barcode.css">
<script src="assets/barcode.js"></script>
<body>
<script>
  requestAnimationFrame(function draw(now) {
    show(ticks(now));
    requestAnimationFrame(draw);
  });
</script>
"""

IMPOSSIBLE = [
    pytest.param('<script>new SharedWorker("assets/every.js")</script>', "SharedWorker", id="a shared worker"),
    pytest.param('<script>new WebSocket("ws://127.0.0.1:9")</script>', "WebSocket", id="a socket"),
    pytest.param(
        "<script>new EventSource(`${PROPS.other}/config.json`)</script>", "server-sent events", id="a stream of events"
    ),
    pytest.param("<script>new RTCPeerConnection()</script>", "WebRTC", id="a peer connection"),
]


@pytest.fixture(scope="module")
def other() -> Iterator[str]:
    """A server of another origin than the page's."""
    with origin("localhost") as address:
        yield address


@pytest.fixture(scope="module")
def renderer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WarmRenderer]:
    with WarmRenderer(tmp_path_factory.mktemp("impossible"), lanes=1) as warm:
        yield warm


@pytest.mark.parametrize(("body", "warning"), IMPOSSIBLE)
def test_the_plan_warns_and_the_rest_is_exact(
    body: str, warning: str, renderer: WarmRenderer, other: str, tmp_path: Path
):
    page = tmp_path / "page"
    (page / "assets").mkdir(parents=True)
    for asset in ("barcode.css", "barcode.js", "every.js"):
        (page / "assets" / asset).write_bytes((PAGES / "assets" / asset).read_bytes())
    (page / "index.html").write_text(PAGE + body)

    outcome = renderer.render(page, tmp_path / "film.mp4", artifacts=tmp_path / "artifacts", props={"other": other})

    warnings = outcome.job.ours.warnings
    assert any(warning in line for line in warnings), f"nothing about {warning} in {warnings}"
    numbers = [read(luma) for luma in decoded(tmp_path / "film.mp4")]
    assert numbers == [exact(Moment(n, Fraction(30))) for n in range(15)]


def test_a_page_within_the_rules_gives_no_warning(renderer: WarmRenderer, tmp_path: Path):
    page = tmp_path / "page"
    (page / "assets").mkdir(parents=True)
    for asset in ("barcode.css", "barcode.js"):
        (page / "assets" / asset).write_bytes((PAGES / "assets" / asset).read_bytes())
    (page / "index.html").write_text(PAGE)

    outcome = renderer.render(page, tmp_path / "film.mp4", artifacts=tmp_path / "artifacts")

    assert outcome.job.ours.warnings == ()
