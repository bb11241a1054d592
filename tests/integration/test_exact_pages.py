"""Every frame of every page of the corpus shows exactly its own time, and no cut changes a byte.

Each page draws a number by the mechanism it is about (corpus.py). A render through the product is decoded
and read on every frame; then the same page is rendered in other chunks and lanes and the files are
compared. A chunk enters its page at its first frame, so equal bytes also say that a jump to a frame shows
what stepping to it does.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path

import pytest

from helios_crds.request import RenderRequest
from helios_worker.jobs.layout import plan_key
from helios_worker.jobs.spec import JobSpec
from helios_worker.planning.asked_film import plan_id
from helios_worker.planning.chunking import cut_chunks
from tests.barcode import Luma, Unreadable, decoded, edge, read
from tests.cluster.cache import locked
from tests.integration.compositions import compose
from tests.integration.corpus import PAGES, Moment, Page
from tests.integration.origin import origin
from tests.rendering import WarmRenderer, request_for

SECONDS = {"24": 2, "30": 2, "60": 1.5, "30000/1001": 2.002}
"""Length of a film at each rate: 48, 60, 90 and 60 frames."""

UNIT_FRAMES = 2
"""A fine grid, so that a film of two seconds can be cut into thirty chunks."""

CUTS = [(3, 2), (2, 1), (7, 1), (4, 1), (2, 3), (1, 2), (3, 2), (2, 2), (1, 3), (5, 1), (2, 3), (1, 2)]
"""Chunks and lanes of the second render, in turn; the first is one chunk on one lane. Each chunk opens its page on each
of its lanes, which costs what twenty frames do: small numbers of both show as many kinds of cuts."""

FINEST = (30, 3)
"""One chunk for each unit, and lanes that share it: a page is opened sixty times, so one page is cut like this."""

SEVENTH_OF_A_FRAME = 1 / 7

Render = Callable[..., Path]


@pytest.fixture(scope="module")
def origins() -> Iterator[dict[str, str]]:
    """Props of all pages: two servers of other origins than the page's, and of two sites."""
    with origin("127.0.0.1") as server, origin("localhost") as other:
        yield {"server": server, "other": other}


@pytest.fixture(scope="module")
def render_page(
    origins: dict[str, str], session_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Render]:
    """Renders a page of the corpus to a file; the same request is answered with the same file, in all processes."""
    root, own = session_folder / "exact", tmp_path_factory.mktemp("exact")
    workers: dict[int, WarmRenderer] = {}

    def render_once(page: Page, rate: str, *, chunks: int, lanes: int) -> Path:
        label = f"{page.name}-{rate.replace('/', '-')}"
        film = root / f"{label}-{chunks}-{lanes}.mp4"
        with locked(film.with_suffix(".lock")):
            if not film.exists():
                whole = root / f"artifacts-{label}"
                artifacts = own / f"artifacts-{film.stem}" if chunks * lanes > 1 else whole
                request = request_for(
                    composed(page),
                    film,
                    fps=rate,
                    duration=SECONDS[rate],
                    props={"fps": rate, **origins},
                    chunks=chunks,
                    unit_frames=UNIT_FRAMES,
                    # Half of the work for such a film, and no part of one that is played from its first frame on.
                    seeking="Auto" if rate == "30" else "Seekable",
                )
                if artifacts is not whole:
                    planned_as(whole, request, artifacts)
                if lanes not in workers:
                    workers[lanes] = stack.enter_context(WarmRenderer(own, lanes=lanes))
                workers[lanes].carry_out(request, artifacts)
                if artifacts is not whole:
                    assert all(each.ours.film.stateful for each in plans_in(artifacts)[1:]), "it was planned again"
                    shutil.rmtree(artifacts)
        return film

    def composed(page: Page) -> Path:
        folder = root / page.name
        with locked(root / "pages.lock"):
            if not folder.exists():
                compose(page.name, folder, cache=root / "videos")
        return folder

    with ExitStack() as stack:
        yield render_once


def plans_in(artifacts: Path) -> list[JobSpec]:
    """The plans in a store, the oldest first. A page whose lanes disagree is planned once more, as a stateful one."""
    files = sorted(artifacts.glob("plans/*.json"), key=lambda file: file.stat().st_mtime_ns)
    return [JobSpec.model_validate_json(file.read_bytes()) for file in files]


