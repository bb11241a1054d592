"""What somebody waits for: a film of one second and a still by `heliosctl`, from the command to its end, step by step.

    PYTHONPATH=. .venv/bin/python bench/start/run.py 10

Runs each command so many times with HELIOS_TRACE set, which makes the command line and its workers write the moment of
each step, and prints the median of each moment in milliseconds after the start, and of the whole command.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PAGE = """<!doctype html><html data-width="1280" data-height="720" data-fps="30" data-duration="1">
<style>body{margin:0;background:#123;color:#fff;font:60px sans-serif}
div{width:200px;height:200px;background:#fa3;animation:move 1s linear}
@keyframes move{to{transform:translateX(900px)}}</style><div></div><h1>Hello</h1></html>"""
HELIOSCTL = str(Path(sys.executable).with_name("heliosctl"))
COMMANDS = {"render": "film.mp4", "still": "still.png"}


def steps(command: str, folder: Path, page: Path) -> dict[str, float]:
    """The seconds from a command's start to each of its steps, the first of each name, and to its end."""
    trace = folder / "trace"
    words = [HELIOSCTL, command, str(page), "-o", str(folder / COMMANDS[command]), "--artifacts", str(folder / "store")]
    started = time.clock_gettime(time.CLOCK_BOOTTIME)
    subprocess.run(words, check=True, stderr=subprocess.DEVNULL, env={**os.environ, "HELIOS_TRACE": str(trace)})
    ended = time.clock_gettime(time.CLOCK_BOOTTIME)
    found: dict[str, float] = {}
    for line in trace.read_text().splitlines():
        moment, name = line.split(" ", 1)
        found.setdefault(name, float(moment) - started)
    return {**found, "the command's end": ended - started}


def measure(command: str, rounds: int) -> None:
    """Prints a line for each step."""
    moments: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder, "page", "index.html")
        page.parent.mkdir()
        page.write_text(PAGE)
        for number in range(rounds + 1):
            place = Path(folder, str(number))
            place.mkdir()
            for name, seconds in steps(command, place, page).items():
                if number:  # the first round warms the disk's cache
                    moments.setdefault(name, []).append(seconds * 1000)
    print(f"heliosctl {command}, {rounds} times, ms after its start")
    for name, values in sorted(moments.items(), key=lambda found: statistics.median(found[1])):
        print(f"{statistics.median(values):7.0f}  {name}")


if __name__ == "__main__":
    for each in COMMANDS:
        measure(each, int(sys.argv[1]) if len(sys.argv) > 1 else 5)
