"""The renderers compared, each behind an adapter: how it is installed, which command renders a film."""

import json
import os
import shutil
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from bench.renderers.films import VISUALS, Film

PEERS = Path(__file__).parent / "peers"
NODE_NEEDED = 22


class BenchError(Exception):
    """Something the comparison needs is missing; the message says what to do."""


@dataclass(frozen=True)
class Setting:
    """What is asked of every renderer. None: the renderer's own default."""

    name: str
    crf: int | None = None
    preset: str | None = None


SAME = Setting("same", crf=18, preset="medium")
DEFAULTS = Setting("defaults")
SETTINGS = {setting.name: setting for setting in (SAME, DEFAULTS)}


@dataclass(frozen=True)
class Command:
    """A command that renders one film, ready to be measured."""

    argv: list[str]
    cwd: Path
    env: dict[str, str]
    output: Path
    first_frame: str | None = None


@dataclass
class Tools:
    """Programs that more than one renderer uses, and the folder everything is made in."""

    browser: str
    work: Path
    env: dict[str, str] = field(default_factory=dict)

    @cached_property
    def node(self) -> str:
        """One Node for all: the pinned package, or one on PATH that is new enough."""
        pinned = PEERS / "node" / "node_modules" / ".bin" / "node"
        if pinned.exists():
            return str(pinned)
        found = shutil.which("node")
        version = _output([found, "--version"]) if found else ""
        if not found or int(version.lstrip("v").split(".")[0] or 0) < NODE_NEEDED:
            raise BenchError(f"Node {NODE_NEEDED} or newer is needed on PATH: there is no pinned one for this machine.")
        return found


class Peer(ABC):
    """One renderer."""

    name: ClassVar[str]
    surface: ClassVar[str] = "dom"
    # How many workers may be fastest on two cores; None leaves it to the renderer.
    workers_to_try: ClassVar[tuple[int | None, ...]] = (None,)

    def __init__(self, tools: Tools) -> None:
        self.tools = tools

    @abstractmethod
    def version(self) -> str: ...

    def prepare(self) -> float:
        """Installs and builds what all films share. Seconds of it that a user waits for once."""
        return 0.0

    @abstractmethod
    def command(self, film: Film, setting: Setting, workers: int | None, folder: Path) -> Command:
        """The command that renders a film into a fresh folder."""


class _NodePeer(Peer):
    """A renderer from npm; the folder peers/<name> pins it."""

    packages: ClassVar[tuple[str, ...]]

    @property
    def folder(self) -> Path:
        return PEERS / self.name

    def version(self) -> str:
        pinned = json.loads((self.folder / "package.json").read_text())["dependencies"]
        return ", ".join(f"{package} {pinned[package]}" for package in self.packages)

    def prepare(self) -> float:
        npm_install(PEERS / "node")
        npm_install(self.folder)
        return 0.0

    def env(self) -> dict[str, str]:
        """PATH with the pinned Node first, a home of the bench's own, and no telemetry while measuring."""
        home = self.tools.work / "home"
        home.mkdir(parents=True, exist_ok=True)
        return {
            "PATH": f"{Path(self.tools.node).parent}:{os.environ['PATH']}",
            "HOME": str(home),
            "LANG": "C.UTF-8",
            "DO_NOT_TRACK": "1",
            "CI": "1",
        }


class Remotion(_NodePeer):
    name = "remotion"
    packages = ("remotion",)
    workers_to_try = (1, 2)

    @property
    def _bundle(self) -> Path:
        return self.tools.work / "remotion-bundle"

    def prepare(self) -> float:
        super().prepare()
        shutil.rmtree(self._bundle, ignore_errors=True)
        start = time.monotonic()
        argv = [self.tools.node, "bundle.mjs", str(self._bundle)]
        subprocess.run(argv, cwd=self.folder, env=self.env(), check=True, stdout=subprocess.DEVNULL)
        return time.monotonic() - start

    def command(self, film: Film, setting: Setting, workers: int | None, folder: Path) -> Command:
        output = folder / "out.mp4"
        job = _job(self.tools, film, setting, workers, output) | {"bundle": str(self._bundle)}
        argv = [self.tools.node, "render.mjs", json.dumps(job)]
        return Command(argv, self.folder, self.env(), output, first_frame="^first-frame$")


