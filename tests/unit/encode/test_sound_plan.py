"""The sound plan: what it says exactly, and how small it stays."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from helios_worker.encode.audio.score import sample_at
from helios_worker.encode.audio.sound_plan import Envelope, Loop, Piece, SoundPlan, SoundSource

SOURCE = SoundSource(sha256="ab" * 32, name="music.mp3")
FRAME = Fraction(1001, 30000)
times = st.fractions(min_value=0, max_value=3600, max_denominator=10**6)


@settings(max_examples=30)
@given(
    piece=st.builds(
        Piece,
        source=st.just(0),
        start=times,
        duration=times.filter(bool),
        position=times,
        rate=st.fractions(min_value=Fraction(1, 16), max_value=16, max_denominator=10**9),
        preservesPitch=st.booleans(),
        loop=st.none() | st.builds(Loop, start=times),
        gain=st.floats(0, 1000),
        fadeIn=times,
        fadeOut=times,
    )
)
def test_a_plan_is_read_as_it_was_written(piece):
    plan = SoundPlan(fps=Fraction(30000, 1001), end=300, sources=(SOURCE,), pieces=(piece,))
    again = SoundPlan.model_validate_json(plan.content)
    assert again == plan
    assert again.digest == plan.digest


def test_times_are_exact_in_json():
    plan = SoundPlan(fps=30, end=30, sources=(SOURCE,), pieces=(Piece(source=0, start=Fraction(1, 3), duration=1),))
    assert b'"start":"1/3"' in plan.content
    assert b"preservesPitch" not in plan.content


@pytest.mark.parametrize(
    "wrong",
    [
        {"pieces": [{"source": 1, "start": "0", "duration": "1"}]},
        {"pieces": [{"source": 0, "start": "0", "duration": "0"}]},
        {"pieces": [{"source": 0, "start": "-1", "duration": "1"}]},
        {"pieces": [{"source": 0, "start": 0.5, "duration": "1"}]},
        {"pieces": [{"source": 0, "start": "1/0", "duration": "1"}]},
        {"pieces": [{"source": 0, "start": "0", "duration": "1", "rate": "17"}]},
        {"pieces": [{"source": 0, "start": "0", "duration": "1", "gain": 1001}]},
        {"pieces": [{"source": 0, "start": "0", "duration": "1", "envelope": 0}]},
        {"envelopes": [{"tick": "1", "points": [[1, 0.5], [0, 0.5]]}]},
        {"first": 30, "end": 30},
    ],
)
def test_what_is_no_plan(wrong):
    good = {"fps": "30", "end": 30, "sources": [SOURCE.model_dump()], "pieces": []}
    SoundPlan.model_validate(good)
    with pytest.raises(ValidationError):
        SoundPlan.model_validate(good | wrong)


gains = st.lists(st.floats(0, 4), min_size=1, max_size=60)


@given(gains=gains, data=st.data())
def test_a_thinned_envelope_passes_by_every_point(gains, data):
    steps = data.draw(st.lists(st.integers(0, 2), min_size=len(gains), max_size=len(gains)))
    ticks = [sum(steps[: place + 1]) for place in range(len(gains))]
    envelope = Envelope.through(zip(ticks, gains, strict=True), FRAME)
    last = dict(zip(ticks, gains, strict=True))  # of a step the second gain holds
    for tick, gain in last.items():
        assert envelope.at(tick * FRAME) == pytest.approx(gain, rel=0.0031, abs=4e-5)


def test_300_tracks_with_an_envelope_a_frame_stay_small():
    frames = 600
    envelopes = [
        Envelope.through([(n, (1 - (n % 300) / 300) ** 3 * track / 300) for n in range(frames)], FRAME)
        for track in range(300)
    ]
    pieces = [Piece(source=0, start=0, duration=20, envelope=index) for index in range(300)]
    plan = SoundPlan(
        fps=Fraction(30000, 1001), end=frames, sources=(SOURCE,), pieces=tuple(pieces), envelopes=tuple(envelopes)
    )
    assert len(plan.content) < 500_000


def test_samples_of_films():
    assert sample_at(Fraction(1, 96_000)) == 1
    plan = SoundPlan(fps=Fraction(30000, 1001), first=30, end=60, sources=(), pieces=())
    assert (plan.first_sample, plan.samples) == (48_048, 48_048)
