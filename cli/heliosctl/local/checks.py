"""The checks of `heliosctl doctor`: whether this machine can render, and with which software and limits."""

import asyncio
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Literal

import av

from helios_crds.request import ChunkingRequest, CompositionRequest, RenderRequest, VideoRequest
from helios_worker.artifacts.store import ArtifactStore, free_bytes
from helios_worker.artifacts.urls import local_path
from helios_worker.capture.devtools.process import find_browser
from helios_worker.encode.proof.verify import verify_video
from helios_worker.errors import HeliosError
from helios_worker.machine import cpu_class, cpu_count, memory_limit
from helios_worker.network.origin_headers import NO_HEADERS
from heliosctl.arguments.buckets import open_artifacts
from heliosctl.arguments.options import WorkerOptions
from heliosctl.errors import Failure
from heliosctl.local.driver import Driver
from heliosctl.local.fleet import Fleet
from heliosctl.local.workers import local_workers
from heliosctl.terminal.progress import Silent
from heliosctl.terminal.report import local_name, size_text

LOW_MEMORY, LOW_DISK = 1 << 30, 1 << 30
PAGE = """<!doctype html><html data-width="64" data-height="64" data-fps="30" data-frames="3">
<style>body { margin: 0; background: #0a0 }</style><title>heliosctl doctor</title>"""


@dataclass(frozen=True)
class Check:
    """One line of the report. remedy: what to do about it."""

    name: str
    state: Literal["ok", "warn", "fail"]
    detail: str
    remedy: str = ""


def all_checks(store_url: str) -> Iterator[Check]:
    """Every check, cheap ones first. A check that raises an error is reported as failed."""
    checks: tuple[tuple[str, Callable[[], Check]], ...] = (
        ("heliosctl", check_package),
        ("browser", check_browser),
        ("encoder", check_encoder),
        ("fonts", check_fonts),
        ("processors", check_processors),
        ("memory", check_memory),
        ("temporary files", check_temporary),
        ("artifacts", lambda: check_artifacts(store_url)),
        ("trial render", check_render),
    )
    for name, check in checks:
        try:
            yield check()
        except (HeliosError, OSError, subprocess.SubprocessError, av.FFmpegError) as error:
            failure = Failure.of(error)
            yield Check(name, "fail", failure.message, failure.remedy)


def check_package() -> Check:
    """Versions of this package and of Python."""
    return Check("heliosctl", "ok", f"{version('helios-render')} on Python {platform.python_version()}")


def check_browser() -> Check:
    """The headless shell and its version."""
    path = find_browser()
    version_call = subprocess.run([str(path), "--version"], check=False, capture_output=True, text=True, timeout=20)
    if version_call.returncode != 0:
        return Check(
            "browser", "fail", f"{path} does not start: {version_call.stderr.strip()[-300:]}", "reinstall the browser"
        )
    return Check("browser", "ok", f"{version_call.stdout.strip()} ({path})")


def check_encoder() -> Check:
    """FFmpeg within PyAV, and x264 within FFmpeg."""
    libraries = ", ".join(f"{name} {'.'.join(map(str, number))}" for name, number in av.library_versions.items())
    try:
        av.codec.Codec("libx264", "w")
    except av.codec.codec.UnknownCodecError:
        return Check(
            "encoder", "fail", f"PyAV {version('av')} has no x264", "reinstall PyAV at the version in requirements/"
        )
    short = ", ".join(part for part in libraries.split(", ") if part.startswith(("libavcodec", "libavformat")))
    return Check("encoder", "ok", f"x264 in PyAV {version('av')} ({short})")


