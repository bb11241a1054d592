"""Rendering for tests: a composition in, an MP4 out, through the product as its users run it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HELIOSCTL = Path(sys.executable).with_name("heliosctl")
TIMEOUT = 120
"""Seconds after which a render of a test page has hung."""


class RenderFailed(AssertionError):
    """The render did not end well; the message has what it said."""


@dataclass(frozen=True)
class RenderOutcome:
    """A finished render. report: what `--json` printed."""

    path: Path
    report: Mapping[str, Any]
    stderr: str


def render(
    source: Path,
    out: Path,
    *,
    artifacts: Path,
    fps: str | None = None,
    props: Mapping[str, Any] | None = None,
    duration: float | None = None,
    chunks: int | None = None,
    frames_per_chunk: int | None = None,
    lanes: int | None = None,
    unit_frames: int | None = None,
    width: int | None = None,
    height: int | None = None,
) -> RenderOutcome:
    """Renders a page, folder or URL; raises RenderFailed. None leaves it to the page and the defaults."""
    options = {
        "--fps": fps,
        "--props": None if props is None else json.dumps(props),
        "--duration": duration,
        "--chunks": chunks,
        "--frames-per-chunk": frames_per_chunk,
        "--lanes": lanes,
        "--unit-frames": unit_frames,
        "--width": width,
        "--height": height,
        "--artifacts": artifacts,
    }
    given = [part for option, value in options.items() if value is not None for part in (option, str(value))]
    command = [str(HELIOSCTL), "render", str(source), "-o", str(out), "--json", *given]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT)
    except subprocess.TimeoutExpired as expired:
        raise RenderFailed(f"no end after {TIMEOUT} s: {expired.stderr!r}") from expired
    if done.returncode != 0:
        raise RenderFailed(f"exit code {done.returncode}\n{done.stderr[-4000:]}\n{done.stdout[-2000:]}")
    return RenderOutcome(out, json.loads(done.stdout or "{}"), done.stderr)
