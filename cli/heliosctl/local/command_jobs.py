"""Command jobs: a job.json whose chunks are commands, as the Helios renderer writes it.

The commands of its chunks are run here, and then its merge command. Only the command line does this, on its user's own
machine: a command may do anything.
"""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from helios_crds.text import first_problem
from helios_crds.wire import Stage
from helios_worker.artifacts.digests import file_digest, json_digest
from helios_worker.artifacts.store import ArtifactStore
from helios_worker.errors import HeliosError, UserError
from helios_worker.jobs.commands import CommandFailed, run_command, run_program
from helios_worker.jobs.spec import Chunk, JobSpec
from heliosctl.local.chunks import BACK_OFF
from heliosctl.terminal.progress import Listener

COUNTED = (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".ts")


@dataclass
class CommandJob:
    """A job.json with commands. folder: the one that holds it, in which its commands run."""

    spec: JobSpec
    folder: Path
    cached: set[int] = field(default_factory=set)

    @property
    def digest(self) -> str:
        """Digest of the job and its folder; finished chunks are recorded under it."""
        return json_digest({"job": self.spec.model_dump(mode="json"), "folder": str(self.folder)})[:20]


def read_command_job(path: Path) -> CommandJob:
    """The job of a file.

    Raises:
        UserError: it is not a valid job, heliosctl planned it, or a chunk has no command.
    """
    try:
        spec = JobSpec.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise UserError(f"{path} is not a valid Helios job: {first_problem(error)}") from None
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from None
    if spec.helios is not None:
        raise UserError(
            f"{path} was planned by heliosctl and has no commands",
            remedy=f"finish it with: heliosctl jobs resume {spec.id}",
        )
    without = [chunk.id for chunk in spec.chunks if not chunk.command]
    if without:
        raise UserError(f"{path}: chunk {without[0]} has no command", remedy="write the job again with Helios")
    return CommandJob(spec, path.parent.absolute())


async def run_commands(job: CommandJob, store: ArtifactStore, listener: Listener, *, slots: int, retries: int) -> None:
    """Runs the commands of all unfinished chunks, `slots` at a time, and then the merge command.

    Raises:
        HeliosError: a command failed for good.
    """
    found = await asyncio.to_thread(lambda: {chunk.id for chunk in job.spec.chunks if _is_done(job, store, chunk)})
    job.cached = found
    listener.planned(job.spec, found)
    listener.stage(Stage.CHUNK)
    waiting = iter([chunk for chunk in job.spec.chunks if chunk.id not in found])

    async def work() -> None:
        for chunk in waiting:
            await _run_chunk(job, store, chunk, listener, retries)
            listener.frames(chunk.id, chunk.frameCount)
            listener.finished(chunk.id)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(slots):
                group.create_task(work())
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
    if job.spec.mergeCommand:
        listener.stage(Stage.STITCH)
        await run_program(job.spec.mergeCommand, job.folder, what="the merge")


async def _run_chunk(job: CommandJob, store: ArtifactStore, chunk: Chunk, listener: Listener, retries: int) -> None:
    for attempt in range(retries + 1):
        try:
            await run_command(chunk, job.folder, allowed=True)
            await asyncio.to_thread(_commit, job, store, chunk)
        except UserError:
            raise
        except HeliosError as error:
            if attempt == retries:
                raise
            listener.say(f"{error}; trying again")
            await asyncio.sleep(BACK_OFF.seconds(attempt + 1))
        else:
            return


def _commit(job: CommandJob, store: ArtifactStore, chunk: Chunk) -> None:
    """Records that a chunk is done, once its file exists and has the right number of frames."""
    path = job.folder / chunk.outputFile
    if not path.is_file():
        raise CommandFailed(f"chunk {chunk.id}: its command succeeded, but did not write {chunk.outputFile}")
    if path.suffix.lower() in COUNTED:
        from helios_worker.encode.proof.verify import verify_video

        frames = verify_video(path, decode=False).frames
        if frames != chunk.frameCount:
            raise CommandFailed(f"chunk {chunk.id}: {chunk.outputFile} has {frames} frames, not {chunk.frameCount}")
    store.put(_key(job, chunk), file_digest(path).encode())


def _is_done(job: CommandJob, store: ArtifactStore, chunk: Chunk) -> bool:
    noted = store.get(_key(job, chunk))
    path = job.folder / chunk.outputFile
    return noted is not None and path.is_file() and file_digest(path).encode() == noted


def _key(job: CommandJob, chunk: Chunk) -> str:
    return f"commands/{job.digest}/{chunk.id}"
