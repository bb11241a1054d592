"""What it costs that a page is alone: a context of its own in a warm browser, or a browser of its own.

    PYTHONPATH=. .venv/bin/python bench/isolation/run.py 30

Opens so many small pages one after the other, each for two frames at 640x360, in each way in turn, and prints the CPU
seconds a page (browser and driver together, the start of a browser included) and the wall time until its first
picture. The last way gives each browser a profile folder in memory (/dev/shm), the one before in the system's folder.
"""

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from fractions import Fraction
from functools import partial
from pathlib import Path

from bench.frame.run import spent
from bench.memory.run import PAGE
from helios_worker.capture.content.site import Mount, Site
from helios_worker.capture.devtools.process import Browser, launch
from helios_worker.capture.page.page import Page
from helios_worker.capture.page.settings import PageSettings

SETTINGS = PageSettings(640, 360, Fraction(30))
ROUNDS = 3

Way = Callable[[], AbstractAsyncContextManager[Browser]]


async def show(browser: Browser, address: str) -> float:
    """Shows two frames of a page of its own; the moment of the first picture."""
    page = await Page.open(browser, SETTINGS)
    await page.load(address)
    await page.show(0)
    await page.capture()
    first = time.perf_counter()
    await page.show(1)
    await page.capture()
    await page.close()
    return first


@asynccontextmanager
async def fresh(site: Site, scratch: Path | None) -> AsyncIterator[Browser]:
    """A browser of the page's own."""
    browser = await Browser.connect(launch(site_port=site.port, scratch=scratch))
    try:
        yield browser
    finally:
        browser.stop()


async def measure(way: Way, address: str, pages: int) -> tuple[float, float]:
    """CPU seconds a page, and the median of the seconds to its first picture."""
    cpu, waits = 0.0, []
    for _ in range(pages):
        before, started = sum(spent().values()), time.perf_counter()
        async with way() as browser:
            waits.append(await show(browser, address) - started)
            cpu += sum(spent().values()) - before  # now, for killed processes leave no account
    return cpu / pages, statistics.median(waits)


async def main(pages: int) -> None:
    """Prints a line for each way and round."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "index.html").write_text(PAGE.format(frames=2))

        async def locate(path: str) -> Path | None:
            return root / path

        site = Site()
        await site.start()
        mount = Mount("bench", locate)
        site.show(mount)
        address = mount.address + "index.html"
        shared = await Browser.connect(launch(site_port=site.port))

        @asynccontextmanager
        async def warm() -> AsyncIterator[Browser]:
            yield shared

        ways: dict[str, Way] = {
            "context": warm,
            "browser": partial(fresh, site, None),
            "browser in memory": partial(fresh, site, Path("/dev/shm")),
        }
        for _ in range(ROUNDS):
            for name, way in ways.items():
                cpu, wait = await measure(way, address, pages)
                print(f"{name:20s} {cpu:6.3f} CPU s a page   first picture after {wait * 1000:5.0f} ms", flush=True)
        shared.stop()
        await site.stop()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 30))
