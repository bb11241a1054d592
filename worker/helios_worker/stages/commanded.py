"""Chunks and stitch of a job of upstream Helios: its commands make the files, the store carries them between machines.

Each command runs in an empty folder. A chunk's file is stored beside the job; the stitch has all of them in its folder
when the job's mergeCommand runs, and publishes the video that this adds.
"""

import asyncio
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from helios_worker.artifacts.digests import file_digest
from helios_worker.artifacts.store import ArtifactStore
from helios_worker.artifacts.urls import local_path
from helios_worker.encode.proof.verify import verify_video
from helios_worker.errors import UserError
from helios_worker.jobs.commands import CommandFailed, file_of, run_command, run_program
from helios_worker.jobs.layout import part_key
from helios_worker.jobs.spec import Chunk, JobSpec
from helios_worker.stages.stitch import BadChunks, StitchResult, output_error, partial_beside, publish

VIDEOS = (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".ts")


async def run_chunk(job: JobSpec, index: int, store: ArtifactStore, *, scratch: Path, allowed: bool) -> dict[str, Any]:
    """Runs a chunk's command and stores its file.

    Raises:
        UserError: commands are not allowed here.
        CommandFailed: the command failed, or did not write its frames.
    """
    _check_allowed(allowed)
    chunk = job.chunks[index]
    with TemporaryDirectory(prefix="helios-command-", dir=scratch) as name:
        folder = Path(name)
        file_of(chunk, folder).parent.mkdir(parents=True, exist_ok=True)
        result = await run_command(chunk, folder, allowed=allowed)
        file = await asyncio.to_thread(_written, folder, chunk)
        await asyncio.to_thread(store.put, part_key(job.id, index), file)
        return {**result, "frames": chunk.frameCount, "sha256": await asyncio.to_thread(file_digest, file)}


async def merge(job: JobSpec, store: ArtifactStore, output: str, *, scratch: Path, allowed: bool) -> StitchResult:
    """Runs the job's mergeCommand over the chunks' files, and publishes the film. One chunk needs no command.

    Raises:
        BadChunks: a chunk's file is missing.
        UserError: commands are not allowed here, or the job does not say how its chunks become a film.
        CommandFailed: the command failed, or did not write the film.
    """
    _check_allowed(allowed)
    if job.mergeCommand is None and len(job.chunks) > 1:
        raise UserError("the job has no mergeCommand, so its chunks make no film", remedy="write it with one")
    with TemporaryDirectory(prefix="helios-merge-", dir=scratch) as name:
        folder = Path(name)
        missing: dict[int, str] = {}
        for chunk in job.chunks:
            file = file_of(chunk, folder)
            file.parent.mkdir(parents=True, exist_ok=True)
            if not await asyncio.to_thread(store.fetch, part_key(job.id, chunk.id), file):
                missing[chunk.id] = "its file is missing"
        if missing:
            raise BadChunks(missing)
        film = file_of(job.chunks[0], folder)
        if job.mergeCommand is not None:
            before = await asyncio.to_thread(_videos, folder)
            await run_program(job.mergeCommand, folder, what="the merge")
            added = await asyncio.to_thread(_videos, folder) - before
            if len(added) != 1:
                raise CommandFailed(f"the mergeCommand of the job wrote {len(added)} videos, not one")
            (film,) = added
        return await asyncio.to_thread(_publish, job, film, output)


def _check_allowed(allowed: bool) -> None:
    if not allowed:
        raise UserError(
            "the job wants to run a command, which this worker does not allow",
            remedy="have an admin set allowCommands on the RenderTarget",
        )


def _written(folder: Path, chunk: Chunk) -> Path:
    """The file that a chunk's command wrote, with the right number of frames."""
    file = file_of(chunk, folder)
    if not file.is_file() or not file.resolve().is_relative_to(folder.resolve()):
        raise CommandFailed(f"chunk {chunk.id}: its command succeeded, but did not write {chunk.outputFile}")
    if file.suffix.lower() in VIDEOS and (frames := verify_video(file, decode=False).frames) != chunk.frameCount:
        raise CommandFailed(f"chunk {chunk.id}: {chunk.outputFile} has {frames} frames, not {chunk.frameCount}")
    return file


def _videos(folder: Path) -> set[Path]:
    """The videos in a folder, without links."""
    return {path for path in folder.rglob("*") if path.suffix.lower() in VIDEOS and not path.is_symlink()}


def _publish(job: JobSpec, film: Path, output: str) -> StitchResult:
    report = verify_video(film, decode=False)
    if report.frames != job.metadata.totalFrames:
        raise CommandFailed(f"the film has {report.frames} frames, not {job.metadata.totalFrames}")
    digest, size, target = file_digest(film), film.stat().st_size, local_path(output)
    if target is None:
        publish(film, target, output)
    else:
        partial = partial_beside(target)
        try:
            shutil.copyfile(film, partial)
            publish(partial, target, output)
        except OSError as error:
            raise output_error(output, error) from error
        finally:
            partial.unlink(missing_ok=True)
    return StitchResult(output=output, sha256=digest, bytes=size, frames=report.frames, duration=report.duration)
