"""The mix: every piece at its sample, at its rate and gain, however it is divided."""

from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helios_worker.encode.audio import reader
from helios_worker.encode.audio.errors import SoundUnusable
from helios_worker.encode.audio.mixer import Heard, Mixer
from helios_worker.encode.audio.sound_file import SoundFile
from helios_worker.encode.audio.sound_plan import Envelope, Loop, Piece
from tests.unit.encode.sounds import KINDS, clicks, mixed, peak_near, plan_of, tone, write

RATE = 48_000
SINE_STEP = 0.5 * 2 * np.pi * 440 / RATE
"""The largest step between two samples of a sine of 440 Hz at half of full scale."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("sounds")


@pytest.fixture(scope="module", params=[8_000, 44_100, 48_000, 96_000])
def clicked(request, folder):
    rate = request.param
    return write(folder / f"clicks-{rate}.wav", clicks(rate, 12, [1, 3.5, 10]), rate)


@pytest.fixture(scope="module", params=[44_100, 48_000])
def sine(request, folder):
    rate = request.param
    return write(folder / f"sine-{rate}.wav", tone(rate, 8), rate)


@pytest.mark.parametrize(
    "rate", [Fraction(1), Fraction(2), Fraction(1, 2), Fraction(11, 10), Fraction(1_234_567, 1_000_003)], ids=str
)
@pytest.mark.parametrize(
    ("start", "position"),
    [(Fraction(0), Fraction(0)), (Fraction(1, 3), Fraction(3)), (Fraction(7, 2), Fraction(97, 30))],
    ids=str,
)
def test_clicks_are_at_their_samples_at_every_rate(clicked, rate, start, position):
    heard = mixed(
        [clicked], Piece(source=0, start=start, duration=6, position=position, rate=rate, preservesPitch=False)
    )
    times = [start + (Fraction(at) - position) / rate for at in (Fraction(1), Fraction(7, 2), Fraction(10))]
    found = [peak_near(heard, round(at * RATE)) for at in times if start <= at < start + 6]
    assert found
    assert max(map(abs, found)) <= 3  # a sample of 8 kHz is six of the mix; the issue asks for 48


@pytest.mark.parametrize("rate", [Fraction(1, 2), Fraction(3, 4), Fraction(5, 4), Fraction(2)], ids=str)
def test_bursts_with_their_pitch_kept_are_within_10_ms(folder, rate):
    starts = (1.0, 2.9, 4.213)
    samples = tone(RATE, 8)
    inside = np.zeros(samples.shape[1], bool)
    for start in starts:
        inside[int(start * RATE) : int((start + 0.2 * rate) * RATE)] = True
    path = write(folder / f"bursts-{rate.numerator}-{rate.denominator}.wav", samples * inside, RATE)
    heard = mixed([path], Piece(source=0, start=Fraction(1), duration=9, rate=rate))[:, 0]
    level = np.convolve(np.abs(heard), np.ones(240) / 240, "same")
    for start in starts:
        begin = round((1 + start / float(rate)) * RATE)
        near = level[begin - 4800 : begin + 14_400]
        loud = np.flatnonzero(near > near.max() / 2)
        assert abs(loud[0] - 4800) <= 480
        assert abs(loud[-1] - 14_400) <= 480
    middle = heard[round((1 + 1.02 / float(rate)) * RATE) :][:4800]
    assert np.abs(np.fft.rfft(middle * np.hanning(4800))).argmax() == 44  # 440 Hz still


@settings(max_examples=3, deadline=None)
@given(cuts=st.lists(st.fractions(Fraction(1, 2), 5, max_denominator=1000), min_size=1, max_size=12, unique=True))
@pytest.mark.parametrize("rate", [Fraction(1), Fraction(3, 2)], ids=str)
def test_a_sine_in_pieces_is_the_sine_in_one(sine, cuts, rate):
    start, position = Fraction(1, 3), Fraction(1, 7)
    times = [start, *sorted(cuts), Fraction(51, 10)]
    pieces = [
        Piece(
            source=0, start=a, duration=b - a, position=position + (a - start) * rate, rate=rate, preservesPitch=False
        )
        for a, b in pairwise(times)
    ]
    whole = Piece(
        source=0, start=start, duration=Fraction(51, 10) - start, position=position, rate=rate, preservesPitch=False
    )
    one, many = mixed([sine], whole, seconds=6), mixed([sine], *pieces, seconds=6)
    assert np.abs(one - many).max() < 1e-4
    inside = many[RATE // 2 : 5 * RATE, 0]
    assert np.abs(np.diff(inside)).max() < SINE_STEP * float(rate) * 1.01


def test_a_loop_has_no_seam(sine):
    second = Piece(
        source=0, start=Fraction(0), duration=Fraction(9), loop=Loop(start=Fraction(1, 2), end=Fraction(3, 2))
    )
    whole = Piece(source=0, start=Fraction(0), duration=Fraction(9), position=Fraction(1), loop=Loop())
    for piece in (second, whole):
        heard = mixed([sine], piece)[100 : 9 * RATE - 100, 0]
        assert np.abs(np.diff(heard)).max() < SINE_STEP * 1.01
        assert np.sqrt(np.mean(heard**2)) == pytest.approx(0.5 / 2**0.5, rel=1e-3)


def test_gains_fades_and_envelopes_are_heard_as_they_are_written(folder):
    path = write(folder / "tone.wav", tone(RATE, 10, 1000, 0.8), RATE)
    tick = Fraction(1, 30)
    envelope = Envelope(tick=tick, points=((0, 1.0), (150, 1.0), (210, 0.25), (240, 0.25), (240, 0.5)))
    piece = Piece(source=0, start=1, duration=9, gain=0.5, envelope=0, fadeIn=1, fadeOut=1)
    heard = mixed([path], piece, envelopes=(envelope,))[:, 0]
    for frame in range(33, 297, 2):  # but at the very ends of the fades
        at = Fraction(frame, 30)
        middle = at + Fraction(1, 60)
        fade = min(Fraction(1), middle - 1, 10 - middle)
        wanted = 0.8 * 0.5 * envelope.at(middle) * float(fade)
        level = np.sqrt(np.mean(heard[round(at * RATE) : round((at + tick) * RATE)] ** 2)) * 2**0.5
        assert abs(20 * np.log10(level / wanted)) < 0.2, frame
    assert not heard[: RATE + 1].any()


def test_sources_are_summed_without_more_ado(folder):
    paths = [write(folder / f"sum-{hertz}.wav", tone(RATE, 2, hertz, 0.3), RATE) for hertz in (300, 500, 700)]
    pieces = [Piece(source=place, start=0, duration=2) for place in range(3)]
    apart = [mixed(paths, piece, seconds=2) for piece in pieces]
    assert np.allclose(mixed(paths, *pieces, seconds=2), sum(apart), atol=1e-6)


def mixture(folder):
    paths = [
        write(folder / "m.mp3", tone(44_100, 5), 44_100, kind="mp3", codec="libmp3lame"),
        write(folder / "m.webm", tone(RATE, 5, 300), RATE, kind="webm", codec="libopus"),
    ]
    pieces = [
        Piece(
            source=0,
            start=Fraction(1, 7),
            duration=3,
            position=Fraction(1, 3),
            loop=Loop(start=Fraction(1, 4), end=Fraction(3, 4)),
            fadeOut=2,
        ),
        Piece(source=1, start=Fraction(1, 2), duration=2, position=Fraction(17, 5), rate=Fraction(4, 5)),
        Piece(
            source=1,
            start=Fraction(1),
            duration=Fraction(1, 100),
            position=Fraction(2),
            rate=Fraction(3, 2),
            preservesPitch=False,
        ),
        Piece(source=0, start=Fraction(31, 10), duration=20, envelope=0),
    ]
    return paths, pieces, (Envelope(tick=Fraction(1, 30), points=((0, 1.0), (100, 0.1))),)


def test_the_bytes_do_not_depend_on_blocks_nor_on_threads(folder):
    paths, pieces, envelopes = mixture(folder)
    found = {
        mixed(paths, *pieces, block=block, threads=threads, seconds=4, envelopes=envelopes).tobytes()
        for block in (48_000, 1_601, 7_777, 192_000)
        for threads in (1, 3)
    }
    assert len(found) == 1


def test_a_part_of_a_film_sounds_as_it_does_in_the_whole(sine):
    pieces = [
        Piece(source=0, start=Fraction(1, 3), duration=5, fadeIn=3),
        Piece(
            source=0,
            start=Fraction(1),
            duration=8,
            loop=Loop(end=Fraction(1, 2)),
            rate=Fraction(3, 2),
            preservesPitch=False,
        ),
    ]
    whole = mixed([sine], *pieces)
    part = mixed([sine], *pieces, first=60, end=210)
    assert np.array_equal(part, whole[2 * RATE : 7 * RATE])


def test_what_was_heard_is_told(folder):
    paths = [
        write(folder / "short.wav", tone(RATE, 1), RATE),
        write(folder / "mute.wav", tone(RATE, 3, level=0), RATE),
        write(folder / "never.wav", tone(RATE, 3), RATE),
    ]
    pieces = [
        Piece(source=0, start=1, duration=5),
        Piece(source=1, start=0, duration=2),
        Piece(source=1, start=Fraction(5, 2), duration=20),
        Piece(source=2, start=10, duration=1),
    ]
    mixer = Mixer(plan_of(paths, *pieces).score(paths))
    for _ in mixer.blocks():
        pass
    assert sorted(mixer.heard) == [0, 1]
    assert mixer.heard[0] == Heard(seconds=Fraction(5), ends=Fraction(2), silent=False)
    assert mixer.heard[1] == Heard(seconds=Fraction(19, 2), ends=Fraction(11, 2), silent=True)


@pytest.mark.parametrize(("name", "kind", "codec", "rate"), KINDS, ids=[name for name, *_ in KINDS])
def test_nothing_is_decoded_but_what_is_heard(folder, monkeypatch, name, kind, codec, rate):
    path = write(folder / f"long-{name}", tone(rate, 120, channels=2), rate, kind=kind, codec=codec)
    decoded = []

    class Counting(SoundFile):
        def frames(self) -> Iterator[av.AudioFrame]:
            for frame in super().frames():
                decoded.append(frame.samples)
                yield frame

    monkeypatch.setattr(reader, "SoundFile", Counting)
    heard = mixed([path], Piece(source=0, start=0, duration=1, position=100), seconds=2)
    assert np.abs(heard[4800:RATE]).max() > 0.4
    assert sum(decoded) < 8 * rate  # WebM is sought by clusters of 5 s
    decoded.clear()
    assert reader.SoundReader(path, name).length() == pytest.approx(120 * rate, abs=rate / 20)
    assert sum(decoded) < 8 * rate  # WebM is sought by clusters of 5 s


def test_a_fault_of_one_of_several_at_once_is_told(folder):
    good = write(folder / "good.wav", tone(RATE, 2), RATE)
    bad = folder / "bad.wav"
    bad.write_bytes(b"<html>")
    pieces = [Piece(source=source, start=0, duration=2) for source in (0, 0, 1, 0)]
    with pytest.raises(SoundUnusable, match=r"^bad\.wav is no sound"):
        mixed([good, bad], *pieces, seconds=2, threads=3)
