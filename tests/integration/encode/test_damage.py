"""Whatever happens to a file's bytes is found, or harmless: no other exception, never a wrong count."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from helios_worker.encode.film.concat import concatenate
from helios_worker.encode.proof.segment import inspect_segment
from helios_worker.encode.proof.verify import verify_video
from helios_worker.errors import CorruptArtifact, CorruptSegment, SegmentMismatch
from tests.unit.encode.builders import segment, settings, units

MADE = settings()
FRAMES = 14


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    return segment(tmp_path_factory.mktemp("whole") / "s.mp4", MADE, units(MADE, FRAMES))


@st.composite
def damage(draw):
    """A function from sound bytes to damaged ones."""
    kind = draw(st.sampled_from(["cut", "flip", "zero", "drop", "insert", "swap"]))
    at = draw(st.floats(0, 1, exclude_max=True))
    length = draw(st.integers(1, 300))
    noise = draw(st.binary(min_size=1, max_size=16))

    def apply(data: bytes) -> bytes:
        start = int(len(data) * at)
        end = min(len(data), start + length)
        piece = data[start:end]
        kinds: dict[str, bytes] = {
            "cut": b"",
            "flip": bytes(byte ^ noise[i % len(noise)] for i, byte in enumerate(piece)),
            "zero": bytes(len(piece)),
            "drop": b"",
            "insert": noise + piece,
            "swap": piece[::-1],
        }
        return data[:start] + kinds[kind] + (b"" if kind == "cut" else data[end:])

    apply.__name__ = f"{kind}_{at}_{length}_{noise.hex()}"
    return apply


def outcome(check, kind):
    """What a check returned, or the error of that kind that it raised."""
    try:
        return check()
    except kind as error:
        return error


@hypothesis_settings(max_examples=250)
@given(harm=damage())
def test_a_damaged_segment_is_found_or_whole(tmp_path_factory, whole, harm):
    path: Path = tmp_path_factory.getbasetemp() / "damaged.mp4"
    path.write_bytes(harm(whole.read_bytes()))
    found = outcome(lambda: inspect_segment(path, MADE), CorruptSegment)
    if isinstance(found, CorruptSegment):
        assert found.name == str(path)
        assert found.frame is None or 0 <= found.frame <= FRAMES
    else:
        assert found.frames == FRAMES


@hypothesis_settings(max_examples=150)
@given(harm=damage())
def test_a_damaged_film_is_reported_or_whole(tmp_path_factory, whole, harm):
    path: Path = tmp_path_factory.getbasetemp() / "damaged.mp4"
    path.write_bytes(harm(whole.read_bytes()))
    found = outcome(lambda: verify_video(path, frames=FRAMES, fps=MADE.fps), CorruptArtifact)
    if isinstance(found, CorruptArtifact):
        assert path.name in found.message
    else:
        assert found.problems or found.frames == FRAMES


@hypothesis_settings(max_examples=100)
@given(harm=damage(), first=st.booleans())
def test_a_damaged_segment_is_never_joined_short(tmp_path_factory, whole, harm, first):
    folder: Path = tmp_path_factory.getbasetemp()
    sound, damaged, film = folder / "sound.mp4", folder / "damaged.mp4", folder / "film.mp4"
    sound.write_bytes(whole.read_bytes())
    damaged.write_bytes(harm(whole.read_bytes()))
    parts = [damaged, sound] if first else [sound, damaged]
    error = outcome(
        lambda: concatenate(parts, film, MADE, expected=[FRAMES, FRAMES]), (CorruptSegment, SegmentMismatch)
    )
    if error is not None:
        assert error.index in (0, 1)
        assert not film.exists()
    else:
        report = verify_video(film, frames=2 * FRAMES, decode=False)
        assert report.ok, report.problems
