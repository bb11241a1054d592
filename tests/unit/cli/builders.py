"""Small jobs for tests of the command line."""

import hashlib
from pathlib import Path

from helios_worker.artifacts.store import ArtifactStore
from helios_worker.encode.video.settings import EncoderSettings
from helios_worker.jobs.identity import with_own_id
from helios_worker.jobs.layout import manifest_key
from helios_worker.jobs.spec import Chunk, Engine, FilmSpec, HeliosJob, JobSpec, Manifest, Metadata

ENGINE = Engine.model_validate({name: f"some {name}" for name in Engine.model_fields})


def job(
    *,
    frames: int = 120,
    per_chunk: int = 60,
    job_id: str = "",
    prefix: str = "k",
    snapshot: str = "",
    warnings: tuple[str, ...] = (),
    output: str | None = "/out.mp4",
) -> JobSpec:
    """A planned film of 160×90 at 30 fps. prefix: of its chunks' keys. job_id: by default that of its content."""
    film = FilmSpec(
        snapshot=snapshot,
        url="" if snapshot else "http://example.org/",
        frames=frames,
        first=0,
        end=frames,
        capture="jpeg",
        quality=90,
        stateful=False,
        page_errors="fail",
        encoder=EncoderSettings.model_validate(
            {"width": 160, "height": 90, "fps": "30", "crf": 18, "preset": "veryfast", "unit_frames": 60}
        ),
    )
    starts = range(0, frames, per_chunk)
    chunks = tuple(
        Chunk(
            id=index,
            startFrame=start,
            frameCount=min(per_chunk, frames - start),
            outputFile=f"segment-{index:05d}.mp4",
            key=f"{prefix}{index}",
            cost=1.0,
        )
        for index, start in enumerate(starts)
    )
    made = JobSpec(
        id=job_id,
        metadata=Metadata(totalFrames=frames, fps=30.0, width=160, height=90, duration=frames / 30),
        chunks=chunks,
        helios=HeliosJob(engine=ENGINE, film=film, output=output, warnings=warnings),
    )
    return made if job_id else with_own_id(made)


def segment_digest(chunk_key: str) -> str:
    """The digest that `commit` gives a chunk's segment."""
    return hashlib.sha256(chunk_key.encode()).hexdigest()


def store_job(store: ArtifactStore, spec: JobSpec) -> str:
    """Writes job.json. Returns its URL."""
    key = f"jobs/{spec.id}/job.json"
    store.put(key, spec.model_dump_json(exclude_none=True).encode())
    return store.url + key


def commit(store: ArtifactStore, chunk: Chunk, *, content: bytes | None = None) -> Manifest:
    """Commits a chunk with a segment of any bytes."""
    digest = segment_digest(chunk.key)
    store.put(f"segments/{digest}.mp4", content or chunk.key.encode())
    manifest = Manifest(
        key=chunk.key,
        startFrame=chunk.startFrame,
        frameCount=chunk.frameCount,
        segment=f"segments/{digest}.mp4",
        sha256=digest,
        bytes=10,
        firstPicture="p",
        nextPicture=None,
        engine=ENGINE,
    )
    store.put(manifest_key(chunk.key), manifest.model_dump_json().encode())
    return manifest


def files(folder: Path) -> set[str]:
    """Every file under a folder, by its path within."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
