"""Joins the committed segments into one film, verifies it and publishes it.

Video packets are copied, never encoded again. For a segment that is missing or damaged, the chunk is reported as bad
and its manifest removed, so that only that chunk is rendered again.
"""

import asyncio
import os
from pathlib import Path
from tempfile import TemporaryDirectory

import orjson
from pydantic import BaseModel, ConfigDict, Field

from helios_crds.remedies import setting
from helios_crds.wire import chunk_bitmap
from helios_worker.artifacts.digests import file_digest
from helios_worker.artifacts.output import refuse_folder
from helios_worker.artifacts.store import ArtifactStore
from helios_worker.artifacts.urls import local_path, split_object
from helios_worker.encode.film.concat import concatenate
from helios_worker.encode.proof.verify import verify_video
from helios_worker.errors import (
    CorruptArtifact,
    CorruptSegment,
    HeliosError,
    ResourceError,
    SegmentMismatch,
    UserError,
)
from helios_worker.jobs.commits import committed
from helios_worker.jobs.identity import check_keys
from helios_worker.jobs.layout import final_key, manifest_key
from helios_worker.jobs.spec import JobSpec, Manifest
from helios_worker.rendering.seams import check_seams
from helios_worker.rendering.sound import SoundResult, film_sound


class StitchResult(BaseModel):
    """The stitched film. output: its URL. sha256, bytes: of the file. frames: counted. sound: None if it is silent."""

    model_config = ConfigDict(frozen=True)

    output: str
    sha256: str
    bytes: int
    frames: int
    duration: float
    warnings: tuple[str, ...] = ()
    sound: SoundResult | None = Field(default=None, exclude_if=lambda sound: sound is None)


class BadChunks(CorruptArtifact):
    """Some chunks are missing or damaged; their manifests are gone, and they must be rendered again."""

    def __init__(self, problems: dict[int, str]) -> None:
        shown = "; ".join(f"chunk {index}: {problem}" for index, problem in list(problems.items())[:5])
        more = f" and {len(problems) - 5} more" if len(problems) > 5 else ""
        super().__init__(f"{len(problems)} of the chunks must be rendered again: {shown}{more}")
        self.chunks = sorted(problems)
        self.facts["badChunks"] = chunk_bitmap(self.chunks)


async def stitch(job: JobSpec, store: ArtifactStore, output: str, *, scratch: Path) -> StitchResult:
    """Writes the film to `output`, whole or not at all.

    output: a path, a file:// URL or an object's URL.

    Raises:
        BadChunks: some chunks must be rendered again; the result lists them.
        AlteredJob: a chunk has the key of other frames.
        SeamMismatch: two chunks do not agree on the picture where they meet.
        UserError: the output cannot be written.
    """
    return await asyncio.to_thread(_stitch, job, store, output, scratch)


def _stitch(job: JobSpec, store: ArtifactStore, output: str, scratch: Path) -> StitchResult:
    film = job.ours.film
    check_keys(job, range(len(job.chunks)))
    with TemporaryDirectory(prefix="helios-stitch-", dir=scratch) as folder:
        manifests, files = gather(job, store, Path(folder))
        warnings = check_seams(job.chunks, manifests, film)
        sound = film_sound(job, store, Path(folder))
        target = local_path(output)
        partial = partial_beside(target) if target is not None else Path(folder) / "film.mp4"
        try:
            try:
                concatenate(
                    files,
                    partial,
                    film.encoder,
                    expected=[m.frameCount for m in manifests],
                    audio=sound.file if sound is not None else None,
                )
            except (CorruptSegment, SegmentMismatch) as error:
                raise discard(job, store, {error.index or 0: str(error)}) from error
            report = verify_video(
                partial,
                frames=film.end - film.first,
                fps=film.encoder.fps,
                width=film.encoder.width,
                height=film.encoder.height,
                decode=False,
                sound=sound.expected if sound is not None else None,
            )
            if report.problems:
                raise HeliosError(f"the stitched film failed its check: {'; '.join(report.problems[:3])}")
            digest, size = file_digest(partial), partial.stat().st_size
            publish(partial, target, output)
        except OSError as error:
            raise output_error(output, error) from error
        finally:
            if target is not None:
                partial.unlink(missing_ok=True)
    result = StitchResult(
        output=output,
        sha256=digest,
        bytes=size,
        frames=report.frames,
        duration=report.duration,
        warnings=(*warnings, *(sound.warnings if sound is not None else ())),
        sound=sound.result if sound is not None else None,
    )
    store.put(final_key(job.id), orjson.dumps(result.model_dump(), option=orjson.OPT_INDENT_2))
    return result


def gather(job: JobSpec, store: ArtifactStore, scratch: Path) -> tuple[list[Manifest], list[Path]]:
    """Every chunk's manifest and segment file, each checked against its committed hash.

    Raises:
        BadChunks: a commit or a segment is missing, or a segment is damaged.
    """
    manifests: list[Manifest] = []
    files: list[Path] = []
    problems: dict[int, str] = {}
    for chunk in job.chunks:
        manifest = committed(store, chunk)
        file = store.file(manifest.segment, scratch) if manifest is not None else None
        if manifest is None:
            problems[chunk.id] = "it is not committed"
        elif file is None:
            problems[chunk.id] = f"its segment {manifest.segment} is missing"
        elif (digest := file_digest(file)) != manifest.sha256:
            problems[chunk.id] = f"its segment is damaged ({file.stat().st_size} bytes, SHA-256 {digest[:12]}…)"
        else:
            manifests.append(manifest)
            files.append(file)
    if problems:
        raise discard(job, store, problems)
    return manifests, files


def discard(job: JobSpec, store: ArtifactStore, problems: dict[int, str]) -> BadChunks:
    """Removes the commits and segments of bad chunks, so that they are rendered again."""
    for index in problems:
        manifest = committed(store, job.chunks[index])
        if manifest is not None:
            store.delete(manifest_key(manifest.key))
            store.delete(manifest.segment)
    return BadChunks(problems)


def publish(partial: Path, target: Path | None, output: str) -> None:
    """Moves the verified file to its output in one step."""
    if target is not None:
        partial.replace(target)
        return
    folder, name = split_object(output)
    ArtifactStore(folder).put(name, partial, kind="video/mp4")


def partial_beside(target: Path) -> Path:
    """A name beside the output, on the same file system, that no other run uses."""
    refuse_folder(str(target))
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(f".{target.name}.partial-{os.getpid()}.mp4")
        partial.touch()
    except OSError as error:
        raise output_error(str(target), error) from error
    return partial


def output_error(output: str, error: OSError) -> HeliosError:
    """Turns an error of the operating system about the output into one of ours."""
    text = f"the output {output} cannot be written: {error.strerror or error}"
    if error.errno in (28, 122):
        return ResourceError(text, remedy="free some space and run the same command again: no chunk is rendered twice")
    return UserError(text, remedy=f"choose another place with {setting('output.url')}: the chunks are kept")
