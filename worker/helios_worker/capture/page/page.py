"""One page under the virtual clock, driven from frame to frame.

    page = await Page.open(browser, PageSettings(width=1280, height=720, fps=Fraction(30)))
    await page.load("http://teaser.composition.localhost/index.html")
    await page.show(75)                 # the page is at t = 75 / fps, everything settled
    picture = await page.capture()      # a picture of that frame

A page only goes forward; an earlier frame needs a fresh page. An error of the page itself (uncaught, or a missing file)
ends the frame with a PageError that names frame, cause and console lines.

Long, because all parts of a page meet here.
"""

import asyncio
import time
from fractions import Fraction

from helios_worker.capture.devtools.cdp import EventTable, Message
from helios_worker.capture.devtools.compositor import Compositor
from helios_worker.capture.devtools.crashes import WAIT_SECONDS, own_end
from helios_worker.capture.devtools.process import Browser
from helios_worker.capture.devtools.session import Session
from helios_worker.capture.faults import PageError
from helios_worker.capture.messages import ANOTHER_WINDOW, LOOKED_AT, plain
from helios_worker.capture.page.clock_handles import ClockHandles
from helios_worker.capture.page.clocks import Clocks
from helios_worker.capture.page.closed_roots import ClosedRoots
from helios_worker.capture.page.console import Console
from helios_worker.capture.page.environment import JOIN, WARN, language_commands, open_environment
from helios_worker.capture.page.glyphs import MissingGlyph, missing_glyphs
from helios_worker.capture.page.images import Images, refusal
from helios_worker.capture.page.load_failures import in_words
from helios_worker.capture.page.media_tracks import MediaTracks
from helios_worker.capture.page.navigation import Navigation
from helios_worker.capture.page.network import Network
from helios_worker.capture.page.notes import ClockNote, clock_note
from helios_worker.capture.page.realms import Realms
from helios_worker.capture.page.served_files import ServedFiles
from helios_worker.capture.page.settings import Declared, PageSettings
from helios_worker.capture.page.sounds import PageSounds
from helios_worker.capture.page.suspects import Suspects
from helios_worker.capture.page.unshown import Unshown
from helios_worker.capture.page.watchdog import Watchdog, own_crash
from helios_worker.capture.playhead import Playhead
from helios_worker.errors import HeliosError

CRASHED = "the page's process crashed (out of memory?)"
# The share of a frame's time limit for the answer to a request that the page may abort.
PATIENCE = 0.25
# How often drawing a page may make it request new files, each of which belongs on the frame.
DRAWINGS = 50
# Frames that a page passes over in one step at most.
FRAMES_AT_ONCE = 64


