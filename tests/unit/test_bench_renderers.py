"""The comparison's own instruments: what they read must be right before any figure is worth a look."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bench.renderers.barcode import CELLS, read_number
from bench.renderers.films import Film
from bench.renderers.report import markdown
from bench.renderers.runs import Results, Run
from bench.renderers.ssim import ssim

FILM = Film("heavy", 1280, 720, 30, 300)


def drawn(word: int, width: int, height: int) -> np.ndarray:
    """A grey picture with the 16 cells of a word along its lower edge."""
    luma = np.full((height, width), 90, dtype=np.uint8)
    edges = [round(cell * width / CELLS) for cell in range(CELLS + 1)]
    for cell in range(CELLS):
        bit = word >> (CELLS - 1 - cell) & 1
        luma[-round(height / 18) :, edges[cell] : edges[cell + 1]] = 235 if bit else 16
    return luma


@pytest.mark.parametrize(("width", "height"), [(1920, 1080), (1280, 720), (640, 360)])
@pytest.mark.parametrize(
    ("word", "number"),
    [
        pytest.param(0x000A, 0, id="first frame"),
        pytest.param(0x0011_0 | (0x1 ^ 0x1 ^ 0xA), 0x011, id="17"),
        pytest.param(0xFFF0 | (0xF ^ 0xF ^ 0xF ^ 0xA), 0xFFF, id="the last number"),
        pytest.param(0x0000, None, id="a black edge is no number"),
        pytest.param(0xFFFF, None, id="a white edge is no number"),
        pytest.param(0x0011_0 | 0xB, None, id="one wrong cell is noticed"),
    ],
)
def test_barcode(word, number, width, height):
    assert read_number(drawn(word, width, height)) == number


def test_a_still_slide_says_when_it_last_changed():
    still = replace(FILM, page="still")
    assert [still.expected_number(frame) for frame in (0, 89, 90, 179, 180, 299)] == [0, 0, 90, 90, 180, 180]


def test_samples_lie_inside_the_film():
    assert FILM.sample(6) == [25, 75, 125, 175, 225, 275]
    assert replace(FILM, frames=1).sample(6) == [0]


def test_ssim_is_one_for_equal_pictures_and_falls_with_noise():
    random = np.random.default_rng(1)
    picture = random.uniform(0, 255, (64, 80)).astype(np.float32)
    noise = random.normal(0, 1, picture.shape).astype(np.float32)
    assert ssim(picture, picture) == pytest.approx(1.0)
    assert 1 > ssim(picture, picture + 5 * noise) > ssim(picture, picture + 40 * noise)


def run(peer: str, number: int, wall: float, **changes: Any) -> Run:
    plain = Run("film", number, peer, "heavy", "1280x720", "dom", "same", 300, wall=wall, exact=300, decoded=300)
    return replace(plain, **changes)


def test_ratios_pair_the_rounds_and_the_worst_exactness_counts():
    results = Results(
        runs=[
            run("ours", 0, 10.0),
            run("remotion", 0, 20.0),
            run("ours", 1, 30.0),
            run("remotion", 1, 45.0, exact=299, decoded=301),
        ]
    )
    row = next(line for line in markdown(results).splitlines() if "Remotion |" in line)
    assert "| 299/300 of 301 | 1.75 |" in row


def test_a_renderer_that_failed_every_time_is_named():
    text = markdown(Results(runs=[run("helios", 0, 1.0, error="exit 1: no canvas")]))
    assert "| failed |" in text
    assert "- helios, heavy 1280x720, same: exit 1: no canvas" in text
