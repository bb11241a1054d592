"""What it costs to note what a page plays: the pass over all of a film's frames, with all that belongs to it.

    python -m bench.sound.listening PAGE...

Prints the CPU time of the pass, of the worker and its browser together, beside that of the whole plan.
"""

import asyncio
import resource
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench.frame.run import spent
from helios_crds.request import CompositionRequest, RenderRequest
from helios_worker.artifacts.store import ArtifactStore
from helios_worker.capture.browser_pool import BrowserPool
from helios_worker.jobs.spec import FilmSpec
from helios_worker.network.addresses import AddressRule
from helios_worker.planning import page_sound as listening
from helios_worker.stages import plan as planning


def used() -> float:
    """CPU seconds so far of this process, its browsers and what it has started and waited for."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return sum(spent().values()) + ended.ru_utime + ended.ru_stime


async def costs(page: Path, folder: Path) -> tuple[int, float, float]:
    """Frames, and CPU seconds of the pass and of the whole plan."""
    noted: list[tuple[int, float]] = []

    async def watched(film: FilmSpec, *arguments: Any) -> listening.PageSound:
        before = used()
        heard = await listening.page_sound(film, *arguments)
        noted.append((film.end, used() - before))
        return heard

    planning.page_sound = watched  # type: ignore[attr-defined]
    store = ArtifactStore((folder / "artifacts").as_uri())
    request = RenderRequest(composition=CompositionRequest(url=str(page)))
    browsers = BrowserPool(folder, 1, AddressRule(loopback=True))
    try:
        before = used()
        await planning.plan(request, store, browsers)
        total = used() - before
    finally:
        await browsers.stop()
    return *noted[0], total


def main() -> None:
    print("| page | frames | pass, CPU s | ms a frame | whole plan, CPU s |\n|---|---:|---:|---:|---:|")
    for page in map(Path, sys.argv[1:]):
        with tempfile.TemporaryDirectory(prefix="helios-bench-") as folder:
            frames, heard, total = asyncio.run(costs(page.resolve(), Path(folder)))
        print(f"| {page} | {frames} | {heard:.2f} | {heard / frames * 1000:.2f} | {total:.2f} |")


if __name__ == "__main__":
    main()
