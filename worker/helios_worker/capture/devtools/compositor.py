"""The browser's own frames: Chromium's compositor draws when it is told to, at the time it is told."""

import base64
import time
from typing import Literal

from helios_worker.capture.devtools.cdp import Message
from helios_worker.capture.devtools.session import Session
from helios_worker.capture.playhead import Playhead

# Begin-frame times must lie above the navigation's own origin, or the compositor draws nothing.
FIRST_TICK_AHEAD_MS = 5_000
SETTLE_TICK_MS = 0.001
# An animated image counts from the tick that first drew it, while a page loads or a frame settles: a picture that is
# due with a frame is seen by its capture if that comes later after the frame's time than any such start.
CAPTURE_TICK_MS = 0.05
# The browser is told that its frames come so much closer together than the film's. It shows a picture of an animated
# image from the frame on in whose interval it is due; one due with a frame must not fall into the interval before.
# Far shorter intervals would show no picture early, but with 2 ms a scroll-driven animation hung 1 of 25 times.
INTERVAL_LESS_MS = 0.1
PNG: Message = {"format": "png", "optimizeForSpeed": True}


class Compositor:
    """Draws one page.

    is_still: whether the page has stood still since its last picture, as far as is known. It is for whoever takes
    pictures to say so; a frame in between that draws something takes it back.
    """

    def __init__(self, session: Session, playhead: Playhead, picture: Literal["jpeg", "png"], quality: int) -> None:
        self.is_still = False
        self._session = session
        self._playhead = playhead
        self._format = PNG if picture == "png" else {"format": "jpeg", "quality": quality, "optimizeForSpeed": True}
        self._interval_ms = 1000 / float(playhead.fps) - INTERVAL_LESS_MS
        self._origin_tick = 0.0
        self._last_tick = 0.0

    async def start(self) -> None:
        """Once a page is there. One frame without a picture is needed before the first with one."""
        self._origin_tick = self._last_tick = time.monotonic() * 1000 + FIRST_TICK_AHEAD_MS
        await self._begin_frame({})

    async def update(self, *, display: bool) -> bool:
        """One frame while a frame of the film settles. Whether the page has changed since the last.

        display: whether it is drawn, too.
        """
        drawn = await self._begin_frame({"noDisplayUpdates": not display})
        if drawn["hasDamage"]:
            self.is_still = False  # this frame took the damage that the capture would ask for
        return bool(drawn["hasDamage"])

    async def draw(self) -> None:
        """One frame where nothing new is expected."""
        await self._begin_frame({})

    async def draw_at_capture(self) -> bool:
        """One frame at the time that pictures are taken at. Whether the page has changed since the last."""
        drawn = await self._begin_frame({}, past_ms=CAPTURE_TICK_MS)
        return bool(drawn["hasDamage"])

    async def picture(self) -> bytes | None:
        """One frame, as JPEG or PNG bytes; None where the compositor had nothing to draw."""
        reply = await self._begin_frame({"screenshot": self._format}, past_ms=CAPTURE_TICK_MS)
        return base64.b64decode(reply["screenshotData"]) if "screenshotData" in reply else None

    async def picture_for_report(self) -> str | None:
        """How the page looks now, as PNG in Base64."""
        reply = await self._begin_frame({"screenshot": PNG})
        return reply.get("screenshotData")

    async def _begin_frame(self, options: Message, *, past_ms: float = 0.0) -> Message:
        """One frame of the browser's own, at the film's time and `past_ms` more."""
        tick = max(self._last_tick + SETTLE_TICK_MS, self._origin_tick + self._playhead.frame_ms + past_ms)
        self._last_tick = tick
        return await self._session.command(
            "HeadlessExperimental.beginFrame", {"frameTimeTicks": tick, "interval": self._interval_ms, **options}
        )