class HyperFrames(_NodePeer):
    name = "hyperframes"
    packages = ("hyperframes",)
    workers_to_try = (1, 2)

    def prepare(self) -> float:
        if not shutil.which("ffmpeg"):
            raise BenchError("HyperFrames needs an ffmpeg on PATH. On Debian: apt-get install ffmpeg")
        return super().prepare()

    def command(self, film: Film, setting: Setting, workers: int | None, folder: Path) -> Command:
        film.write_page(self.folder / "index.html", folder / "project")
        output = folder / "out.mp4"
        cli = self.folder / "node_modules" / "hyperframes" / "bin" / "hyperframes.mjs"
        argv = [
            self.tools.node,
            str(cli),
            "render",
            "project",
            "--output",
            str(output),
            "--fps",
            str(film.fps),
        ]
        if setting.crf is not None:
            argv += ["--crf", str(setting.crf)]
        if setting.preset is not None:
            # Its presets have names of their own; this one is x264's medium.
            argv += [
                "--quality",
                {"medium": "standard", "slow": "high", "ultrafast": "draft"}[setting.preset],
            ]
        if workers is not None:
            argv += ["--workers", str(workers)]
        env = self.env() | {
            "HYPERFRAMES_BROWSER_PATH": self.tools.browser,
            "PRODUCER_HEADLESS_SHELL_PATH": self.tools.browser,
            "HYPERFRAMES_NO_TELEMETRY": "1",
        }
        return Command(argv, folder, env, output, first_frame=r'"code":"capture","done":[1-9]')


class Helios(_NodePeer):
    """Helios' own renderer, in canvas mode: its DOM mode does not start on a distribution's Chromium."""

    name = "helios"
    packages = ("@helios-project/renderer", "@helios-project/core")
    surface = "canvas"
    workers_to_try = (1, 2)

    def command(self, film: Film, setting: Setting, workers: int | None, folder: Path) -> Command:
        project = folder / "project"
        page = film.write_page(self.folder / "index.html", project)
        shutil.copytree(self.folder / "node_modules/@helios-project/core/dist", project / "core")
        output = folder / "out.mp4"
        job = _job(self.tools, film, setting, workers, output) | {"url": page.resolve().as_uri()}
        argv = [self.tools.node, "render.mjs", json.dumps(job)]
        return Command(argv, self.folder, self.env(), output, first_frame="^first-frame$")


class Ours(Peer):
    name = "ours"

    @property
    def _program(self) -> Path:
        return Path(sys.executable).parent / "heliosctl"

    def prepare(self) -> float:
        if not self._program.exists():
            raise BenchError("heliosctl is not installed beside this Python. Run: make setup")
        return 0.0

    def version(self) -> str:
        return "this checkout"

    def command(self, film: Film, setting: Setting, workers: int | None, folder: Path) -> Command:
        page = film.write_page(VISUALS / "plain.html", folder / "project")
        output = folder / "out.mp4"
        argv = [
            str(self._program),
            "render",
            str(page),
            "-o",
            str(output),
            "--artifacts",
            str(folder / "artifacts"),
        ]
        argv += ["--width", str(film.width), "--height", str(film.height)]
        argv += ["--fps", str(film.fps), "--frames", str(film.frames)]
        if setting.crf is not None:
            argv += ["--crf", str(setting.crf)]
        if setting.preset is not None:
            argv += ["--preset", setting.preset]
        if workers is not None:
            argv += ["--workers", str(workers)]
        env = dict(os.environ) | {"HELIOS_CHROMIUM": self.tools.browser}
        return Command(argv, folder, env, output)


class OursOnCanvas(Ours):
    """The same page as Helios' own renderer gets: every visual drawn on one canvas."""

    name = "ours-canvas"
    surface = "canvas"


PEER_TYPES: dict[str, type[Peer]] = {peer.name: peer for peer in (Ours, OursOnCanvas, Remotion, HyperFrames, Helios)}


def _job(tools: Tools, film: Film, setting: Setting, workers: int | None, output: Path) -> dict[str, object]:
    job: dict[str, object] = {"film": asdict(film), "out": str(output), "browser": tools.browser}
    choices = {"crf": setting.crf, "preset": setting.preset, "workers": workers}
    return job | {name: value for name, value in choices.items() if value is not None}


def _output(argv: list[str]) -> str:
    return subprocess.run(argv, check=False, capture_output=True, text=True).stdout


def npm_install(folder: Path) -> None:
    """Installs exactly what the lock file says, running no package's own scripts. Idempotent."""
    installed = folder / "node_modules" / ".package-lock.json"
    lock = folder / "package-lock.json"
    if installed.exists() and installed.stat().st_mtime >= lock.stat().st_mtime:
        return
    npm = shutil.which("npm")
    if not npm:
        raise BenchError("npm is needed to install the other renderers. On Debian: apt-get install npm")
    # Not `npm ci`: from npm 11 on it refuses a lock file that leaves out what other platforms would install.
    subprocess.run(
        [npm, "install", "--no-save", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"],
        cwd=folder,
        check=True,
    )
    installed.touch()
