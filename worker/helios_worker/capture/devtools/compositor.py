"""Has Chromium's compositor draw: one frame for each command, at the time that the command gives."""

import base64
import time
from collections.abc import Callable
from typing import Literal

from helios_worker.capture.devtools.cdp import Message
from helios_worker.capture.devtools.session import Session
from helios_worker.capture.playhead import Playhead

# Begin-frame times must be later than the start of the navigation, or the compositor draws nothing.
FIRST_TICK_AHEAD_MS = 5_000
SETTLE_TICK_MS = 0.001
# An animated image starts at the tick that first drew it, while the page loads or a frame settles. Its picture that is
# due with a frame is captured if the capture's tick is later after the frame's time than that start was.
CAPTURE_TICK_MS = 0.05
# The browser is given an interval between frames that is shorter than the film's by this much. With 2 ms in place of it
# a scroll-driven animation hung 1 of 25 times.
INTERVAL_LESS_MS = 0.1
# The interval for pages with animated images, whose pictures the browser shows from the frame on in whose interval they
# are due. Pictures last whole milliseconds, mostly tens of them. As these are no multiples of the interval, a picture
# that is due with a frame is due by the tick just before its capture's, at which images move.
IMAGES_INTERVAL_MS = 0.97
IMAGES_TICK_MS = 0.049
PNG: Message = {"format": "png", "optimizeForSpeed": True}


class Compositor:
    """Draws one page.

    images_move: whether there are animated images on the page.
    is_still: whether the page is known to have stood still since its last picture. Whoever takes pictures sets it; a
    frame in between that draws something resets it.
    """

    def __init__(
        self,
        session: Session,
        playhead: Playhead,
        picture: Literal["jpeg", "png"],
        quality: int,
        images_move: Callable[[], bool],
    ) -> None:
        self.is_still = False
        self._images_move = images_move
        self._session = session
        self._playhead = playhead
        self._format = PNG if picture == "png" else {"format": "jpeg", "quality": quality, "optimizeForSpeed": True}
        self._interval_ms = 1000 / float(playhead.fps) - INTERVAL_LESS_MS
        self._origin_tick = 0.0
        self._last_tick = 0.0

    async def start(self) -> None:
        """To be called once a page is loaded. The first picture needs one frame without a picture before it."""
        self._origin_tick = self._last_tick = time.monotonic() * 1000 + FIRST_TICK_AHEAD_MS
        await self._begin_frame({})

    async def update(self, *, display: bool) -> bool:
        """One browser frame while a frame of the film settles. Whether the page has changed since the last.

        display: whether the frame is also drawn.
        """
        drawn = await self._begin_frame({"noDisplayUpdates": not display})
        if drawn["hasDamage"]:
            self.is_still = False  # this frame used up the damage that the capture would ask for
        return bool(drawn["hasDamage"])

    async def draw(self) -> None:
        """One browser frame in which no change is expected."""
        await self._begin_frame({})

    async def draw_at_capture(self) -> bool:
        """One browser frame at the time of a capture. Whether the page has changed since the last."""
        drawn = await self._begin_frame({}, past_ms=CAPTURE_TICK_MS)
        return bool(drawn["hasDamage"])

    async def draw_unseen(self) -> None:
        """One browser frame in place of a capture. What it changes, the next capture cannot see."""
        if await self.draw_at_capture():
            self.is_still = False

    async def move_images(self) -> None:
        """Moves animated images to the film's frame while the page still shows the frame before.

        In one step with the first change of the page, the browser does not come to an end if both are due.
        """
        if (await self._begin_frame({}, past_ms=IMAGES_TICK_MS))["hasDamage"]:
            self.is_still = False

    async def picture(self) -> bytes | None:
        """One browser frame as JPEG or PNG bytes; None where the compositor had nothing to draw."""
        reply = await self._begin_frame({"screenshot": self._format}, past_ms=CAPTURE_TICK_MS)
        return base64.b64decode(reply["screenshotData"]) if "screenshotData" in reply else None

    async def picture_for_report(self) -> str | None:
        """How the page looks now, as PNG in Base64."""
        reply = await self._begin_frame({"screenshot": PNG})
        return reply.get("screenshotData")

    async def _begin_frame(self, options: Message, *, past_ms: float = 0.0) -> Message:
        """One browser frame, `past_ms` after the time of the film's frame."""
        tick = max(self._last_tick + SETTLE_TICK_MS, self._origin_tick + self._playhead.frame_ms + past_ms)
        self._last_tick = tick
        interval = IMAGES_INTERVAL_MS if self._images_move() else self._interval_ms
        return await self._session.command(
            "HeadlessExperimental.beginFrame", {"frameTimeTicks": tick, "interval": interval, **options}
        )