def planned_as(whole: Path, request: RenderRequest, artifacts: Path) -> None:
    """A store with the plan of the whole film, cut as another request asks, and with none of its chunks.

    What a plan finds out about a page does not depend on the chunks, and is half of the work for a film of two seconds.
    A page that asks the network is planned again: it has other servers in another process.
    """
    planned = plans_in(whole)[-1]
    if planned.ours.film.recording:
        return
    shutil.copytree(whole, artifacts, ignore=shutil.ignore_patterns("chunks", "segments", "jobs", "plans"))
    engine = planned.ours.engine
    film = planned.ours.film.model_copy(update={"props": request.composition.props})
    chunks = tuple(cut_chunks(film, list(planned.ours.costs), request, engine))
    ours = planned.ours.model_copy(update={"film": film})
    cut = planned.model_copy(update={"id": plan_id(request, engine, film.snapshot), "chunks": chunks, "helios": ours})
    place = artifacts / plan_key(cut.id)
    place.parent.mkdir()
    place.write_text(cut.model_dump_json(exclude_none=True))


def differences(page: Page, luma: Luma, at: Moment) -> list[str]:
    """What a frame shows that it should not."""
    found = []
    for line, expected in page.lines.items():
        try:
            if (number := read(luma, line)) != expected(at):
                found.append(f"line {line} shows {number} instead of {expected(at)}")
        except Unreadable as unreadable:
            found.append(f"{unreadable} (instead of {expected(at)})")
    for line, position in page.bars.items():
        due = position(at)
        pace = abs(position(Moment(at.frame + 1, at.fps)) - due) or abs(due - position(Moment(at.frame - 1, at.fps)))
        try:
            if abs((end := edge(luma, line)) - due) > max(0.3, pace * SEVENTH_OF_A_FRAME):
                found.append(f"the bar on line {line} ends at {end:.2f} px instead of {due:.2f}")
        except Unreadable as unreadable:
            found.append(f"{unreadable} (instead of an edge at {due:.2f} px)")
    return [f"frame {at.frame} ({float(at.ms):.3f} ms): {difference}" for difference in found]


@pytest.mark.parametrize(
    ("page", "rate"),
    [pytest.param(page, "30", id=page.name) for page in PAGES]
    + [
        pytest.param(page, rate, id=f"{page.name} at {rate}")
        for page in PAGES
        if page.everywhere
        for rate in ("24", "60", "30000/1001")
    ],
)
def test_every_frame_shows_its_own_time(page: Page, rate: str, render_page: Render):
    fps = Fraction(rate)
    frames = round(fps * Fraction(str(SECONDS[rate])))
    pictures = list(decoded(render_page(page, rate, chunks=1, lanes=1)))

    assert len(pictures) == frames
    wrong = [difference for n, luma in enumerate(pictures) for difference in differences(page, luma, Moment(n, fps))]
    assert not wrong, "\n".join([f"{len(wrong)} differences", *wrong[:20]])
    for line, varies in page.random.items():
        shown = {read(luma, line) for luma in pictures}
        assert len(shown) > frames / 2 if varies else len(shown) == 1, f"line {line} shows {sorted(shown)}"


@pytest.mark.parametrize(
    ("page", "chunks", "lanes"),
    [
        pytest.param(
            page,
            *cut,
            id="{} in {} chunks on {} lanes".format(page.name, *cut),
        )
        for i, page in enumerate(PAGES)
        for cut in [page.cut or (CUTS[i % len(CUTS)] if i else FINEST)]
    ],
)
def test_no_cut_changes_a_byte(page: Page, chunks: int, lanes: int, render_page: Render):
    whole = render_page(page, "30", chunks=1, lanes=1)
    cut = render_page(page, "30", chunks=chunks, lanes=lanes)

    if whole.read_bytes() != cut.read_bytes():
        pictures = zip(decoded(whole), decoded(cut), strict=True)
        other = [n for n, (a, b) in enumerate(pictures) if (a != b).any()]
        pytest.fail(f"frames {other} differ" if other else "equal pictures, but other bytes")
