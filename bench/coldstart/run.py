"""Cold start of one chunk worker, from its process to the first captured frame, split into parts.

    .venv/bin/python bench/coldstart/run.py 10

Starts `helios-worker chunk` on a planned one-frame film with HELIOS_TRACE set, which makes the worker write the
moment of each step, and prints the median of each part in milliseconds.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.memory.run import PAGE
from helios_crds.request import CompositionRequest, RenderRequest, VideoRequest
from helios_worker.artifacts.store import ArtifactStore


def measure(rounds: int) -> None:
    """Prints a line for each part and one for the sum."""
    parts: dict[str, list[float]] = {}
    worker = [sys.executable, "-m", "helios_worker.entrypoints.process"]
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder, "page", "index.html")
        page.parent.mkdir()
        page.write_text(PAGE.format(frames=1))
        for number in range(rounds + 1):
            store = ArtifactStore(f"{folder}/artifacts-{number}")
            request = RenderRequest(
                composition=CompositionRequest(url=str(page)), video=VideoRequest(), output=f"{folder}/o.mp4"
            )
            store.put("requests/bench.json", request.model_dump_json().encode())
            planned = subprocess.run(
                [*worker, "plan", f"{store.url}requests/bench.json"], capture_output=True, check=True, text=True
            )
            job = json.loads(planned.stdout)["jobPath"]
            trace = Path(folder, "trace")
            trace.unlink(missing_ok=True)
            started = time.clock_gettime(time.CLOCK_BOOTTIME)
            subprocess.run(
                [*worker, "chunk", job, "0", "--lanes", "1"],
                check=True,
                stdout=subprocess.DEVNULL,
                env={**os.environ, "HELIOS_TRACE": str(trace)},
            )
            last = started
            for line in trace.read_text().splitlines():
                moment, name = line.split(" ", 1)
                if number:  # the first round warms the disk's cache
                    parts.setdefault(name, []).append((float(moment) - last) * 1000)
                last = float(moment)
                if name == "first picture":
                    break
    for name, values in parts.items():
        print(f"{name:28s} {statistics.median(values):7.1f} ms")
    print(f"{'process to first picture':28s} {sum(statistics.median(v) for v in parts.values()):7.1f} ms")


if __name__ == "__main__":
    measure(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
