"""What a stranger's text or file costs to look at: a time by its length, whatever it holds."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import pytest

from helios_worker.artifacts.snapshot import Snapshot
from helios_worker.capture.moving_images import animated_type, svg_moves
from helios_worker.capture.truncated import PARTS_READ, ends_early
from helios_worker.checking.sources import mentioned, search
from helios_worker.checking.usage import Usage
from helios_worker.checking.videos import probe
from helios_worker.planning.slowness import key_frames_apart

SHORT, LONG = 1 << 15, 1 << 18
TIMES_LONGER = 40
"""Eight times the text takes eight times as long, or more on a busy machine. Looking twice takes 64 times as long."""


def svg(inside: str) -> Callable[[int], object]:
    return lambda length: svg_moves(f"<svg>{inside * (length // len(inside))}")


def page(part: str, begin: str = "") -> Callable[[int], object]:
    return lambda length: search({"page.html": begin + part * (length // len(part))})


def names(part: str) -> Callable[[int], object]:
    files = Snapshot(entry="a.html", files={"a.html": "0" * 64})
    return lambda length: mentioned({"a.html": part * (length // len(part))}, files)


def stack(length: int) -> None:
    usage = Usage()
    usage._note(f'{{"rule": "random", "stack": "{"http://a" * (length // 8)}"}}')  # as a page's prepareStackTrace wants


@pytest.mark.parametrize(
    "look",
    [
        pytest.param(svg("<!--"), id="an SVG of comments that do not end"),
        pytest.param(svg("/*"), id="an SVG's style of comments that do not end"),
        pytest.param(svg("<set "), id="elements that do not end"),
        pytest.param(svg("<set x='1'>" + "a" * 1000), id="many elements"),
        pytest.param(lambda length: svg_moves(f"<set {'a' * length}>"), id="a long attribute name"),
        pytest.param(lambda length: svg_moves(f"<set {'a=' * (length // 2)}>"), id="attributes without values"),
        pytest.param(lambda length: svg_moves(f"<set a{' ' * length}>"), id="a long gap"),
        pytest.param(svg("<a:"), id="prefixes"),
        pytest.param(svg("animation:"), id="animations"),
        pytest.param(svg("@keyframes "), id="keyframes without names"),
        pytest.param(page("/*\n"), id="a script of comments that do not end"),
        pytest.param(page("<!--\n"), id="a page of comments that do not end"),
        pytest.param(page("filter:\n"), id="filters that do not end"),
        pytest.param(page("location \n"), id="words of a rule"),
        pytest.param(names("a"), id="a long word"),
        pytest.param(names("a."), id="a long name"),
        pytest.param(names("."), id="dots"),
        pytest.param(stack, id="a stack without places"),
    ],
)
def test_the_time_grows_no_faster_than_the_text(look: Callable[[int], object]):
    """Nothing counts the steps of a pattern. So it is a ratio of two times, and one measurement of three is enough."""

    def seconds(length: int) -> float:
        started = time.process_time()
        look(length)
        return time.process_time() - started

    seconds(64)
    assert any(seconds(LONG) < max(0.05, TIMES_LONGER * seconds(SHORT)) for _ in range(3))


class Counted(bytes):
    """Bytes that count how often they are looked at."""

    looks = 0

    def __getitem__(self, at: Any) -> Any:
        self.looks += 1
        return super().__getitem__(at)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"\xff\xd8" + b"\xff" * (1 << 23), id="fill bytes"),
        pytest.param(b"\xff\xd8" + b"\xff\xe0\x00\x02" * (1 << 21), id="empty segments"),
    ],
)
def test_a_jpeg_without_an_end_of_its_headers_is_not_read_for_ever(data: bytes):
    looked_at = Counted(data)
    assert ends_early(looked_at)
    assert looked_at.looks < 10 * PARTS_READ


def test_a_list_of_files_that_calls_itself_a_video_is_not_followed(tmp_path: Path):
    with av.open(str(tmp_path / "secret.mp4"), "w") as film:
        stream = film.add_stream("libx264", rate=10)
        stream.width = stream.height = 64
        film.mux([*stream.encode(av.VideoFrame(64, 64, "yuv420p")), *stream.encode()])
    (tmp_path / "film.mp4").write_text("ffconcat version 1.0\nfile secret.mp4\n")
    found = probe("film.mp4", tmp_path / "film.mp4", ("index.html", 1))
    assert [each.what for each in found] == ["film.mp4 is a video that cannot be read"]
    assert key_frames_apart(tmp_path / "film.mp4") is None
    assert key_frames_apart(tmp_path / "secret.mp4") is not None


@pytest.mark.parametrize(
    "head",
    [
        b"\x89PNG\r\n\x1a\n" + b"\0\0\0\0tEXt\0\0\0\0" * 5000,
        b"\x89PNG\r\n\x1a\n" + b"\xff\xff\xff\xfftEXt",
        b"\xff\xff\xff\xffftyp" + b"mif1" * 16000,
        b"\0\0\0\0ftypmif1",
        b"RIFF\xff\xff\xff\xffWEBPVP8X",
    ],
)
def test_the_head_of_an_image_that_lies_about_its_sizes(head: bytes):
    assert animated_type(head) is None
