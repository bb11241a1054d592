"""What makes a page slow, as far as it can be known: measured, not guessed.

A CSS filter counts as the cause when frames are drawn faster without it, which is tried on a page that nobody films. A
video counts as the cause when most of a frame's time passes before drawing, and its file has key frames far apart: each
frame of the film seeks in it, and so decodes all frames from the key frame before.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from helios_crds.text import SLOW_MARK, one_line
from helios_worker.capture.content.composition import OpenComposition
from helios_worker.capture.page.page import Page
from helios_worker.errors import HeliosError

LOOKED_AT_SECONDS = 0.1
"""A frame's time from which causes are looked for."""
SLOW_SECONDS = 1.0
"""A frame's time that is said even if no cause is known."""
WORTH = 0.4
"""The share of the drawing that a filter must take to be the cause."""
KEY_FRAMES_APART = 1.0
MAX_VIDEOS, MAX_PACKETS, MAX_NAME = 4, 20_000, 60

# In the page's own world: a page that redefines these functions misleads nobody but itself.
LOOK = """(() => {
  const found = {filters: 0, backdrops: 0, videos: []};
  let left = 3000;
  const visit = (root) => {
    for (const element of root.querySelectorAll("*")) {
      if (left-- <= 0) return;
      const style = getComputedStyle(element);
      if (style.filter && style.filter !== "none") found.filters++;
      if (style.backdropFilter && style.backdropFilter !== "none") found.backdrops++;
      if (element instanceof HTMLVideoElement && element.currentSrc) found.videos.push(element.currentSrc);
      if (element.shadowRoot) visit(element.shadowRoot);
    }
  };
  visit(document);
  return found;
})()"""
WITHOUT_FILTERS = """(() => {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync("*, ::before, ::after {filter: none !important; backdrop-filter: none !important}");
  const visit = (root) => {
    root.adoptedStyleSheets = [...root.adoptedStyleSheets, sheet];
    for (const element of root.querySelectorAll("*")) if (element.shadowRoot) visit(element.shadowRoot);
  };
  visit(document);
})()"""


@dataclass(frozen=True)
class FrameTime:
    """Seconds that a frame took: to move the page there (its scripts, media and waits), and to draw it."""

    frame: int
    moving: float
    drawing: float

    @property
    def total(self) -> float:
        """Both together."""
        return self.moving + self.drawing


async def measured(page: Page, frame: int) -> tuple[FrameTime, bytes]:
    """Shows and captures a frame. Returns the time that it took, and its picture."""
    started = time.perf_counter()
    await page.show(frame)
    moved = time.perf_counter()
    picture = await page.capture()
    return FrameTime(frame, moved - started, time.perf_counter() - moved), picture


def is_worth_a_look(times: Sequence[FrameTime]) -> bool:
    """Whether frames are slow enough to look for a cause."""
    return bool(times) and max(found.total for found in times) >= LOOKED_AT_SECONDS


async def causes(page: Page, frames: int, times: Sequence[FrameTime], composition: OpenComposition) -> list[str]:
    """What makes a page slow, in words; empty where it is not known.

    page: of no further use; its next frames are shown without filters. frames: of the film. times: measured before.
    """
    look = await page.session.briefly(_evaluate(page, LOOK))
    found = look if isinstance(look, dict) else {}
    slowest = max(times, key=lambda each: each.total)
    said = []
    if slowest.moving >= slowest.drawing:
        said += await _slow_videos(found.get("videos"), composition)
    filters = [
        f"{name} on {count} element{'s' if count > 1 else ''}"
        for name, count in (("filter", found.get("filters")), ("backdrop-filter", found.get("backdrops")))
        if isinstance(count, int) and count > 0
    ]
    if filters and page.frame + 3 < frames:
        said += await _slow_filters(page, " and ".join(filters), times[-1].drawing)
    return said


def in_one_line(times: Sequence[FrameTime], said: Sequence[str]) -> str | None:
    """A warning about a slow page; None for one that is not slow, or not known to be.

    said: the causes that are known.
    """
    slowest = max(times, key=lambda each: each.total, default=None)
    if slowest is None or not (said or slowest.total >= SLOW_SECONDS):
        return None
    middle = sorted(each.total for each in times)[len(times) // 2]
    usual = f", {middle:.2f} s as a rule" if middle < slowest.total / 2 else ""
    share = max(slowest.moving, slowest.drawing) / slowest.total
    part = "drawing it" if slowest.drawing > slowest.moving else "the page's scripts and media"
    most = f", {share:.0%} of that for {part}" if share >= 0.6 else ""
    known = f": {'; '.join(said)}" if said else ""
    return f"{SLOW_MARK}frame {slowest.frame} takes {slowest.total:.2f} s{most}{usual}{known}"


async def _evaluate(page: Page, script: str) -> Any:
    reply = await page.session.command("Runtime.evaluate", {"expression": script, "returnByValue": True})
    return reply["result"].get("value")


async def _slow_filters(page: Page, named: str, before: float) -> list[str]:
    """The filters, if drawing is faster without them. before: seconds that drawing takes with them."""
    try:
        again, _ = await measured(page, page.frame + 1)
        before = min(before, again.drawing)  # one of them may have waited for other work on this machine
        await page.session.briefly(_evaluate(page, WITHOUT_FILTERS))
        await measured(page, page.frame + 1)  # which paints everything anew
        without, _ = await measured(page, page.frame + 1)
    except HeliosError:  # the page's own trouble, which the film will meet as well, or not
        return []
    gained = before - without.drawing
    if gained < WORTH * before or gained < LOOKED_AT_SECONDS / 2:
        return []
    return [f"CSS {named} costs {gained:.2f} s of it, since no GPU draws it"]


async def _slow_videos(addresses: Any, composition: OpenComposition) -> list[str]:
    """The page's videos whose key frames are far apart."""
    said: list[str] = []
    for address in dict.fromkeys(addresses if isinstance(addresses, list) else ()):
        if len(said) >= MAX_VIDEOS or not isinstance(address, str) or composition.mount is None:
            break
        if not address.startswith(composition.mount.address):
            continue
        name = unquote(urlsplit(address).path).lstrip("/")
        try:
            path = await composition.mount.locate(name)
        except HeliosError:
            continue
        apart = None if path is None else await asyncio.to_thread(key_frames_apart, path)
        if apart is not None and apart > KEY_FRAMES_APART:
            said.append(
                f"{one_line(name, MAX_NAME)} has key frames {float(apart):.1f} s apart, and each frame decodes from "
                "the one before it; encode it with more of them (ffmpeg -g 15)"
            )
    return said


def key_frames_apart(path: Path) -> Fraction | None:
    """The longest time from one key frame of a video to the next, or to its end; None if it cannot be read."""
    import av  # late: a plan needs it for slow pages alone

    from helios_worker.encode.video_file import open_video

    try:
        with open_video(path) as container:
            stream = container.streams.video[0]
            times, last = [], 0
            for number, packet in enumerate(container.demux(stream)):
                if packet.pts is None or number >= MAX_PACKETS:
                    break
                last = max(last, packet.pts)
                if packet.is_keyframe:
                    times.append(packet.pts)
            ends = [*times[1:], last]
            longest = max((end - start for start, end in zip(times, ends, strict=True)), default=0)
            return longest * (stream.time_base or Fraction(0))
    except (av.FFmpegError, IndexError):
        return None
