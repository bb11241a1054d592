"""A sound with clicks for test pages, and what is heard of it in sound plans and films."""

from __future__ import annotations

import wave
from pathlib import Path

import av
import numpy as np

from helios_worker.artifacts.blobs import Blobs
from helios_worker.encode.audio.mix import mix_sound
from helios_worker.encode.audio.sound_plan import Piece, SoundPlan
from helios_worker.jobs.sounds import load_sound_plan, sound_files
from tests.integration.worker.project import Project

RATE = 48_000
CLICKS = (0.0, 0.5, 1.0, 1.5)
"""Seconds of the test's file that have a click, each of one sample. The file is 2 s long."""


def write_clicks(path: Path) -> None:
    samples = np.zeros(2 * RATE, dtype="<i2")
    samples[[round(time * RATE) for time in CLICKS]] = 25_000
    write_wav(path, samples)


def write_wav(path: Path, samples: np.ndarray) -> None:
    """Writes samples of 16 bits as a file of one channel."""
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes(samples.astype("<i2").tobytes())


def pieces_of(plan: SoundPlan | None, name: str) -> list[Piece]:
    """The pieces of a file of the page."""
    assert plan is not None
    return [piece for piece in plan.pieces if plan.sources[piece.source].name.endswith(name)]


def spans(pieces: list[Piece]) -> list[tuple[float, float, float, float]]:
    """When each begins and ends, from where in its file, and how fast."""
    return [(float(p.start), float(p.end), float(p.position), float(p.rate)) for p in pieces]


def heard(film: Path) -> np.ndarray:
    """The samples of a film's left channel, as they are heard from its beginning."""
    with av.open(film) as container:
        stream = container.streams.audio[0]
        assert stream.time_base is not None
        samples = [
            frame.to_ndarray()[0] for frame in container.decode(stream) if frame.pts is not None and frame.pts >= 0
        ]
        assert stream.duration is not None
        return np.concatenate(samples)[: round(stream.duration * stream.time_base * RATE)]


def clicks_in(samples: np.ndarray, *, above: float = 0.15) -> list[float]:
    """The seconds at which clicks are, each once."""
    loud = np.nonzero(np.abs(samples) > above)[0]
    return [float(at) / RATE for at, before in zip(loud, [-RATE, *loud], strict=False) if at - before > 100]


def mixed(project: Project) -> np.ndarray:
    """The samples of the left channel that the planned film will have."""
    assert project.job.ours.sound is not None
    plan = load_sound_plan(project.store, project.job.ours.sound)
    files = sound_files(project.store, plan, Blobs(project.folder))
    return heard(mix_sound(plan, files, project.folder).file)
