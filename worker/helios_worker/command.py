"""Chunks of jobs that Helios itself wrote: each carries the command that renders it."""

import asyncio
import shlex
from pathlib import Path
from typing import Any

from helios_worker.errors import HeliosError, UserError
from helios_worker.job import Chunk


class CommandFailed(HeliosError):
    """A chunk's command ended with an error."""


async def run_command(chunk: Chunk, workspace: Path, *, allowed: bool) -> dict[str, Any]:
    """Runs a chunk's command in the workspace, without a shell.

    Raises:
        UserError: commands are not allowed here, or the chunk has none.
        CommandFailed: it ended with another code than 0; the message holds the end of what it said.
    """
    if chunk.command is None:
        raise UserError(
            f"chunk {chunk.id} has neither a command nor a plan of ours", remedy="plan the job with heliosctl"
        )
    if not allowed:
        raise UserError(
            f"chunk {chunk.id} wants to run a command, which this worker does not allow",
            remedy="run it with heliosctl on a machine of your own, or plan the job with heliosctl",
        )
    process = await asyncio.create_subprocess_exec(
        *shlex.split(chunk.command),
        cwd=workspace,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    if process.returncode != 0:
        said = output.decode(errors="replace")[-2000:]
        raise CommandFailed(f"chunk {chunk.id}: its command ended with {process.returncode}: {said}")
    return {"chunk": chunk.id, "command": chunk.command, "output": output.decode(errors="replace")[-2000:]}
