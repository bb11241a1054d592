"""What is said of a slow page: only what was measured."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from helios_worker.planning.slowness import FrameTime, in_one_line, key_frames_apart


def video(path: Path, gop: int, frames: int = 60) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", 30, options={"g": str(gop), "sc_threshold": "0", "bf": "0"})
        stream.width = stream.height = 32
        stream.pix_fmt = "yuv420p"
        for number in range(frames):
            picture = np.full((32, 32, 3), 4 * number % 256, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture)))
        container.mux(stream.encode())
    return path


@pytest.mark.parametrize(("gop", "apart"), [(15, Fraction(1, 2)), (60, Fraction(59, 30))])
def test_how_far_key_frames_are_apart(tmp_path, gop, apart):
    assert key_frames_apart(video(tmp_path / "clip.mp4", gop)) == apart


def test_what_is_no_video_has_no_key_frames(tmp_path):
    (tmp_path / "clip.mp4").write_text("no video")
    assert key_frames_apart(tmp_path / "clip.mp4") is None


@pytest.mark.parametrize(
    ("times", "known", "line"),
    [
        pytest.param([FrameTime(1, 0.01, 0.02)], [], None, id="not slow"),
        pytest.param([FrameTime(1, 0.1, 0.2)], [], None, id="a little slow, for no known cause"),
        pytest.param([], [], None, id="not measured"),
        pytest.param(
            [FrameTime(1, 0.1, 0.2)],
            ["CSS filter on 1 element costs 0.15 s of it"],
            "slow: frame 1 takes 0.30 s, 67% of that for drawing it: CSS filter on 1 element costs 0.15 s of it",
            id="a known cause",
        ),
        pytest.param(
            [FrameTime(1, 0.01, 0.01), FrameTime(9, 0.01, 0.01), FrameTime(206, 9.9, 0.1)],
            [],
            "slow: frame 206 takes 10.00 s, 99% of that for the page's scripts and media, 0.02 s as a rule",
            id="one frame is very slow",
        ),
    ],
)
def test_what_is_said(times, known, line):
    assert in_one_line(times, known) == line
