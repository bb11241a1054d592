import errno
from fractions import Fraction
from hashlib import sha256
from pathlib import Path

import av
import pytest

from helios_worker.encode.proof.segment import inspect_segment
from helios_worker.encode.video.settings import EncoderSettings
from helios_worker.encode.video.unit import EncodedUnit
from helios_worker.errors import CorruptSegment, EncodeError, SegmentMismatch
from tests.unit.encode.builders import segment, settings, shown, shown_numbers, units

FRAMES = 20  # three full units and one of two frames


@pytest.fixture(scope="module")
def film() -> tuple[EncoderSettings, list[EncodedUnit]]:
    return settings(), units(settings(), FRAMES)


@pytest.fixture
def whole(tmp_path: Path, film) -> Path:
    return segment(tmp_path / "whole.mp4", *film)


def test_a_segment_shows_its_frames_at_their_times(whole):
    assert list(shown(whole)) == [(n, Fraction(n, 30)) for n in range(FRAMES)]


def test_a_segment_is_described(whole, film):
    read = inspect_segment(whole, film[0])
    assert read.frames == FRAMES
    assert (read.bytes, read.sha256) == (whole.stat().st_size, sha256(whole.read_bytes()).hexdigest())
    assert read.parameters.reorder_depth == 2
    undecoded = inspect_segment(whole, decode=False)
    assert undecoded == read.model_copy(update={"decoded": False}), "settings are optional"


@pytest.mark.parametrize("length", [1, 2, 3])
def test_tiny_segments(tmp_path, length):
    made = settings()
    path = segment(tmp_path / "s.mp4", made, units(made, length))
    assert inspect_segment(path, made).frames == length
    assert shown_numbers(path) == list(range(length))


def test_settings_that_differ_are_named(whole):
    with pytest.raises(CorruptSegment, match="width 96, not 98"):
        inspect_segment(whole, settings(width=98))
    with pytest.raises(CorruptSegment, match=r"off the frame grid|breaks the count"):
        inspect_segment(whole, settings(fps="25"))


def test_units_of_different_settings_do_not_mix(tmp_path, film):
    made, encoded = film
    other = units(settings(preset="ultrafast"), 6)
    with pytest.raises(SegmentMismatch, match=r"segment 1: codec parameters differ.*extradata"):
        segment(tmp_path / "s.mp4", made, [encoded[0], *other])
    assert list(tmp_path.iterdir()) == [], "a failed segment leaves nothing"


def test_an_empty_segment_is_refused(tmp_path):
    with pytest.raises(EncodeError, match="nothing was put into"):
        segment(tmp_path / "s", settings(), [])
    assert list(tmp_path.iterdir()) == []


def without_packet(path: Path, dropped: int) -> Path:
    """The same file with one packet lost, as a careless copy leaves it."""
    target = path.with_name("dropped.mp4")
    with av.open(str(path)) as source, av.open(str(target), "w") as sink:
        stream = sink.add_stream_from_template(source.streams.video[0], opaque=True)
        for index, packet in enumerate(p for p in source.demux(video=0) if p.size):
            if index != dropped:
                packet.stream = stream
                sink.mux_one(packet)
    return target


@pytest.mark.parametrize("decode", [True, False])
@pytest.mark.parametrize("dropped", [1, 7, 18])
def test_a_lost_packet_is_found(whole, dropped, decode):
    with pytest.raises(CorruptSegment) as caught:
        inspect_segment(without_packet(whole, dropped), settings(), decode=decode)
    assert caught.value.name.endswith("dropped.mp4")
    assert caught.value.frame == dropped


def test_a_damaged_packet_is_found_by_decoding_and_named(whole):
    with av.open(str(whole)) as container:
        packets = [p for p in container.demux(video=0) if p.size]
    packet = packets[8]
    assert packet.pos is not None
    data = bytearray(whole.read_bytes())
    middle = packet.pos + packet.size // 2
    data[middle : middle + 8] = bytes(8)
    whole.write_bytes(data)
    assert inspect_segment(whole, settings(), decode=False).frames == FRAMES, "the packets are all there"
    with pytest.raises(CorruptSegment, match="does not decode") as caught:
        inspect_segment(whole, settings())
    assert caught.value.frame is not None
    assert 6 <= caught.value.frame < 12, "the unit that the packet is in"


@pytest.mark.parametrize("keep", [0, 7, 100, 0.3, 0.9, -1])
def test_a_cut_file_is_found(whole, keep):
    data = whole.read_bytes()
    cut = int(len(data) * keep) if isinstance(keep, float) else keep
    whole.write_bytes(data[:cut])
    with pytest.raises(CorruptSegment, match=r"not a readable MP4|missing|cut|cannot be read"):
        inspect_segment(whole, settings())


def test_what_is_no_video_is_named(tmp_path):
    with pytest.raises(CorruptSegment, match=r"none\.mp4: not a readable MP4"):
        inspect_segment(tmp_path / "none.mp4")
    (tmp_path / "text.mp4").write_text("<html>404</html>")
    with pytest.raises(CorruptSegment, match=r"text\.mp4: not a readable MP4"):
        inspect_segment(tmp_path / "text.mp4")


def test_the_errors_number_is_that_of_the_system():
    """write_errors tells a full disk by FFmpeg's errno."""
    with pytest.raises(av.FFmpegError) as caught:
        av.open("/nonexistent/x.mp4", "w").start_encoding()
    assert caught.value.errno == errno.ENOENT
