"""A container of the worker's image, held to what a function's platform allows; and the film that it renders."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from helios_worker.artifacts.store import ArtifactStore
from tests import barcode
from tests.cluster.engine import Engine
from tests.e2e.barcode_pages import TICKS_PER_FRAME

# What Lambda and Cloud Run have in common: a root that is read, one folder in memory that is written, nobody's rights.
CONFINED = ("--network=host", "--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges")
FRAMES, CHUNK = 24, 12


@dataclass(frozen=True)
class Container:
    """name: of it, for docker. engine: docker."""

    engine: Engine
    name: str

    @property
    def said(self) -> str:
        """What it wrote to its log."""
        done = subprocess.run(
            [self.engine.program, "logs", self.name],
            env=self.engine.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        return done.stdout

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Stands still, as a function that nobody calls."""
        self.engine("pause", self.name)
        try:
            yield
        finally:
            self.engine("unpause", self.name)

    def sh(self, script: str) -> str:
        """What a shell script in it prints."""
        return self.engine("exec", self.name, "sh", "-c", script).strip()

    def browsers(self) -> set[str]:
        """Process numbers of its browsers.

        It looks twice: just after its start a child has its parent's command line, and grep finds itself.
        """
        found = "grep -l -e --remote-debugging-pipe /proc/[0-9]*/cmdline | xargs grep -L -e --type="
        first, second = ({path.split("/")[2] for path in self.sh(f"{found} || true").split()} for _ in range(2))
        return first & second

    def state(self) -> tuple[str, int, bool]:
        """Its status, exit code, and whether it ran out of memory."""
        told = json.loads(self.engine("inspect", "--format", "{{json .State}}", self.name))
        return told["Status"], told["ExitCode"], told["OOMKilled"]


@contextmanager
def container(
    engine: Engine, image: str, options: list[str], *arguments: str, **environment: str
) -> Iterator[Container]:
    """A container, removed in the end."""
    variables = [f"--env={name}={value}" for name, value in environment.items()]
    name = engine("run", "--detach", *CONFINED, *options, *variables, image, *arguments).strip()
    try:
        yield Container(engine, name)
    finally:
        engine("rm", "--force", name)


def ask_for(store: ArtifactStore, name: str, url: str, **changes: Any) -> str:
    """Puts a request for a film of a page on the network into a store; its URL."""
    asked = {
        "composition": {"url": url},
        "video": {"frames": FRAMES, "unitFrames": CHUNK},
        "chunking": {"frames": CHUNK},
        "output": f"{store.url}{name}.mp4",
        **changes,
    }
    store.put(f"requests/{name}.json", orjson.dumps(asked))
    return f"{store.url}requests/{name}.json"


def shows_every_frame(store: ArtifactStore, key: str, folder: Path, frames: range = range(FRAMES)) -> None:
    """A film, or a segment of one, has the pictures that it must have, in their order."""
    data = store.get(key)
    assert data is not None
    file = folder / "film.mp4"
    file.write_bytes(data)
    assert [barcode.read(luma) for luma in barcode.decoded(file)] == [TICKS_PER_FRAME * frame for frame in frames]
