"""Attacks on the virtual clock: what a page can redefine, the page that does, and what comes of it.

What can be redefined is read from the clock's own source by a parser and from the browser, so that new code of the
clock brings its own attacks along.
"""

from __future__ import annotations

import io
import json
import re
import subprocess
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from PIL import Image

from helios_worker.capture.clock import clock_script
from helios_worker.capture.content.site import Mount, Site
from helios_worker.capture.devtools.process import Browser, launch
from helios_worker.capture.page.page import Page
from helios_worker.capture.page.settings import PageSettings
from helios_worker.errors import HeliosError, UserError
from helios_worker.network.addresses import AddressRule
from helios_worker.network.proxy import Proxy
from tests.barcode import Unreadable, read

HERE = Path(__file__).parent
BARCODE = HERE.parent / "pages" / "assets" / "barcode.css"
FPS = Fraction(30)
FRAMES = (0, 1, 2, 3, 4, 5, 7)
"""Frames that are shown and read; an attack in mid-film comes in frame 3."""


CONTRACT = frozenset(
    {
        "__HELIOS_READY__",
        "__HELIOS_VIRTUAL_TIME__",
        "__helios_gsap_timeline__",
        "__hf_page_composite_pending",
        "gsap",
        "helios",
    }
)
"""What the clock asks of a page by contract: a page that throws then is at fault and is refused."""


TRIES = {
    name: script.strip()
    for name, script in re.findall(r"^// (.+)\n((?!//)(?:.+\n)+)", (HERE / "tries.js").read_text(), re.MULTILINE)
}
"""Scripts that try to fool the clock, by name. Each calls won() where it succeeds."""


@dataclass(frozen=True)
class Target:
    """A property that a page can redefine: expression of its owner, and name ("@@iterator" is a symbol).

    inherited: whether it is not there yet, and every object will have it.
    """

    owner: str
    key: str
    inherited: bool = False

    def __str__(self) -> str:
        return f"{self.owner}.{self.key}" + (" (inherited)" if self.inherited else "")

    @property
    def script(self) -> str:
        """A function that returns owner, key and name."""
        key = f"Symbol.{self.key[2:]}" if self.key.startswith("@@") else json.dumps(self.key)
        return f"() => [{self.owner}, {key}, {json.dumps(str(self))}]"


def touched_names() -> list[str]:
    """Every name in the clock's source."""
    node = ["node", str(HERE / "touched_names.mjs")]
    found = subprocess.run(node, input=clock_script(secret=""), capture_output=True, text=True, check=True)
    names: list[str] = json.loads(found.stdout)
    return names


@dataclass(frozen=True)
class Outcome:
    """What came of an attack: "right", "refused" (exit 64, with a sentence), "wrong", or "ours" (an error of ours)."""

    kind: str
    details: str = ""


class Range:
    """A browser in which pages attack the clock, one after the other."""

    def __init__(self, browser: Browser, address: str, pages: dict[str, str]) -> None:
        self._browser = browser
        self._address = address
        self._pages = pages

    async def targets(self) -> list[Target]:
        """What a page can redefine that the clock may use."""
        page = await self._open("<!doctype html>")
        try:
            expression = f"JSON.stringify(({(HERE / 'targets.js').read_text()})({json.dumps(touched_names())}))"
            reply = await page.session.command("Runtime.evaluate", {"expression": expression})
            found = json.loads(reply["result"]["value"])
        finally:
            await page.close()
        return [Target(owner, key.removeprefix("inherited "), key.startswith("inherited ")) for owner, key in found]

    async def attack(
        self, targets: Iterable[Target] = (), *, how: str = "throws", before: bool = False, script: str = ""
    ) -> Outcome:
        """Redefines something and runs a script, before the page has loaded or in frame 3.

        how: what the redefined does when it is called: "throws", "nothing", or "never", an answer that never comes.
        """
        words = {
            "TARGETS": ",".join(target.script for target in targets),
            "SCRIPT": script,
            "BEFORE": json.dumps(before),
            "HOW": json.dumps(how),
        }
        text = (HERE / "page.html").read_text()
        return await self._shoot(re.sub(r"\b(?:TARGETS|SCRIPT|BEFORE|HOW)\b", lambda word: words[word[0]], text))

    async def told(self) -> dict[str, Any]:
        """What a page reads of time, chance and machine, by the name of where it does."""
        page = await self._open((HERE / "realtime.html").read_text())
        try:
            await page.show(0)
            reply = await page.session.command("Runtime.evaluate", {"expression": "JSON.stringify(R)"})
            told: dict[str, Any] = json.loads(reply["result"]["value"])
        finally:
            await page.close()
        return told

    async def _open(self, html: str) -> Page:
        self._pages["index.html"] = html
        settings = PageSettings(width=320, height=180, fps=FPS, picture="png", frame_timeout=8)
        page = await Page.open(self._browser, settings)
        try:
            await page.load(self._address)
        except BaseException:
            await page.close()
            raise
        return page

    async def _shoot(self, html: str) -> Outcome:
        page: Page | None = None
        try:
            page = await self._open(html)
            for frame in FRAMES:
                await page.show(frame)
                luma = np.asarray(Image.open(io.BytesIO(await page.capture())).convert("L"))
                if found := differences(luma, frame):
                    return Outcome("wrong", f"frame {frame}: {found}")
            reply = await page.session.command(
                "Runtime.evaluate", {"expression": "attacked.calls", "returnByValue": True}
            )
            asked = {str(Target("Object.prototype", name, inherited=True)) for name in CONTRACT}
            calls = [call for call in reply["result"].get("value") or () if call not in asked]
            return Outcome("right" if not calls else "wrong", ", ".join(calls))
        except UserError as error:
            return Outcome("refused", error.message)
        except HeliosError as error:
            return Outcome("ours", f"{type(error).__name__}: {error.message}")
        finally:
            if page is not None:
                await page.close()


def differences(luma: np.ndarray, frame: int) -> str:
    """What a picture of the attacked page shows that it should not; "" if nothing."""
    ms = Fraction(1000 * frame) / FPS
    for line, expected in enumerate((8 * frame, ms // 10, 8 * frame)):
        try:
            if (number := read(luma, line)) != expected:
                return f"line {line} shows {number} instead of {expected}"
        except Unreadable as unreadable:
            return str(unreadable)
    return ""


@asynccontextmanager
async def shooting_range() -> AsyncIterator[Range]:
    """A browser and a server for the attacks."""
    pages: dict[str, str] = {}
    with TemporaryDirectory() as folder:

        async def locate(path: str) -> Path | None:
            if path == "barcode.css":
                return BARCODE
            if (path or "index.html") not in pages:
                return None
            file = Path(folder, "page.html")
            file.write_text(pages[path or "index.html"])  # noqa: ASYNC240 - a few kilobytes
            return file

        site, mount = Site(), Mount("attacks", locate)
        site.show(mount)
        await site.start()
        browser = await Browser.connect(launch(site_port=site.port, proxy=Proxy(AddressRule(loopback=True))))
        try:
            yield Range(browser, mount.address + "index.html", pages)
        finally:
            browser.stop()
            await site.stop()


def by_name(targets: Iterable[Target]) -> dict[str, list[Target]]:
    """Targets of one name together: a page redefines one on every object that has it."""
    groups: dict[str, list[Target]] = {}
    for target in targets:
        groups.setdefault(f"{target.key}{' (inherited)' if target.inherited else ''}", []).append(target)
    return groups