class Page:
    """See the module's docstring. One page belongs to one task at a time.

    session, network: the page's session, for recorders, and its requests. sounds: what it plays.
    """

    def __init__(
        self, session: Session, playhead: Playhead, settings: PageSettings, files: ServedFiles | None = None
    ) -> None:
        self.settings = settings
        self.console = Console(settings.page_errors)
        self.session = session
        self._playhead = playhead
        self._handles = ClockHandles(session)
        suspects = Suspects(self.console, self._handles)
        self._unshown = Unshown(self.console, self._handles, suspects, files)
        self.network = Network(self.console, session.unreachable, files, suspects)
        self._images = Images(session, self.network)
        self._media_tracks = MediaTracks(session, self.network.media)
        workers_speak = language_commands(settings.locale)
        self._realms = Realms(session, self._handles, playhead, settings.seed, self._on_event, workers_speak)
        self._compositor = Compositor(
            session, playhead, settings.picture, settings.quality, lambda: self.network.has_animated_images
        )
        self._roots = ClosedRoots(session, self._handles.secret)
        self._clocks = Clocks(
            self._handles, playhead, self.network, self._realms, self._compositor, self._roots, session.process
        )
        self.network.patience = settings.frame_timeout * PATIENCE
        self._watchdog = Watchdog(
            session, self._handles, playhead, self.network, self.console, self._compositor, settings.frame_timeout
        )
        self.sounds = PageSounds(self._handles, self._watchdog)
        self._navigation = Navigation(session, playhead, self.console, self._handles.secret)
        self.network.lay_out = self._navigation.lay_out
        self._traversal: asyncio.Task[None] | None = None
        self._traverses = False  # whether a script has gone through the history since the browser was asked
        self._svgs_sought = -1  # how many requests there were when moving SVGs were last sought in the picture
        self._undrawn = True  # whether the page has not been drawn since its frame, or since it was loaded
        self._last_picture: bytes | None = None
        own: EventTable = {
            "Page.javascriptDialogOpening": self._on_dialog,
            "Page.windowOpen": self._on_window,
            "Runtime.bindingCalled": self._on_binding,
            "Inspector.targetCrashed": self._on_crashed,
            "Inspector.detached": self._on_gone,
        }
        network = self.network
        parts = (
            *(self.console, network, network.media, self._media_tracks, self._images, self._unshown),
            *(self._realms, self._watchdog, self._navigation),
        )
        self._events: tuple[EventTable, ...] = (*(part.events for part in parts), own)  # several may handle one event

    @property
    def frame(self) -> int:
        """The frame that the page shows; -1 before the first."""
        return self._playhead.frame

    # -- opening and loading -------------------------------------------------------------------------------

    @classmethod
    async def open(cls, browser: Browser, settings: PageSettings, files: ServedFiles | None = None) -> "Page":
        """A blank page with the clock in place. files: of the composition that it will show."""
        playhead = Playhead(settings.fps)
        session = await Session.attach(browser, settings.width, settings.height, playhead)
        page = cls(session, playhead, settings, files)
        session.listen(page._on_event)
        try:
            await open_environment(session, settings, page._handles.secret)
        except HeliosError:
            await session.close()
            raise
        session.connection.listen(None, page._on_ended)
        return page

    async def load(self, url: str) -> None:
        """Navigates and brings the page just before frame 0: loaded, settled, its ready promise fulfilled.

        Raises:
            PageError: the page is missing, threw, or requested a file that does not exist.
            NetworkTrouble: the page or a file of it did not load, but may at another attempt.
            AddressForbidden: the page is at an address that may not be reached.
            FrameNeverReady: it did not load within the limit.
        """
        async with self._watchdog.over("loading"):
            self._watchdog.address = url
            reply = await self.session.command("Page.navigate", {"url": url})
            if reply.get("errorText"):
                failure = self.network.page_failure
                if failure is not None and not isinstance(failure, PageError):
                    raise failure
                why = in_words(reply["errorText"])
                raise PageError(f"{plain(url)} cannot be opened: {why}", remedy="check the address and the file")
            async with self.network.laying_out():
                await self._navigation.arrive(self._ready, self._begin)
            await self._unshown.check_styles()
            await self._check_shown()
        self.console.raise_errors(self._playhead)

    async def _ready(self) -> None:
        await self._compositor.start()
        await self._roots.hand_over()  # before anything is waited for: a video in one would play meanwhile
        await self.network.quiet()

    async def _begin(self) -> None:
        await self._clocks.begin()

    async def declared(self) -> Declared:
        """Size, rate and length as the page declares them.

        Raises:
            PageError: a declared value is not a number, or asking for it does not end.
        """
        async with self._watchdog.over("reading what the page declares"):
            declared = await self._handles.call("declared")
        return Declared.parse(declared)

    async def missing_glyphs(self) -> list[MissingGlyph]:
        """The characters that the page, as it is now, shows as boxes."""
        async with self._watchdog.over("reading the page's text"):
            return await missing_glyphs(self.session, await self._handles.call_all("texts", workers=True))

    async def composition_warnings(self, seconds: Fraction) -> list[str]:
        """What a composition asks for that a film of this length does not have, in words."""
        async with self._watchdog.over("reading the times of the page's elements"):
            answers = await self._handles.call_all("compositionWarnings", float(seconds))
        return [plain(text) for texts in answers for text in texts]

    async def close(self) -> None:
        """Closes the page. A browser that has already ended is not an error."""
        self.session.connection.unlisten(None, self._on_ended)
        await self.session.close()

    # -- frames --------------------------------------------------------------------------------------------

    async def show(self, frame: int) -> None:
        """Moves the page forward to a frame, however far, and lets it settle.

        Raises:
            PageError: the page threw on the way, or requested a file that does not exist.
            FrameNeverReady: the frame did not settle within the limit.
        """
        if frame <= self.frame:
            raise ValueError(f"a page goes forward only: at frame {self.frame}, asked for {frame}")
        async with self._watchdog.over(f"frame {frame}"), self._navigation.staying():
            if self.network.has_animated_images and self._undrawn:
                await self._compositor.draw_unseen()
            self._undrawn = True
            self._playhead.move(frame)
            if self.network.has_animated_images:
                await self._compositor.move_images()
            await self._clocks.advance()
            await self._refuse_moving_svgs()
            await self._check_shown()
        self.console.raise_errors(self._playhead)

    async def pass_over(self, end: int) -> None:
        """Moves the page forward frame by frame, to the last before `end`, for what it does and not for its pictures.

        Frame 0 must have been shown.

        Raises:
            as show; errors of the page name the frame that the page had come to when they were seen.
        """
        at_once = 1
        while self.frame < end - 1:
            if not self._clocks.are_alone or self.network.has_animated_images:
                await self.show(self.frame + 1)
                continue
            last = min(end - 1, self.frame + at_once)
            begun = time.monotonic()
            frames = range(self.frame + 1, last + 1)
            step = f"one of the frames {frames[0]} to {last}"
            async with self._watchdog.over(step, frames), self._navigation.staying():
                self._undrawn = True
                await self._clocks.pass_to(last)
            self.console.raise_errors(self._playhead)
            # A share of a frame's time limit, which holds for all of them together.
            at_once = min(FRAMES_AT_ONCE, 2 * at_once) if time.monotonic() - begun < 1 else 1

    async def draw(self) -> None:
        """Draws the frame that the page shows, as capture() would, for a page that depends on what was drawn."""
        async with self._watchdog.over(f"drawing frame {self.frame}"), self._navigation.staying():
            self._undrawn = False
            for _ in range(DRAWINGS):
                seen = self.network.seen
                await self._compositor.draw_unseen()
                if self.network.seen == seen:
                    break
                await self._clocks.rest()
            else:
                raise _requests_on(self.frame)
        self.console.raise_fault()

    async def _check_shown(self) -> None:
        await self._unshown.check()
        await self._media_tracks.check()

    async def _refuse_moving_svgs(self) -> None:
        self._svgs_sought = self.network.seen
        await self._images.looked_at()
        if self._images.moving_svgs:
            answers = await self._handles.call_all("shownImages", list(self._images.moving_svgs))
            shown = [str(each) for answer in answers if isinstance(answer, list) for each in answer]
            if shown:
                self.console.blame(refusal(self.frame, shown))

    async def capture(self) -> bytes:
        """The picture of the frame that the page shows: JPEG or PNG bytes, equal for equal pictures.

        A page that stands still is not captured again. After two equal pictures, a frame without a picture first asks
        the compositor whether anything has changed.

        Raises:
            PageError: what only drawing the page made it ask for is not there, or cannot be shown.
        """
        async with self._watchdog.over(f"drawing frame {self.frame}"), self._navigation.staying():
            self._undrawn = False
            picture = await self._capture()
            if self.network.seen != self._svgs_sought:  # drawing made the page ask for something
                await self._refuse_moving_svgs()
            await self._unshown.check(again=False)
        self.console.raise_errors(self._playhead)
        return picture

    async def _capture(self) -> bytes:
        compositor, network = self._compositor, self.network
        if compositor.is_still and self._last_picture is not None:
            seen = network.seen
            changed = await compositor.draw_at_capture()
            if not changed and seen == network.seen:
                return self._last_picture
        for _ in range(DRAWINGS):
            seen = network.seen
            picture = await compositor.picture()
            if network.seen != seen:
                # Drawing made a request (a background, a lazy image), whose answer belongs on this frame.
                await self._clocks.rest()
                continue
            picture = picture or self._last_picture
            if picture is None:
                continue
            if picture == self._last_picture:
                if not compositor.is_still:
                    await compositor.draw()
                compositor.is_still = True
                return picture
            compositor.is_still = False
            self._last_picture = picture
            return picture
        raise _requests_on(self.frame)

    # -- events --------------------------------------------------------------------------------------------

    def _on_event(self, method: str, params: Message) -> None:
        if self._unshown.is_own(method, params):
            return
        for table in self._events:
            handler = table.get(method)
            if handler is not None:
                handler(params)

    def _on_dialog(self, params: Message) -> None:
        self.console.lines.append(
            plain(f"{params['type']}() was accepted automatically: {params['message'][:LOOKED_AT]}")
        )
        self.session.post("Page.handleJavaScriptDialog", {"accept": True})

    def _on_window(self, params: Message) -> None:
        self.console.warnings.add(ANOTHER_WINDOW)

    def _on_binding(self, params: Message) -> None:
        if params["name"] == JOIN:
            if self._handles.opens(params["payload"]):
                self._realms.join(params["executionContextId"])
            return
        secret, _, payload = params["payload"].partition(" ")
        if params["name"] != WARN or not self._handles.opens(secret):
            return
        note = clock_note(payload)
        self._note_faults(note)
        self._note_loads(note)
        if note.leaving is not None:
            self._navigation.note_leaving(is_refresh=note.leaving)
        if note.traverses:
            self._traverses = True
            if self._traversal is None or self._traversal.done():
                self._traversal = asyncio.create_task(self.network.hold_until(self._traversed()))

    async def _traversed(self) -> None:
        """Waits until the browser has begun what scripts have asked of the history, which it says by any answer.

        One question at a time, however often they ask.
        """
        while self._traverses:
            self._traverses = False
            await self.session.briefly(self.session.command("Page.getNavigationHistory"))

    def _note_faults(self, note: ClockNote) -> None:
        """What the page does that its author should know."""
        if note.text:
            self.console.warnings.add(note.text)
        if note.fault and note.is_final:
            self.console.blame(PageError(f"frame {max(self.frame, 0)}: {note.fault}", remedy=note.remedy))
        elif note.fault:
            self.console.complain(note.fault, note.remedy)

    def _note_loads(self, note: ClockNote) -> None:
        """What the page has loaded, or is about to."""
        if note.drawn:
            self.network.has_animated_images = True
        if note.ignore:
            self.network.ignore(note.ignore)
        if note.undecodable:
            self._unshown.note_undecodable(note.undecodable)
        if note.abortable:
            self.network.note_abortable(note.abortable)
        if note.unplayable:
            self.network.media.note(note.unplayable)

    def _on_crashed(self, params: Message) -> None:
        self.session.crashed = CRASHED
        # The browser's next event says how the process ended.
        asyncio.get_running_loop().call_later(WAIT_SECONDS, self.session.connection.close, CRASHED)

    def _on_ended(self, method: str, params: Message) -> None:
        """How a page's process has ended: a signal."""
        if method != "Target.targetCrashed" or params["targetId"] != self.session.target:
            return
        cause = own_end(params["errorCode"], self.session.log)
        if cause:
            self.console.blame(own_crash(cause, self._playhead))
        self.session.crashed = CRASHED
        self.session.connection.close(CRASHED)

    def _on_gone(self, params: Message) -> None:
        """The browser has ended. Nothing may wait for the page any more."""
        self.session.crashed = self.session.crashed or params["reason"]
        self.network.abandon()
        self._navigation.abandon()


def _requests_on(frame: int) -> PageError:
    return PageError(
        f"frame {frame}: the page requests new files each time it is drawn",
        remedy="load them before frame 0, or declare window.__HELIOS_READY__",
    )