def check_fonts() -> Check:
    """Number of fonts, if fontconfig is installed."""
    program = shutil.which("fc-list")
    if program is None:
        return Check("fonts", "ok", "cannot be counted: fc-list is not installed")
    listing = subprocess.run([program, ":", "family"], check=False, capture_output=True, text=True, timeout=20)
    listed = listing.stdout.splitlines()
    families = {line.split(",")[0] for line in listed if line.strip()}
    if not families:
        return Check(
            "fonts",
            "warn",
            "none found: text will be drawn as boxes",
            "install fonts, such as the package fonts-dejavu",
        )
    return Check("fonts", "ok", f"{len(listed)} fonts of {len(families)} families")


def check_processors() -> Check:
    """Processors that this process may use."""
    host, ours = os.cpu_count() or 1, cpu_count()
    limit = f" of the machine's {host}" if ours != host else ""
    return Check("processors", "ok", f"{ours}{limit} ({cpu_class()})")


def check_memory() -> Check:
    """The cgroup's limit, or the machine's memory."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = memory_limit()
    size = min(machine, limit or machine)
    detail = size_text(size) + (f" of the machine's {size_text(machine)}" if size < machine else "")
    if size < LOW_MEMORY:
        return Check("memory", "warn", detail, "a browser at 1080p needs about 500 MB; use --lanes 1")
    return Check("memory", "ok", detail)


def check_temporary() -> Check:
    """The folder for browsers' files. /dev/shm is shown because people ask about it; it is not used."""
    folder = Path(tempfile.gettempdir())
    free = free_bytes(folder)
    shared = Path("/dev/shm")  # noqa: S108 - asked about, not written to
    shm = f"; /dev/shm has {size_text(shutil.disk_usage(shared).total)}, not used" if shared.is_dir() else ""
    low = free < LOW_DISK
    remedy = "free some space there, or set TMPDIR" if low else ""
    return Check("temporary files", "warn" if low else "ok", f"{folder}, {size_text(free)} free{shm}", remedy)


def check_artifacts(url: str) -> Check:
    """Whether the store returns what was written, and refuses to create an object that exists."""
    store = open_artifacts(url)
    key = f"trial/{os.getpid()}"
    store.put(key, b"trial")
    found, replaced = store.get(key), store.create(key, b"another")
    store.delete(key)
    if replaced:
        return Check(
            "artifacts",
            "fail",
            f"{store.url} overwrites objects that must only be created: two workers could commit the same chunk",
            "use a store with conditional writes; docs/stores.md names some",
        )
    if found != b"trial":
        return Check("artifacts", "fail", f"{store.url} does not return what was written to it")
    folder = local_path(url)
    if folder is None:
        return Check("artifacts", "ok", f"{store.url}, writable")
    free = free_bytes(folder)
    low = free < LOW_DISK
    detail = f"{local_name(store.url)}, writable, {size_text(free)} free"
    return Check("artifacts", "warn" if low else "ok", detail, "heliosctl jobs prune frees space" if low else "")


def check_render() -> Check:
    """Renders and verifies three frames of a built-in page."""
    with tempfile.TemporaryDirectory(prefix="heliosctl-doctor-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        (folder / "page").mkdir()
        (folder / "page" / "index.html").write_text(PAGE)
        output = folder / "out.mp4"
        request = RenderRequest(
            composition=CompositionRequest(url=str(folder / "page")),
            video=VideoRequest(),
            chunking=ChunkingRequest(),
            output=str(output),
        )
        seconds = asyncio.run(_render(request, folder / "artifacts"))
        report = verify_video(output, frames=3, width=64, height=64)
        if report.problems:
            return Check("trial render", "fail", "; ".join(report.problems))
    return Check("trial render", "ok", f"3 frames in {seconds:.1f} s, each decoded and checked")


async def _render(request: RenderRequest, artifacts: Path) -> float:
    listener = Silent()
    options = WorkerOptions(lanes=1, retries=0)
    async with local_workers(options, [], NO_HEADERS) as here:
        driver = Driver(
            Fleet.of_one(here.adapter, here.slots, listener),
            ArtifactStore(artifacts.as_uri()),
            listener,
            options.retries,
        )
        outcome = await driver.render(request)
    return sum(outcome.seconds.values())
