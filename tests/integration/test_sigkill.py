"""The plug is pulled at random and in the middle of commits: every re-run ends in the undisturbed film.

HELIOS_KILLS sets how many random kills; the full count of the project's promise is 50.
"""

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests import forks
from tests.cluster.cache import locked
from tests.integration.worker.project import wait_until
from tests.processes import command_line, is_running, send_signal

HELIOSCTL = str(Path(sys.executable).with_name("heliosctl"))
KILLS = int(os.environ.get("HELIOS_KILLS", "8"))
FRAMES, UNIT = 60, 5
PAGE = f"""<!doctype html><html data-width="320" data-height="180" data-fps="30" data-frames="{FRAMES}">
<style>body{{margin:0;background:#123}}div{{width:40px;height:40px;background:#fc0;animation:m 2s linear}}
@keyframes m{{to{{transform:translate(280px,140px) rotate(2turn)}}}}</style><div></div></html>"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page")
    (folder / "index.html").write_text(PAGE)
    return folder / "index.html"


@pytest.fixture(scope="module")
def reference(page: Path, session_folder: Path) -> tuple[Path, float]:
    """The film when nothing goes wrong, and how long that took: rendered once for all processes of the session."""
    folder = session_folder / "undisturbed"
    seconds = folder / "seconds.txt"
    with locked(session_folder / "undisturbed.lock"):
        if not seconds.exists():
            folder.mkdir()
            started = time.monotonic()
            render(page, folder)
            seconds.write_text(str(time.monotonic() - started))
    return folder / "out.mp4", float(seconds.read_text())


@pytest.fixture(scope="module")
def undisturbed(reference: tuple[Path, float]) -> tuple[str, float]:
    """The digest of that film, and how long it took."""
    film, seconds = reference
    return digest(film), seconds


def arguments(page: Path, folder: Path) -> list[str]:
    places = ["-o", str(folder / "out.mp4"), "--artifacts", str(folder / "artifacts")]
    return ["render", str(page), *places, "--unit-frames", str(UNIT), "--frames-per-chunk", str(2 * UNIT)]


def environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "TMPDIR": str(folder)}


def start(page: Path, folder: Path) -> subprocess.Popen[bytes]:
    """A render that will be disturbed."""
    command = [HELIOSCTL, *arguments(page, folder)]
    with (folder / "said.txt").open("ab") as said:
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=said, env=environment(folder))


def render(page: Path, folder: Path) -> None:
    """A render that nothing happens to."""
    done = forks.run("heliosctl", arguments(page, folder), cwd=folder, env=environment(folder), seconds=120)
    assert done.returncode == 0, done.stderr.decode()


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def committed(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder / "artifacts/chunks").glob("*.json")}


def descendants(root: int) -> dict[str, list[int]]:
    """The processes below a driver, by kind."""
    parents: dict[int, tuple[int, str]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat, line = (entry / "stat").read_text(), (entry / "cmdline").read_bytes().decode(errors="replace")
            except OSError:
                continue
            parents[int(entry.name)] = (int(stat.rsplit(")", 1)[1].split()[1]), line)
    family = {root}
    while grown := {pid for pid, (parent, _) in parents.items() if parent in family} - family:
        family |= grown
    found: dict[str, list[int]] = {"driver": [root], "worker": [], "browser": []}
    for pid in family - {root}:
        line = parents[pid][1]
        kind = "worker" if "entrypoints.process" in line else "browser" if "headless" in line else ""
        if kind:
            found[kind].append(pid)
    return found


def kind_of(pid: int) -> str:
    """Which of a browser's processes it is, by its command line."""
    words = command_line(pid).split()
    kinds = [word for word in words if word.startswith(("--type=", "--utility-sub-type="))]
    return " ".join(kinds) or ("main" if words else "gone")


def finish(page: Path, folder: Path, kept: dict[str, bytes], film: str) -> None:
    """Runs the same command to its end; what was committed before must still be what is committed."""
    render(page, folder)
    assert digest(folder / "out.mp4") == film
    now = committed(folder)
    assert {name: now.get(name) for name in kept} == kept, "a committed chunk was rendered again"
    leftovers = [path.name for path in folder.iterdir() if "partial" in path.name or path.name.startswith("helios-")]
    assert leftovers == []


@pytest.mark.parametrize("seed", range(KILLS))
def test_random_kill(seed: int, page: Path, undisturbed: tuple[str, float], tmp_path: Path) -> None:
    film, seconds = undisturbed
    chance = random.Random(seed)
    victim = ("driver", "worker", "browser")[seed % 3]
    process = start(page, tmp_path)
    time.sleep(chance.uniform(0.1, 0.95) * seconds)  # the moment is what is random here
    family = descendants(process.pid)
    chosen = chance.choice(family[victim] or family["driver"])
    kept, kind = committed(tmp_path), kind_of(chosen)
    send_signal(chosen, signal.SIGKILL)
    code = process.wait(timeout=120)
    if victim == "driver" or not family[victim]:
        wait_until(lambda: not any(map(is_running, at_work(tmp_path))), "the driver's workers and browsers to end")
    else:
        said = (tmp_path / "said.txt").read_text(errors="replace")[-2000:]
        assert code == 0, f"the driver did not get over a dead {victim} ({kind}): {said}"
        assert digest(tmp_path / "out.mp4") == film
    finish(page, tmp_path, kept, film)


@pytest.mark.parametrize("appears", ["segments", "chunks"])
def test_kill_during_commit(appears: str, page: Path, undisturbed: tuple[str, float], tmp_path: Path) -> None:
    """The whole family is killed as soon as the first segment, or the first manifest, shows."""
    folder = tmp_path / "artifacts" / appears
    process = start(page, tmp_path)
    wait_until(lambda: folder.is_dir() and any(folder.iterdir()), f"something in {appears}")
    for pids in descendants(process.pid).values():
        for pid in pids:
            send_signal(pid, signal.SIGKILL)
    process.wait(timeout=20)
    finish(page, tmp_path, committed(tmp_path), undisturbed[0])


def at_work(folder: Path) -> list[int]:
    """Processes that have to do with a folder: also a worker that was started in the moment of the kill."""
    found = []
    for entry in Path("/proc").iterdir():
        with suppress(OSError):
            if entry.name.isdigit() and str(folder).encode() in (entry / "environ").read_bytes():
                found.append(int(entry.name))
    return found


def test_the_film_is_the_page(reference: tuple[Path, float]) -> None:
    """The reference itself is a whole film of the asked length."""
    verify = ["verify", str(reference[0]), "--json"]
    done = forks.run("heliosctl", verify, cwd=reference[0].parent, env=os.environ, seconds=120)
    report = json.loads(done.stdout or b"{}")
    assert report.get("frames") == FRAMES
