"""The DevTools pipe against Playwright, same browser, same flags, same commands: what the transport costs.

    uv pip install --target out/playwright playwright==1.65.2 && PYTHONPATH=.:out/playwright \\
        .venv/bin/python bench/transport/run.py 300

Both evaluate a trivial step and take a JPEG by begin-frame, in turns, and count wall time and the CPU time of
this process and all below it. Playwright brings a Node.js process; it is not a dependency of ours.
"""

import asyncio
import base64
import os
import resource
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from bench.memory.run import family
from helios_worker.capture.devtools.process import FLAGS, Browser, find_browser, launch
from helios_worker.network.addresses import AddressRule
from helios_worker.network.proxy import Proxy

PAGE = """<style>body{margin:0;background:linear-gradient(45deg,#102,#345)}div{position:absolute;width:200px;
height:200px;background:#fc0}</style><div></div><script>function go(n){document.querySelector("div").style.left=n+"px"}
</script>"""
Send = Callable[[str, dict[str, Any]], Awaitable[dict[str, Any]]]


def cpu_seconds(pids: list[int]) -> float:
    """User and system time of live processes."""
    tick, total = os.sysconf("SC_CLK_TCK"), 0.0
    for pid in pids:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        total += (int(fields[11]) + int(fields[12])) / tick
    return total


async def frames(send: Send, count: int) -> dict[str, float]:
    """`count` pictures of 1280x720; ms per frame, wall and CPU."""
    origin = time.monotonic() * 1000 + 5000
    await send("HeadlessExperimental.beginFrame", {"frameTimeTicks": origin})
    before, started = cpu_seconds(family(os.getpid())), time.perf_counter()
    for number in range(count):
        await send("Runtime.evaluate", {"expression": f"go({number})", "awaitPromise": True, "returnByValue": True})
        shot = {"format": "jpeg", "quality": 95, "optimizeForSpeed": True}
        reply = await send(
            "HeadlessExperimental.beginFrame", {"frameTimeTicks": origin + (number + 1) * 33.3, "screenshot": shot}
        )
        base64.b64decode(reply["screenshotData"])
    wall, cpu = time.perf_counter() - started, cpu_seconds(family(os.getpid())) - before
    return {"wall": wall / count * 1000, "cpu": cpu / count * 1000}


async def by_pipe(url: str, count: int) -> dict[str, float]:
    """Through our own connection."""
    started = time.perf_counter()
    browser = await Browser.connect(launch(site_port=1, proxy=Proxy(AddressRule(loopback=True))))
    target = {"url": "about:blank", "enableBeginFrameControl": True, "width": 1280, "height": 720}
    created = await browser.connection.send("Target.createTarget", target)
    attached = await browser.connection.send(
        "Target.attachToTarget", {"targetId": created["targetId"], "flatten": True}
    )

    async def send(method: str, params: dict[str, Any]) -> dict[str, Any]:
        return await browser.connection.send(method, params, attached["sessionId"])

    await send("Page.enable", {})
    await send("Page.navigate", {"url": url})
    await asyncio.sleep(0.3)
    ready = time.perf_counter() - started - 0.3
    result = await frames(send, count)
    browser.stop()
    return {"start": ready * 1000, **result}


async def by_playwright(url: str, count: int) -> dict[str, float]:
    """Through Playwright's CDP session."""
    from playwright.async_api import async_playwright

    started = time.perf_counter()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=str(find_browser()), args=[*FLAGS, "--no-sandbox"], chromium_sandbox=False
        )
        page = await browser.new_page(viewport={"width": 1280, "height": 720})
        session = await page.context.new_cdp_session(page)
        await session.send("Page.navigate", {"url": url})
        await asyncio.sleep(0.3)
        ready = time.perf_counter() - started - 0.3
        result = await frames(session.send, count)
        await browser.close()
    return {"start": ready * 1000, **result}


def main(count: int) -> None:
    """Three rounds in turns."""
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder, "page.html")
        page.write_text(PAGE)
        for _ in range(3):
            for name, way in (("pipe", by_pipe), ("playwright", by_playwright)):
                figures = asyncio.run(way(page.as_uri(), count))
                text = ", ".join(f"{key} {value:.1f} ms" for key, value in figures.items())
                print(f"{name:11s} {text}, this process {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10} MiB")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
