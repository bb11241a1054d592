"""The sound of a job's film: mixed from its sound plan, with what there is to say about it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from helios_worker.artifacts.blobs import Blobs
from helios_worker.artifacts.store import ArtifactStore
from helios_worker.encode.audio.mix import Mix, mix_sound
from helios_worker.encode.audio.score import SAMPLE_RATE
from helios_worker.encode.audio.sound_plan import SoundPlan
from helios_worker.encode.audio.tasks import MixReport
from helios_worker.encode.proof.expected_sound import ExpectedSound
from helios_worker.jobs.sounds import heard_part, load_sound_plan, sound_files
from helios_worker.jobs.spec import JobSpec

LOUDNESS_OFF = 0.5
"""LU by which a film may miss the loudness that was asked for without a word about it."""
NAMED = 5
KEEPS_PEAKS = 64
"""Kilobits per second below which Opus may begin a high tone 19 dB too loud (measured)."""


class SoundResult(BaseModel):
    """What is heard in a film. sources: how many files. seconds: of sound, all of them together.

    loudness: LUFS of the whole film (EBU R128). peak: the highest true peak before the limiter in dBTP. Both are None
    for silence. limited: seconds that were turned down for their peaks.
    """

    model_config = ConfigDict(frozen=True)

    sources: int
    seconds: float
    loudness: float | None
    peak: float | None
    limited: float


@dataclass(frozen=True)
class FilmSound:
    """A film's sound. file: encoded. expected: what the film is compared with."""

    file: Path
    expected: ExpectedSound
    result: SoundResult
    warnings: tuple[str, ...]


def film_sound(job: JobSpec, store: ArtifactStore, folder: Path) -> FilmSound | None:
    """Mixes the sound of a job's film into a folder; None for a silent film.

    Raises:
        CorruptArtifact: the plan or a source is missing in the store, or has been altered.
        SoundUnusable: a source cannot be heard.
    """
    if not job.ours.sound:
        return None
    plan = heard_part(load_sound_plan(store, job.ours.sound))
    mix = mix_sound(plan, sound_files(store, plan, Blobs(folder)), folder)
    report = mix.report
    return FilmSound(
        file=mix.file,
        expected=ExpectedSound(report.samples, mix.levels, _peak(plan, report)),
        result=SoundResult(
            sources=sum(not heard.silent for heard in report.heard),
            seconds=round(sum(heard.seconds for heard in report.heard), 3),
            loudness=report.loudness,
            peak=None if report.peak is None else round(report.peak, 2),
            limited=round(report.limited / SAMPLE_RATE, 3),
        ),
        warnings=tuple(_warnings(plan, mix)),
    )


def _peak(plan: SoundPlan, report: MixReport) -> float | None:
    if plan.encoding.bitrate < KEEPS_PEAKS:
        return None
    return 0.0 if report.peak is None else 10 ** (report.peak / 20)


def _warnings(plan: SoundPlan, mix: Mix) -> Iterator[str]:
    """What was meant to be heard and is not, and what was changed."""
    report, said = mix.report, []
    for heard in report.heard:
        name = plan.sources[heard.source].name
        if heard.silent:
            said.append(f"nothing is heard of {name}: where the film plays it, it is silent")
        elif heard.ends is not None:
            said.append(f"{name} ends at {heard.ends:.2f} s of the film, before it was to end; the rest is silent")
        if heard.damaged:
            said.append(f"{name} is damaged: {heard.damaged} parts of it could not be decoded and are left out")
    yield from said[:NAMED]
    if len(said) > NAMED:
        yield f"{len(said) - NAMED} more of its sounds end early, are silent or damaged"
    if report.limited:
        yield (
            f"the sound was turned down by up to {-report.lowest:.1f} dB for {report.limited / SAMPLE_RATE:.1f} s, "
            "since its peaks would pass -1 dBTP"
        )
    wanted = plan.encoding.loudness
    if wanted is not None and (report.loudness is None or abs(report.loudness - wanted) > LOUDNESS_OFF):
        there = "has none" if report.loudness is None else f"has {report.loudness:.1f} LUFS"
        yield f"a loudness of {wanted:g} LUFS was asked for, the film {there}: its peaks leave no room"
