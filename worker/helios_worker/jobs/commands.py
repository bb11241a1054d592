"""Jobs that upstream Helios wrote: each chunk carries the command that renders it."""

import asyncio
import os
import shlex
import signal
from pathlib import Path
from typing import Any

from helios_crds.paths import inner_path
from helios_crds.text import printable_lines
from helios_worker.errors import HeliosError, UserError
from helios_worker.jobs.spec import Chunk

SAID_CHARACTERS = 2000


class CommandFailed(HeliosError):
    """A command ended with an error."""


def file_of(chunk: Chunk, folder: Path) -> Path:
    """Where a chunk's command writes, within the folder that it runs in.

    Raises:
        UserError: its name leads out of the folder.
    """
    try:
        return folder / inner_path(chunk.outputFile)
    except ValueError:
        raise UserError(
            f"chunk {chunk.id} writes {chunk.outputFile[:200]!r}, which leads out of its folder",
            remedy="write the job again with names inside of it",
        ) from None


async def run_command(chunk: Chunk, workspace: Path, *, allowed: bool) -> dict[str, Any]:
    """Runs a chunk's command in the workspace, without a shell.

    Raises:
        UserError: commands are not allowed here, or the chunk has none.
        CommandFailed: it ended with a code other than 0; the message ends with the end of its output.
    """
    if chunk.command is None:
        raise UserError(
            f"chunk {chunk.id} has no command, and was not planned by this package",
            remedy="plan the job with heliosctl",
        )
    if not allowed:
        raise UserError(
            f"chunk {chunk.id} wants to run a command, which this worker does not allow",
            remedy="run it with heliosctl on a machine of your own, or plan the job with heliosctl",
        )
    output = await run_program(chunk.command, workspace, what=f"chunk {chunk.id}")
    return {"chunk": chunk.id, "command": chunk.command, "output": output}


async def run_program(command: str, folder: Path, *, what: str) -> str:
    """Runs a command line in a folder, without a shell; ends it, and all it started, when cancelled.

    what: whose command it is, for messages.

    Returns:
        The end of its output.

    Raises:
        UserError: it is not a command line, or there is no such program.
        CommandFailed: it ended with a code other than 0; the message ends with the end of its output.
    """
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise UserError(f"{what}: its command cannot be read: {error}") from None
    try:
        process = await asyncio.create_subprocess_exec(
            *words,
            cwd=folder,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
    except (FileNotFoundError, PermissionError, IndexError, TypeError) as error:
        name = words[0] if words else "nothing"
        raise UserError(f"{what}: its command runs {name}, which is not there ({error})") from None
    try:
        output, _ = await process.communicate()
    except asyncio.CancelledError:
        os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        raise
    said = printable_lines(output.decode(errors="replace"))[-SAID_CHARACTERS:]
    if process.returncode != 0:
        raise CommandFailed(f"{what}: its command ended with {process.returncode}: {said.strip()}")
    return said
