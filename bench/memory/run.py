"""Peak memory of a chunk against its length: it must not grow.

    .venv/bin/python bench/memory/run.py 300 10000

Renders one chunk of each length at 640x360 in a worker of its own, and samples the proportional set size of the
worker with all its browser's processes five times a second. Prints one line for each length.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from helios_crds.request import ChunkingRequest, CompositionRequest, RenderRequest, VideoRequest
from helios_worker.artifacts.store import ArtifactStore

PAGE = """<!doctype html><html data-width="640" data-height="360" data-fps="30" data-frames="{frames}">
<style>body{{margin:0;background:linear-gradient(#102,#245)}}div{{position:absolute;width:80px;height:80px;
border-radius:50%;background:#fc0}}</style><div></div><script>
const dot = document.querySelector("div");
(function step(t) {{
  dot.style.transform = `translate(${{280 + 240 * Math.cos(t / 700)}}px,${{140 + 120 * Math.sin(t / 500)}}px)`;
  requestAnimationFrame(step);
}})(0);
</script></html>"""


def family(root: int) -> list[int]:
    """A process and all below it."""
    found, fresh = [root], [root]
    while fresh:
        children: list[int] = []
        for pid in fresh:
            for path in Path(f"/proc/{pid}/task").glob("*/children"):
                try:
                    children += [int(child) for child in path.read_text().split()]
                except OSError:
                    continue
        found += children
        fresh = children
    return found


def pss(pid: int) -> int:
    """Proportional set size of a process in KiB; 0 once it is gone."""
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    except OSError:
        pass
    return 0


def measure(frames: int) -> dict[str, float]:
    """Peaks in MiB while one chunk of so many frames is rendered with one lane."""
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder, "page", "index.html")
        page.parent.mkdir()
        page.write_text(PAGE.format(frames=frames))
        store = ArtifactStore(f"{folder}/artifacts")
        request = RenderRequest(
            composition=CompositionRequest(url=str(page)),
            video=VideoRequest(),
            chunking=ChunkingRequest(count=1),
            output=f"{folder}/o.mp4",
        )
        store.put("requests/bench.json", request.model_dump_json().encode())
        worker = [sys.executable, "-m", "helios_worker.entrypoints.process"]
        planned = subprocess.run(
            [*worker, "plan", f"{store.url}requests/bench.json"], capture_output=True, check=True, text=True
        )
        job = json.loads(planned.stdout)["jobPath"]
        started = time.monotonic()
        process = subprocess.Popen([*worker, "chunk", job, "0", "--lanes", "1"], stdout=subprocess.DEVNULL)
        total = own = 0
        while process.poll() is None:
            sizes = {pid: pss(pid) for pid in family(process.pid)}
            total, own = max(total, sum(sizes.values())), max(own, sizes[process.pid])
            time.sleep(0.2)
        if process.returncode != 0:
            raise SystemExit(f"the chunk of {frames} frames failed with {process.returncode}")
        return {"total": total / 1024, "worker": own / 1024, "seconds": time.monotonic() - started}


if __name__ == "__main__":
    for frames in map(int, sys.argv[1:] or ["300", "10000"]):
        peak = measure(frames)
        print(
            f"{frames:6d} frames: peak {peak['total']:.0f} MiB, the worker's own {peak['worker']:.0f} MiB, "
            f"{peak['seconds']:.1f} s"
        )
