from hashlib import sha256
from io import BytesIO
from itertools import pairwise
from pathlib import Path

import av
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from helios_worker.encode.film.concat import concatenate
from helios_worker.encode.mp4.boxes import read_layout
from helios_worker.encode.video.unit import UnitEncoder
from helios_worker.errors import CorruptSegment, SegmentMismatch
from tests.unit.encode.builders import (
    even_groups,
    plane,
    segment,
    segments,
    settings,
    shown,
    shown_numbers,
    units,
)

FRAMES = 175  # thirty units of six frames but for the last, which has one: 29 * 6 + 1
FPS = ["30", "24", "60", "30000/1001", "24000/1001"]


@pytest.fixture(scope="module", params=FPS)
def film(request):
    made = settings(fps=request.param)
    return made, units(made, FRAMES)


def join(folder: Path, made, encoded, sizes) -> Path:
    folder.mkdir()
    paths, frames = segments(folder, made, encoded, sizes)
    output = folder / "film.mp4"
    concatenate(paths, output, made, expected=frames)
    return output


def test_the_grouping_of_units_cannot_be_seen(tmp_path, film):
    made, encoded = film
    assert len(encoded) == 30
    assert encoded[-1].frames == 1
    films = [join(tmp_path / str(n), made, encoded, even_groups(30, n)) for n in (1, 2, 7, 30)]
    assert len({sha256(path.read_bytes()).hexdigest() for path in films}) == 1


def test_the_film_shows_every_frame_at_its_time(tmp_path, film):
    made, encoded = film
    path = join(tmp_path / "film", made, encoded, [3, 1, 25, 1])
    assert list(shown(path)) == [(n, n / made.fps) for n in range(FRAMES)]
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.time_base is not None
        assert stream.duration is not None
        assert container.duration is not None
        assert stream.average_rate == stream.base_rate == made.fps
        assert stream.frames == FRAMES
        assert stream.duration * stream.time_base == FRAMES / made.fps
        assert stream.start_time == 0
        assert abs(container.duration - FRAMES / made.fps * 1_000_000) < 1
        context = stream.codec_context
        assert (context.colorspace, context.color_range, context.color_trc, context.color_primaries) == (1,) * 4
        assert context.codec_tag == "avc1"
        packets = [packet for packet in container.demux(stream) if packet.size]
    assert [packet.dts for packet in packets] == sorted({packet.dts or 0 for packet in packets})
    assert sorted((packet.pts or 0) * packet.time_base * made.fps for packet in packets) == list(range(FRAMES))


def test_a_film_starts_playing_while_it_loads_and_names_no_version(tmp_path):
    made = settings()
    path = join(tmp_path / "film", made, units(made, 12), [1, 1])
    assert [box.kind for box in read_layout(path).boxes] == ["ftyp", "moov", "free", "mdat"]
    head = path.read_bytes().partition(b"mdat")[0]
    assert b"Lav" not in head, "the muxer's version"


@pytest.fixture(scope="module")
def short_film(tmp_path_factory):
    made = settings(fps="30000/1001")
    encoded = units(made, 31)
    return made, encoded, join(tmp_path_factory.mktemp("short") / "film", made, encoded, [6]).read_bytes()


@hypothesis_settings(max_examples=15, deadline=None)
@given(cuts=st.sets(st.integers(1, 5)))
def test_any_grouping_gives_the_same_film(tmp_path_factory, short_film, cuts):
    made, encoded, expected = short_film
    sizes = [b - a for a, b in pairwise([0, *sorted(cuts), 6])]
    path = join(tmp_path_factory.mktemp("any") / "film", made, encoded, sizes)
    assert path.read_bytes() == expected


