"""An S3 server of this machine: versitygw over a folder, a real one with real conditional writes.

scripts/s3-server.sh builds it. Its buckets are the folders in its folder.
"""

import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.ports import free_port

KEY, SECRET = "tests", "of-helios"
BUCKET = "films"
SCRIPTS = Path(__file__).parents[2] / "scripts"


LOOPBACK = "127.0.0.1"


def answers(port: int, host: str = LOOPBACK) -> bool:
    """Whether somebody listens there."""
    with suppress(OSError), socket.create_connection((host, port), timeout=1):
        return True
    return False


def wait_for(condition: Callable[[], object], what: str, seconds: float = 30) -> None:
    """Until something is so; fails with what was waited for."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.02)


def program(script: str) -> str:
    """The path of a server that a script of scripts/ installs; skips the test where it could not."""
    found = subprocess.run([SCRIPTS / script, "path"], capture_output=True, text=True)
    if found.returncode:
        pytest.skip(f"no server here: scripts/{script} installs one, given the network")
    return found.stdout.strip()


@contextmanager
def running(command: list[str], port: int, log: Path, *, host: str = LOOPBACK, **environment: str) -> Iterator[str]:
    """A server process that answers on a port; its address. It is ended by its pid."""
    with log.open("wb") as output:
        server = subprocess.Popen(command, env={**os.environ, **environment}, stdout=output, stderr=subprocess.STDOUT)
    try:
        wait_for(lambda: answers(port, host) or server.poll() is not None, f"{command[0]} to answer")
        if server.poll() is not None:
            pytest.skip(f"{command[0]} does not run here: {log.read_text(errors='replace')[-300:]}")
        yield f"http://{host}:{port}"
    finally:
        server.terminate()
        server.wait(timeout=20)


@contextmanager
def s3_server(folder: Path, host: str = LOOPBACK) -> Iterator[str]:
    """A server with one bucket, BUCKET; its address."""
    (folder / BUCKET).mkdir(parents=True)
    port = free_port(host)
    command = [program("s3-server.sh"), "--port", f"{host}:{port}", "--quiet", "posix", str(folder)]
    keys = {"ROOT_ACCESS_KEY": KEY, "ROOT_SECRET_KEY": SECRET}
    with running(command, port, folder.parent / "s3-server.log", host=host, **keys) as address:
        yield address


def s3_environment(address: str) -> dict[str, str]:
    """What a client of the server has in its environment."""
    return {
        "AWS_ENDPOINT_URL": address,
        "AWS_ALLOW_HTTP": "true",
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_REGION": "us-east-1",
    }
