"""What keeps a command's start short: what is imported before a browser is on its way, and what is started when."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from helios_adapters import worker_process
from helios_worker.capture.browser_pool import BrowserPool
from heliosctl.local import early

MODELS = ("pydantic", "helios_crds.request", "helios_crds.wire")
LARGE = ("av", "numpy", "obstore", "PIL", "rich.console", "typer", "kubernetes", "boto3")


def imported_by(program: str, *names: str) -> list[str]:
    """Which of these modules a program has imported at its end."""
    code = f"{program}\nimport sys\nprint(*sorted(set({names!r}) & set(sys.modules)))"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()


@pytest.mark.parametrize(
    ("module", "others"),
    [
        pytest.param("heliosctl.main", ("asyncio", "logging", "heliosctl.app"), id="the console script"),
        pytest.param("helios_worker.entrypoints.lines", ("helios_worker.stages.plan",), id="a worker"),
        pytest.param("helios_worker.capture.browser_pool", ("helios_worker.capture.page.page",), id="the browsers"),
    ],
)
def test_a_worker_and_a_browser_are_started_before_anything_large_is_imported(module: str, others: tuple[str, ...]):
    assert imported_by(f"import {module}", *MODELS, *LARGE, *others) == []


def test_the_version_is_said_without_any_command():
    program = "import sys; sys.argv[1:] = ['--version']\nimport heliosctl.app\nassert heliosctl.app.app.run() == 0"
    code = (
        f"{program}\nprint(*(name for name in sys.modules if name.startswith(('heliosctl.commands', 'obstore', 'av'))))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.startswith("heliosctl 0.")
    assert said.splitlines()[1:] == [""]


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What `early` has started, in words."""
    found: list[str] = []

    def start(words: list[str]) -> None:
        found.append(" ".join(words[words.index("lines") :]))

    monkeypatch.setattr(worker_process, "start", start)
    monkeypatch.setattr(BrowserPool, "launch", lambda pool, lane: found.append(f"browser {lane}"))
    monkeypatch.setattr(early, "cpu_count", lambda: 8)
    yield found
    early.end()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("render page.html -o out.mp4", ["lines --allow-commands --lanes 8"]),
        ("plan page.html", ["lines --allow-commands --lanes 1"]),
        ("still page.html -o out.png", ["browser 0"]),
        ("contact-sheet page.html -o out.png", ["browser 0"]),
        ("check page.html", ["browser 0"]),
        ("render --help", []),
        ("still page.html -h", []),
        ("jobs list", []),
        ("doctor", []),
        ("--version", []),
        ("rendr page.html", []),
        ("", []),
    ],
)
def test_what_a_command_needs_is_started_before_its_options_are_read(
    line: str, expected: list[str], started: list[str]
):
    early.start(line.split())
    assert started == expected


def test_what_nobody_takes_is_removed(started: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    early.start(["check", "page.html"])
    assert len(list(tmp_path.iterdir())) == 1
    early.end()
    assert list(tmp_path.iterdir()) == []


async def test_what_is_started_is_taken_once(started: list[str]):
    early.start(["still", "page.html"])
    for _ in range(2):
        workspace, browsers = early.take_browsers()
        await browsers.stop()
        workspace.close()
    assert started == ["browser 0", "browser 0"]