@pytest.mark.parametrize("unit_frames", [1, 2, 3])
def test_units_shorter_than_the_reorder_depth(tmp_path, unit_frames):
    """Their own decoding times start later than those of longer units; only the rule makes them fit."""
    made = settings(unit_frames=unit_frames)
    encoded = units(made, 13)
    films = [join(tmp_path / str(n), made, encoded, even_groups(len(encoded), n)) for n in (1, 2, len(encoded))]
    assert len({path.read_bytes() for path in films}) == 1
    assert shown_numbers(films[0]) == list(range(13))


def test_the_film_shows_the_pictures_of_its_segments(tmp_path):
    """Sample for sample: nothing leaks over a join, and nothing is encoded again."""
    made = settings(fps="24000/1001")
    encoded = units(made, 20)
    film = join(tmp_path / "film", made, encoded, [1, 2, 1])
    apart = [luma for part in sorted((tmp_path / "film").glob("0*.mp4")) for luma in decoded_luma(part)]
    assert decoded_luma(film) == apart


def decoded_luma(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [plane(frame, 0).tobytes() for frame in container.decode(video=0)]


def test_without_b_frames(tmp_path):
    made = settings(preset="ultrafast")
    encoded = units(made, 14)
    films = [join(tmp_path / str(n), made, encoded, even_groups(3, n)) for n in (1, 3)]
    assert films[0].read_bytes() == films[1].read_bytes()
    assert shown_numbers(films[0]) == list(range(14))


def test_segments_may_be_in_memory(tmp_path):
    made = settings()
    encoded = units(made, 13)
    paths, frames = segments(tmp_path, made, encoded, [1, 1, 1])
    concatenate(paths, tmp_path / "a.mp4", made, expected=frames)
    concatenate([BytesIO(p.read_bytes()) for p in paths], tmp_path / "b.mp4", made, expected=frames)
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


class TestWhatDoesNotFit:
    @pytest.fixture
    def parts(self, tmp_path):
        made = settings()
        paths, frames = segments(tmp_path, made, units(made, 18), [1, 1, 1])
        return made, paths, frames, tmp_path / "film.mp4"

    def refuse(self, parts, message, kind=SegmentMismatch):
        made, paths, frames, output = parts
        with pytest.raises(kind, match=message) as caught:
            concatenate(paths, output, made, expected=frames)
        assert not output.exists()
        return caught.value

    def test_another_number_of_frames_than_planned(self, parts):
        parts[2][1] = 7
        assert self.refuse(parts, "holds 6 frames, the plan says 7").index == 1

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"preset": "ultrafast"}, "segment 2: codec parameters differ from segment 0: extradata"),
            ({"width": 192, "height": 128}, "segment 2: .*width 192, not 96"),
        ],
    )
    def test_other_settings(self, parts, tmp_path, changes, message):
        other = settings(**changes)
        encoded = [blank_unit(other)] if "width" in changes else units(other, 6)
        parts[1][2] = segment(tmp_path / "other.mp4", other, encoded)
        assert self.refuse(parts, message).index == 2

    def test_another_frame_rate(self, parts, tmp_path):
        other = settings(fps="25")
        parts[1][1] = segment(tmp_path / "other.mp4", other, units(other, 6))
        assert self.refuse(parts, "other.mp4", CorruptSegment).index == 1

    def test_a_missing_segment(self, parts):
        parts[1][1].unlink()
        assert self.refuse(parts, "00001.mp4: not a readable MP4", CorruptSegment).index == 1

    def test_a_cut_segment(self, parts):
        parts[1][2].write_bytes(parts[1][2].read_bytes()[:-40])
        assert self.refuse(parts, "00002.mp4", CorruptSegment).index == 2

    def test_another_number_of_segments(self, parts):
        parts[1].pop()
        with pytest.raises(ValueError, match="2 segments, but 3 frame counts"):
            concatenate(parts[1], parts[3], parts[0], expected=parts[2])


def blank_unit(made):
    encoder = UnitEncoder(made)
    for _ in range(6):
        encoder.encode(av.VideoFrame(made.width, made.height, "yuv420p"))
    return encoder.finish()
