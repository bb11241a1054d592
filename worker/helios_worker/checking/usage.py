"""What a page uses while it shows a few frames, with the line of the page that uses it."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib.resources import files
from urllib.parse import urlsplit

import orjson

from helios_worker.capture.devtools.cdp import Message
from helios_worker.capture.messages import STACK_LOOKED_AT, URL_KEPT, is_foreign, plain
from helios_worker.capture.page.page import Page
from helios_worker.capture.page.seek_path import walk
from helios_worker.checking.rules import RULES

BINDING = "__heliosUsed"
WORLD = "helios-check"
HOSTS_KEPT = 100
_PLACE = re.compile(r"(https?://[^\s()]+?):(\d+):\d+")
_LARGE_FILTERS = """(() => {
  const all = innerWidth * innerHeight;
  for (const element of document.querySelectorAll("*")) {
    const style = getComputedStyle(element);
    const filters = `${style.filter} ${style.backdropFilter}`;
    const box = element.getBoundingClientRect();
    if (/blur|drop-shadow|url/.test(filters) && box.width * box.height > all / 10) return true;
  }
  return false;
})()"""


@dataclass
class Usage:
    """What a page used.

    places: the first place of each rule's use: file and line. hosts: other hosts, each with one address.
    has_large_filter: whether a filter covers more than a tenth of the picture.
    """

    places: dict[str, tuple[str, int]] = field(default_factory=dict)
    hosts: dict[str, str] = field(default_factory=dict)
    has_large_filter: bool = False

    async def watch(self, page: Page) -> None:
        """Notes what a blank page uses from now on."""
        page.session.listen(self._on_event)
        script = (files(__package__) / "usage.js").read_text(encoding="utf-8")
        await page.session.command("Runtime.addBinding", {"name": BINDING})
        await page.session.command("Page.addScriptToEvaluateOnNewDocument", {"source": script})

    async def look(self, page: Page, frames: Iterable[int], *, stateful: bool = False) -> None:
        """Shows frames of a loaded page, in ascending order. stateful: whether it has to go through those between.

        Raises:
            PageError: the page failed.
        """
        for frame in frames:
            if frame > page.frame:
                if stateful:
                    await walk(page, frame, stateful=True, drawn=False)
                await page.show(frame)
                await page.capture()
        self.has_large_filter = await page.session.briefly(_has_large_filter(page)) is True

    def _on_event(self, method: str, params: Message) -> None:
        if method == "Network.requestWillBeSent" and is_foreign(params["request"]["url"]):
            url = params["request"]["url"][:URL_KEPT]
            if len(self.hosts) < HOSTS_KEPT:
                self.hosts.setdefault(urlsplit(url).netloc, url)
        if method == "Runtime.bindingCalled" and params["name"] == BINDING:
            self._note(params["payload"])

    def _note(self, payload: str) -> None:
        """Notes a use. The page may call the binding, too: whatever is not a use is left out."""
        try:
            told = orjson.loads(payload)
            rule, stack = str(told["rule"]), str(told["stack"])
        except (orjson.JSONDecodeError, TypeError, KeyError):
            return
        if rule not in RULES:
            return
        place = _PLACE.search(stack[:STACK_LOOKED_AT])
        at = (plain(place[1]), int(place[2])) if place else ("", 0)
        self.places.setdefault(rule, at)


async def _has_large_filter(page: Page) -> bool:
    """Asked in a world of its own, where the page has redefined nothing."""
    tree = await page.session.command("Page.getFrameTree")
    world = {"frameId": tree["frameTree"]["frame"]["id"], "worldName": WORLD}
    context = (await page.session.command("Page.createIsolatedWorld", world))["executionContextId"]
    asked = {"expression": _LARGE_FILTERS, "contextId": context, "returnByValue": True}
    found = await page.session.command("Runtime.evaluate", asked)
    return found["result"].get("value") is True
