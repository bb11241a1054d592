"""Small films, chunks, jobs and manifests as data, for tests that never open a browser."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from typing import Any

from helios_worker.encode.video.settings import EncoderSettings
from helios_worker.jobs.identity import with_own_id
from helios_worker.jobs.spec import Chunk, Engine, FilmSpec, HeliosJob, JobSpec, Manifest, Metadata, chunk_key

ENGINE = Engine.model_validate({name: f"some {name}" for name in Engine.model_fields})
SHA = "ab" * 32


def encoder(**changes: Any) -> EncoderSettings:
    values = {"width": 160, "height": 90, "fps": "30", "crf": 18, "preset": "veryfast", "unit_frames": 60}
    return EncoderSettings.model_validate(values | changes)


def film(frames: int = 300, *, first: int = 0, end: int | None = None, unit: int = 60, **changes: Any) -> FilmSpec:
    values = {
        "snapshot": "5" * 64,
        "frames": frames,
        "first": first,
        "end": frames if end is None else end,
        "capture": "jpeg",
        "quality": 95,
        "stateful": False,
        "page_errors": "fail",
        "encoder": encoder(unit_frames=unit),
    }
    return FilmSpec(**(values | changes))


def chunk(start: int, end: int, index: int = 0, key: str = "") -> Chunk:
    return Chunk(id=index, startFrame=start, frameCount=end - start, outputFile=f"segment-{index:05d}.mp4", key=key)


def chunks(*bounds: int, of: FilmSpec | None = None) -> tuple[Chunk, ...]:
    """Chunks between consecutive bounds, with their keys."""
    whole = of or film(bounds[-1])
    return tuple(
        chunk(start, end, index, chunk_key(ENGINE, whole, start, end - start))
        for index, (start, end) in enumerate(pairwise(bounds))
    )


def job(*bounds: int, output: str | None = None, **changes: Any) -> JobSpec:
    whole = film(bounds[-1], **changes)
    fps = whole.encoder.fps
    return with_own_id(
        JobSpec(
            id="",
            metadata=Metadata(
                totalFrames=whole.frames,
                fps=float(fps),
                width=whole.encoder.width,
                height=whole.encoder.height,
                duration=float(Fraction(whole.frames) / fps),
            ),
            chunks=chunks(*bounds, of=whole),
            helios=HeliosJob(engine=ENGINE, film=whole, output=output),
        )
    )


def manifest(of: Chunk, **changes: Any) -> Manifest:
    values = {
        "key": of.key,
        "startFrame": of.startFrame,
        "frameCount": of.frameCount,
        "segment": f"segments/{SHA}.mp4",
        "sha256": SHA,
        "bytes": 1000,
        "firstPicture": f"picture {of.startFrame}",
        "nextPicture": f"picture {of.end}",
        "engine": ENGINE,
    }
    return Manifest(**(values | changes))
