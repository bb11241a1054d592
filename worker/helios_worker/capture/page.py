"""One page under the virtual clock, driven from frame to frame.

    page = await Page.open(browser, PageSettings(width=1280, height=720, fps=Fraction(30)))
    await page.load("http://teaser.composition.localhost/index.html")
    await page.show(75)                 # the page is at t = 75 / fps, everything settled
    picture = await page.capture()      # and this is how it looks

A page only goes forward; an earlier frame takes a fresh page. What the page itself does wrong (an uncaught
error, a missing file) ends the frame with a PageError that names frame, cause and console lines.
"""

import asyncio
import base64
import contextlib
import json
import re
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, ClassVar, Literal, TypeVar

import orjson

from helios_worker.capture.browser import Browser
from helios_worker.capture.cdp import BrowserGone, CommandRefused, Message
from helios_worker.capture.clock import clock_script
from helios_worker.capture.words import exception_text, plain, summary
from helios_worker.errors import HeliosError, UserError

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
# Images whose pictures count from the first frame that draws them: each frame of their page is drawn, wanted or not.
ANIMATED_IMAGES = frozenset({"image/gif", "image/webp", "image/apng", "image/avif"})
# Requests that never end, or that nothing on the picture waits for.
UNENDING = frozenset({"WebSocket", "EventSource", "Media", "Ping", "Preflight", "CSPViolationReport"})
SETTLE_ROUNDS = 50
CONSOLE_LINES_TOLD = 5
# How long a browser in good health may take to answer at most.
ANSWER_SECONDS = 3.0
SILENT = "the browser does not answer"
# How long a worker that a script has made may take to be announced by the browser.
WORKER_SECONDS = 2.0

T = TypeVar("T")


class PageError(UserError):
    """The page itself is wrong: an uncaught error, a missing file, nothing to render."""


class FrameNeverReady(HeliosError):
    """A frame did not become ready within its limit. `report` says what it was waiting for."""

    def __init__(self, message: str, report: dict[str, Any]) -> None:
        super().__init__(message, remedy="see the report in the job's folder; --frame-timeout raises the limit")
        self.report = report


class PageHangs(FrameNeverReady, PageError):
    """A frame that no other attempt will make ready: a script in a loop, a promise of the page's never kept."""


@dataclass(frozen=True)
class PageSettings:
    """What a page is opened with.

    width, height: of the picture, in CSS pixels, one device pixel each.
    fps: frames per second; frame n is at n / fps seconds.
    picture: "jpeg" (4:2:0) or "png" (exact).
    quality: of JPEG, 1 to 100.
    frame_timeout: seconds of real time after which a frame counts as stuck.
    page_errors: "fail" ends the render on an uncaught error or a missing file, "warn" goes on.
    """

    width: int
    height: int
    fps: Fraction
    props: Any = None
    seed: int = 0
    picture: Literal["jpeg", "png"] = "jpeg"
    quality: int = 90
    frame_timeout: float = 30.0
    page_errors: Literal["fail", "warn"] = "fail"


@dataclass(frozen=True)
class Declared:
    """What a page says of itself; None where it is silent. duration in seconds."""

    width: int | None = None
    height: int | None = None
    fps: str | None = None
    duration: float | None = None
    frames: int | None = None


@dataclass
class Console:
    """The last lines the page wrote, and what it did wrong since the last look."""

    lines: deque[str] = field(default_factory=lambda: deque(maxlen=40))
    errors: list[str] = field(default_factory=list)
    warnings: set[str] = field(default_factory=set)


def instant_ms(frame: int, fps: Fraction) -> float:
    """The virtual time of a frame in ms: frame / fps, on a grid of 2^-20 ms (a nanosecond), rounded up.

    Never a hair early: 1000·13/30 ms as the nearest double makes `floor(t·fps/1000)` and the 13th step of a
    steps(90) animation come out as 12 (13 of 90 such steps were wrong); a nanosecond late is never seen.
    """
    return -((-frame * 1000 * (1 << 20)) // fps) / (1 << 20)


class Page:
    """See the module's docstring. One page belongs to one task at a time."""

    def __init__(self, browser: Browser, session: str, target: str, settings: PageSettings) -> None:
        self.settings = settings
        self.console = Console()
        self.frame = -1
        self._browser = browser
        self._send = browser.connection.send
        self._session = session
        self._target = target
        self._workers: dict[str, str] = {}  # those whose clock is in place
        self._workers_attached = 0
        self._workers_made: dict[object, int] = {}  # as each kernel counts them
        self._worker_came = asyncio.Event()
        self._worker_starts: set[asyncio.Task[None]] = set()
        self._worker_events: dict[str, asyncio.Future[Message]] = {}
        self._foreign: list[int] = []  # contexts of cross-origin frames, which have a clock of their own
        self._begun: set[str | int] = set()  # workers and foreign contexts that have
        self._requests: dict[str, tuple[str, str]] = {}
        self._requests_seen = 0
        self._address = ""
        self._quiet = asyncio.Event()
        self._quiet.set()
        self._loaded = asyncio.Event()
        self._crashed: str | None = None
        self._now = 0.0  # of the frame to come
        self._moment = 0.0  # where the page's own kernel stands
        self._origin_tick = 0.0
        self._last_tick = 0.0
        self._animated_images = False
        self._undrawn = True  # since the frame that the page shows, or since it was loaded
        self._last_picture: bytes | None = None
        self._still = False
        self._unawaited: set[str] = set()
        self._scripts: dict[str, str] = {}  # the page's own, by the debugger's number
        self._stack: asyncio.Future[list[Message]] | None = None

    # -- opening and loading -------------------------------------------------------------------------------

    @classmethod
    async def open(cls, browser: Browser, settings: PageSettings) -> "Page":
        """A blank page with the clock in place."""
        size = {"width": settings.width, "height": settings.height}
        target = (
            await browser.connection.send(
                "Target.createTarget", {"url": "about:blank", "enableBeginFrameControl": True, **size}
            )
        )["targetId"]
        attached = await browser.connection.send("Target.attachToTarget", {"targetId": target, "flatten": True})
        page = cls(browser, attached["sessionId"], target, settings)
        browser.connection.listen(page._session, page._on_event)
        script = clock_script(seed=settings.seed, props=settings.props)
        metrics = {**size, "deviceScaleFactor": 1, "mobile": False}
        media = [
            {"name": "prefers-reduced-motion", "value": "no-preference"},
            {"name": "prefers-color-scheme", "value": "light"},
            {"name": "hover", "value": "none"},
            {"name": "pointer", "value": "none"},
        ]
        attach = {"autoAttach": True, "waitForDebuggerOnStart": True, "flatten": True}
        await asyncio.gather(
            page._command("Page.enable"),
            page._command("Runtime.enable"),
            page._command("Network.enable", {"maxTotalBufferSize": 0, "maxResourceBufferSize": 0}),
            page._command("Log.enable"),
            page._command("Debugger.enable"),
            page._command("Animation.enable"),
            page._command("Animation.setPlaybackRate", {"playbackRate": 0}),
            page._command("Runtime.addBinding", {"name": "__heliosJoin"}),
            page._command("Runtime.addBinding", {"name": "__heliosWarn"}),
            page._command("Page.addScriptToEvaluateOnNewDocument", {"source": script}),
            page._command("Emulation.setDeviceMetricsOverride", metrics),
            page._command("Emulation.setEmulatedMedia", {"features": media}),
            page._command("Emulation.setTimezoneOverride", {"timezoneId": "UTC"}),
            page._command("Emulation.setLocaleOverride", {"locale": "en-US"}),
            page._command("Emulation.setHardwareConcurrencyOverride", {"hardwareConcurrency": 4}),
            page._command("Target.setAutoAttach", attach),
        )
        return page

    async def load(self, url: str) -> None:
        """Navigates and brings the page to the brink of frame 0: loaded, settled, its ready promise kept.

        Raises:
            PageError: the page is missing, threw, or asked for a file that is not there.
            FrameNeverReady: it did not load within the limit.
        """
        async with self._watched("loading"):
            self._address = url
            reply = await self._command("Page.navigate", {"url": url})
            if reply.get("errorText"):
                raise PageError(
                    f"{plain(url)} cannot be opened: {reply['errorText']}", remedy="check the address and the file"
                )
            await self._loaded.wait()
            self._origin_tick = self._last_tick = time.monotonic() * 1000 + FIRST_TICK_AHEAD_MS
            # One frame without a picture is needed before the first capture.
            await self._begin_frame({})
            await self._find_closed_roots()
            await self._network_quiet()
            await self._drive("__heliosClock.begin()")
            await self._rest()
        self._raise_page_errors()

    async def close(self) -> None:
        """Closes the page; a browser that is gone already is no error."""
        self._browser.connection.forget(self._session)
        with contextlib.suppress(BrowserGone, CommandRefused):
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    await self._send("Target.closeTarget", {"targetId": self._target})
            except TimeoutError:
                self._browser.connection.close(SILENT)

    async def declared(self) -> Declared:
        """Size, rate and length as the page declares them.

        Raises:
            PageError: something declared is no number.
        """
        found = await self._evaluate("__heliosClock.declared()")
        return Declared(
            width=_declared_number("width", found["width"]),
            height=_declared_number("height", found["height"]),
            frames=_declared_number("frames", found["frames"]),
            duration=_declared_seconds(found["duration"]),
            fps=None if found["fps"] is None else str(found["fps"]),
        )

    # -- frames --------------------------------------------------------------------------------------------

    async def show(self, frame: int) -> None:
        """Moves the page forward to a frame, whatever the distance, and lets it settle.

        Raises:
            PageError: the page threw on the way, or asked for a file that is not there.
            FrameNeverReady: the frame did not settle within the limit.
        """
        if frame <= self.frame:
            raise ValueError(f"a page goes forward only: at frame {self.frame}, asked for {frame}")
        async with self._watched(f"frame {frame}"):
            if self._animated_images and self._undrawn:
                await self._begin_frame({}, past_ms=CAPTURE_TICK_MS)
            self._undrawn = True
            self.frame = frame
            self._now = self._moment = instant_ms(frame, self.settings.fps)
            await self._advance_everywhere()
            if self._requests or self._worker_starts or self._workers_awaited():
                await self._rest()
        if self.console.errors:
            self._raise_page_errors()

    async def capture(self) -> bytes:
        """The picture of the frame that the page shows: JPEG or PNG bytes, equal for equal pictures.

        A page that stands still is not captured again: after two equal pictures a frame without a picture
        asks the compositor for damage first.
        """
        async with self._watched(f"drawing frame {self.frame}"):
            self._undrawn = False
            return await self._capture()

    async def _capture(self) -> bytes:
        if self._still and self._last_picture is not None:
            seen = self._requests_seen
            probe = await self._begin_frame({}, past_ms=CAPTURE_TICK_MS)
            if not probe["hasDamage"] and seen == self._requests_seen:
                return self._last_picture
        for _ in range(SETTLE_ROUNDS):
            seen = self._requests_seen
            reply = await self._begin_frame({"screenshot": self._screenshot_format()}, past_ms=CAPTURE_TICK_MS)
            if self._requests_seen != seen:
                # Drawing asked for something (a background, a lazy image): it belongs on this frame.
                await self._rest()
                continue
            picture = base64.b64decode(reply["screenshotData"]) if "screenshotData" in reply else self._last_picture
            if picture is None:
                continue
            if picture == self._last_picture:
                if not self._still:
                    await self._begin_frame({})
                self._still = True
                return self._last_picture
            self._still = False
            self._last_picture = picture
            return picture
        raise PageError(
            f"frame {self.frame}: the page asks for new files each time it is drawn",
            remedy="load them before frame 0, or declare window.__HELIOS_READY__",
        )

    def _screenshot_format(self) -> Message:
        if self.settings.picture == "png":
            return {"format": "png", "optimizeForSpeed": True}
        return {"format": "jpeg", "quality": self.settings.quality, "optimizeForSpeed": True}

    # -- the page's clocks ---------------------------------------------------------------------------------

    async def _advance_everywhere(self) -> None:
        """The page first, which takes the others along while its timers fire; then their animation callbacks."""
        advance = f"__heliosClock.advance({self._now!r},{self.frame}"
        await self._begin_others()
        await self._drive(f"{advance},{_js(bool(self._others()))})")
        await self._begin_others()
        for other in self._others():
            await self._drive(f"{advance},false)", **other)
        await self._exchange()

    def _others(self) -> list[dict[str, Any]]:
        """Where the kernels beside the page's are: workers, frames of other origins."""
        return [{"context": context} for context in self._foreign] + [{"session": session} for session in self._workers]

    async def _begin_others(self) -> None:
        for other in self._others():
            (place,) = other.values()
            if place not in self._begun:
                self._begun.add(place)
                await self._drive("__heliosClock.begin()", **other)

    async def _exchange(self) -> None:
        """Until no message is under way between the page, its workers and its foreign frames."""
        posted = -1
        for _ in range(SETTLE_ROUNDS):
            if not self._others():
                return
            replies = [await self._drive("__heliosClock.settle()", **other) for other in self._others()]
            replies.append(await self._drive("__heliosClock.settle()"))
            before, posted = posted, sum(reply["posted"] for reply in replies if reply)
            if posted == before:
                return

    async def _first_due(self, until: float) -> float:
        """When the first timer of the others is due, at most `until`."""
        due = _earliest([await self._drive("__heliosClock.peek()", **other) for other in self._others()])
        return until if due is None else min(until, due)

    async def _rest(self) -> None:
        """Until nothing is being fetched and what came has been taken in."""
        for _ in range(SETTLE_ROUNDS):
            await self._arrivals()
            await self._begin_others()
            seen = self._requests_seen
            await self._drive("__heliosClock.settle()")
            await self._exchange()
            if self._quiet.is_set() and not self._workers_awaited() and seen == self._requests_seen:
                return

    async def _arrivals(self) -> None:
        """Until nothing is being fetched and every worker that was made has its clock."""
        while True:
            await self._network_quiet()
            if self._worker_starts:
                await asyncio.wait(self._worker_starts)
            elif awaited := self._workers_awaited():
                self._worker_came.clear()
                try:
                    await asyncio.wait_for(self._worker_came.wait(), WORKER_SECONDS)
                except TimeoutError:
                    self._workers_attached += awaited  # refused, by a policy of the page say
            elif self._quiet.is_set():
                return

    def _workers_awaited(self) -> int:
        """How many workers scripts have made that the browser has not announced yet."""
        return max(0, sum(self._workers_made.values()) - self._workers_attached)

    async def _drive(
        self, expression: str, *, session: str | None = None, context: int | None = None
    ) -> Message | None:
        """Runs a step of a clock and does what it asks for on the way. None where its realm has ended."""
        while True:
            reply: Message | None = await self._evaluate(expression, session=session, context=context)
            if reply is None:
                return None
            if reply["state"] == "error":
                raise HeliosError(f"frame {self.frame}: the clock failed: {reply['message']}")
            self._workers_made[session or context] = reply["workers"]
            if session is None and context is None:
                self._moment = reply["now"]
            if reply["state"] == "ready":
                return reply
            expression = f"__heliosClock.resume({_js(await self._do(reply))})"

    async def _do(self, wish: Message) -> Any:
        """What a kernel asks for while it stands still, and the answer to that."""
        kind = wish["kind"]
        if kind == "rest":
            await self._arrivals()
            await self._begin_others()
            return bool(self._others())
        if kind == "others":
            return await self._first_due(wish["until"])
        if kind == "walk":
            walk = f"__heliosClock.walk({wish['until']!r})"
            return _earliest([await self._drive(walk, **other) for other in self._others()])
        drawn = await self._begin_frame({"noDisplayUpdates": kind == "update"})
        if drawn["hasDamage"]:
            self._still = False  # this frame took the damage that the capture would ask for
        return None

    async def _evaluate(self, expression: str, *, session: str | None = None, context: int | None = None) -> Any:
        params: Message = {"expression": expression, "awaitPromise": True, "returnByValue": True}
        if context is not None:
            params["contextId"] = context
        try:
            reply = await self._send("Runtime.evaluate", params, session or self._session)
        except CommandRefused:
            # A worker or frame that ended meanwhile has nothing left to move; the page itself has.
            if session in self._workers or context in self._foreign:
                self._workers.pop(session or "", None)
                return None
            if session is not None or context is not None:
                return None
            raise
        if "exceptionDetails" in reply:
            raise HeliosError(f"frame {self.frame}: {expression}: {exception_text(reply['exceptionDetails'])}")
        return reply["result"].get("value")

    async def _begin_frame(self, options: Message, *, past_ms: float = 0.0) -> Message:
        """One frame of the browser's own, at the film's time and `past_ms` more."""
        tick = max(self._last_tick + SETTLE_TICK_MS, self._origin_tick + self._now + past_ms)
        self._last_tick = tick
        interval = 1000 / float(self.settings.fps) - INTERVAL_LESS_MS
        return await self._command(
            "HeadlessExperimental.beginFrame", {"frameTimeTicks": tick, "interval": interval, **options}
        )

    async def _command(self, method: str, params: Message | None = None) -> Message:
        if self._crashed is not None:
            raise BrowserGone(f"frame {self.frame}: {self._crashed}")
        return await self._send(method, params, self._session)

    async def _network_quiet(self) -> None:
        await self._quiet.wait()

    async def _find_closed_roots(self) -> None:
        """Closed shadow roots written in the markup cannot be seen from a script; the inspector hands them over."""
        document = (await self._command("DOM.getDocument", {"depth": -1, "pierce": True}))["root"]
        for node in _closed_roots(document):
            resolved = await self._command("DOM.resolveNode", {"backendNodeId": node})
            await self._command(
                "Runtime.callFunctionOn",
                {
                    "objectId": resolved["object"]["objectId"],
                    "functionDeclaration": "function () { this.ownerDocument.defaultView.__heliosClosedRoot(this) }",
                },
            )
        await self._command("DOM.disable")

    # -- events --------------------------------------------------------------------------------------------

    def _on_event(self, method: str, params: Message) -> None:
        handler = self._EVENTS.get(method)
        if handler is not None:
            handler(self, params)

    def _on_worker_event(self, method: str, params: Message) -> None:
        if not method.startswith("Debugger."):  # its pause at the start is _start_worker's, not the page's
            self._on_event(method, params)

    def _on_request(self, params: Message) -> None:
        if params.get("type") not in UNENDING and params["request"]["url"] not in self._unawaited:
            self._requests_seen += 1
            self._requests[params["requestId"]] = (params["request"]["url"], params.get("type", ""))
            self._quiet.clear()

    def _on_frame_navigating(self, params: Message) -> None:
        """A frame loads from here until Page.frameStoppedLoading, a srcdoc one too, which asks for no file."""
        self._requests_seen += 1
        self._requests[f"frame {params['frameId']}"] = (params["url"], "Frame")
        self._quiet.clear()

    def _on_frame_done(self, params: Message) -> None:
        self._on_request_done({"requestId": f"frame {params['frameId']}"})

    def _on_response(self, params: Message) -> None:
        status = params["response"]["status"]
        url = params["response"]["url"]
        if status >= 400 and not url.endswith("/favicon.ico"):
            self._complain(f"{url} was answered with {status}", kind="missing file")
        if params["response"].get("mimeType") in ANIMATED_IMAGES:
            self._animated_images = True

    def _on_request_done(self, params: Message) -> None:
        url, _ = self._requests.pop(params["requestId"], ("", ""))
        if params.get("errorText") and not params.get("canceled") and url:
            blocked = params.get("blockedReason")
            self._complain(f"{url} could not be loaded: {blocked or params['errorText']}", kind="missing file")
        if not self._requests:
            self._quiet.set()

    def _on_console(self, params: Message) -> None:
        text = " ".join(str(a.get("value", a.get("description", ""))) for a in params.get("args", []))
        self.console.lines.append(plain(f"{params['type']}: {text}"))

    def _on_log(self, params: Message) -> None:
        entry = params["entry"]
        if entry["source"] != "network":  # those are complained about by name
            self.console.lines.append(plain(f"{entry['level']}: {entry['text']} {entry.get('url', '')}"))

    def _on_exception(self, params: Message) -> None:
        self._complain(exception_text(params["exceptionDetails"]), kind="uncaught error")

    def _on_loaded(self, params: Message) -> None:
        self._loaded.set()

    def _on_gone(self, params: Message) -> None:
        """The browser is gone: whoever waits for the page alone must not wait for ever."""
        self._crashed = self._crashed or params["reason"]
        self._quiet.set()
        self._loaded.set()

    def _on_crashed(self, params: Message) -> None:
        self._crashed = "the page's process crashed (out of memory?)"
        self._browser.connection.close(self._crashed)

    def _on_dialog(self, params: Message) -> None:
        self.console.lines.append(f"{params['type']}() was answered by itself: {params['message']}"[:500])
        self._browser.connection.post("Page.handleJavaScriptDialog", {"accept": True}, self._session)

    def _on_binding(self, params: Message) -> None:
        if params["name"] == "__heliosJoin":
            self._foreign.append(params["executionContextId"])
        else:
            warning = json.loads(params["payload"])
            self.console.warnings.add(warning["text"])
            self._unawaited.add(warning.get("ignore", ""))
            for request, (url, _) in tuple(self._requests.items()):
                if url in self._unawaited:
                    self._on_request_done({"requestId": request})

    def _on_context_gone(self, params: Message) -> None:
        if params.get("executionContextId") in self._foreign:
            self._foreign.remove(params["executionContextId"])

    def _on_script(self, params: Message) -> None:
        if params["url"]:
            self._scripts[params["scriptId"]] = params["url"]

    def _on_paused(self, params: Message) -> None:
        if self._stack is None:  # a `debugger` statement
            self._browser.connection.post("Debugger.resume", None, self._session)
        elif not self._stack.done():
            self._stack.set_result(params["callFrames"])

    def _on_attached(self, params: Message) -> None:
        if params["targetInfo"]["type"] == "worker":
            self._workers_attached += 1
            self._worker_came.set()
        task = asyncio.create_task(self._start_worker(params["sessionId"], params["targetInfo"]))
        self._worker_starts.add(task)
        task.add_done_callback(self._worker_starts.discard)

    def _on_detached(self, params: Message) -> None:
        session = params["sessionId"]
        self._workers.pop(session, None)
        self._browser.connection.forget(session)
        awaited = self._worker_events.pop(session, None)
        if awaited is not None and not awaited.done():
            awaited.set_exception(CommandRefused("the worker ended before its first script"))

    async def _start_worker(self, session: str, info: Message) -> None:
        """Puts the clock into a worker before its own script, then lets it run.

        A worker that waits for the debugger has no timers yet (no setTimeout, for one): its globals are
        complete only when its first script is about to run, so that is where the clock goes in.
        """
        name = str(self._workers_attached)
        try:
            if info["type"] != "worker":
                await self._send("Runtime.runIfWaitingForDebugger", None, session)
                return
            self._browser.connection.listen(session, self._on_worker_event)
            about_to_run = self._next_event(session, "Debugger.paused")
            attach = {"autoAttach": True, "waitForDebuggerOnStart": True, "flatten": True}
            commands: list[tuple[str, Message]] = [
                ("Runtime.enable", {}),
                ("Network.enable", {}),
                ("Target.setAutoAttach", attach),
                ("Debugger.enable", {}),
                ("Debugger.setInstrumentationBreakpoint", {"instrumentation": "beforeScriptExecution"}),
                ("Runtime.runIfWaitingForDebugger", {}),
            ]
            await asyncio.gather(*(self._send(method, params, session) for method, params in commands))
            await about_to_run
            script = clock_script(seed=self.settings.seed, start_ms=self._moment, realm_name=name)
            # Not _evaluate: a promise is never settled while the debugger holds the worker.
            await self._send("Runtime.evaluate", {"expression": script}, session)
            await self._send("Debugger.disable", None, session)
            self._workers[session] = info["url"]
        except (CommandRefused, BrowserGone):
            pass  # it ended before it began

    def _next_event(self, session: str, method: str) -> asyncio.Future[Message]:
        """The next event of this name; a session that ends first raises CommandRefused."""
        future: asyncio.Future[Message] = asyncio.get_running_loop().create_future()

        def handle(name: str, params: Message) -> None:
            if name == method and not future.done():
                future.set_result(params)

        self._browser.connection.listen(session, handle)
        self._worker_events[session] = future
        return future

    _EVENTS: ClassVar[dict[str, Callable[["Page", Message], None]]] = {
        "Network.requestWillBeSent": _on_request,
        "Network.responseReceived": _on_response,
        "Network.loadingFinished": _on_request_done,
        "Network.loadingFailed": _on_request_done,
        "Runtime.consoleAPICalled": _on_console,
        "Log.entryAdded": _on_log,
        "Runtime.exceptionThrown": _on_exception,
        "Runtime.bindingCalled": _on_binding,
        "Runtime.executionContextDestroyed": _on_context_gone,
        "Debugger.scriptParsed": _on_script,
        "Debugger.paused": _on_paused,
        "Page.loadEventFired": _on_loaded,
        "Page.frameStartedNavigating": _on_frame_navigating,
        "Page.frameStoppedLoading": _on_frame_done,
        "Page.frameDetached": _on_frame_done,
        "Page.javascriptDialogOpening": _on_dialog,
        "Inspector.targetCrashed": _on_crashed,
        "Inspector.detached": _on_gone,
        "Target.attachedToTarget": _on_attached,
        "Target.detachedFromTarget": _on_detached,
    }

    # -- what goes wrong -----------------------------------------------------------------------------------

    def _complain(self, text: str, *, kind: str) -> None:
        line = f"{kind}: {plain(text)}"
        self.console.lines.append(line)
        if self.settings.page_errors == "fail":
            self.console.errors.append(line)
        else:
            self.console.warnings.add(line)

    def _raise_page_errors(self) -> None:
        if not self.console.errors:
            return
        first, *others = self.console.errors
        more = f" (and {len(others)} more)" if others else ""
        said = [line for line in self.console.lines if line not in self.console.errors][-CONSOLE_LINES_TOLD:]
        console = "".join(f"\n    console {line}" for line in said)
        where = "while loading" if self.frame < 0 else f"at frame {self.frame} (t = {self._now / 1000:.3f} s)"
        raise PageError(
            f"the page failed {where}: {first}{more}{console}",
            remedy="mend the page, or render with --page-errors warn",
        )

    @asynccontextmanager
    async def _watched(self, what: str) -> AsyncIterator[None]:
        """Ends a step that takes longer than the frame timeout with a report of what it waits for."""
        try:
            async with asyncio.timeout(self.settings.frame_timeout):
                yield
        except TimeoutError:
            report = await self.stuck_report(what)
            if await self._briefly(self._send("Browser.getVersion")) is None:
                self._browser.connection.close(SILENT)
                raise BrowserGone(f"{what}: {SILENT}") from None
            # What the network owes may come at another attempt.
            kind = FrameNeverReady if report["requests"] and not report.get("script") else PageHangs
            raise kind(
                f"{what} was not ready after {self.settings.frame_timeout:g} s: {report['summary']}", report
            ) from None

    async def stuck_report(self, what: str) -> dict[str, Any]:
        """What the page is waiting for: requests, the page's own pending things, timers, or a script in a loop."""
        report: dict[str, Any] = {
            "while": what,
            "frame": self.frame,
            "requests": self._unanswered(),
            "console": list(self.console.lines),
            "errors": list(self.console.errors),
        }
        waiting = await self._briefly(self._evaluate("__heliosClock.waiting()"))
        if waiting is not None:
            report.update(pending=waiting["pending"], timers=waiting["timers"])
            report["screenshot"] = await self._briefly(self._screenshot_for_report())
        else:
            report["script"] = await self._briefly(self._script_stack())
        report["summary"] = summary(report)
        return report

    def _unanswered(self) -> list[str]:
        """What is being fetched; a frame that loads only where it is not one of its files that is late."""
        urls = [url for url, kind in self._requests.values() if kind != "Frame"]
        return [url for url in urls if url != self._address] or urls or [url for url, _ in self._requests.values()]

    async def _screenshot_for_report(self) -> str | None:
        reply = await self._begin_frame({"screenshot": {"format": "png", "optimizeForSpeed": True}})
        return reply.get("screenshotData")

    async def _script_stack(self) -> list[str]:
        """Where the running script is: the one command that reaches a page that does not return to its loop."""
        self._stack = asyncio.get_running_loop().create_future()
        await self._command("Debugger.pause")
        lines = []
        for frame in await self._stack:
            url = self._scripts.get(frame["location"]["scriptId"])
            if url:
                lines.append(f"{frame['functionName'] or 'script'} ({url}:{frame['location']['lineNumber'] + 1})")
        return lines[:8]

    async def _briefly(self, answer: Awaitable[T]) -> T | None:
        try:
            return await asyncio.wait_for(answer, ANSWER_SECONDS)
        except (TimeoutError, HeliosError):
            return None


def _earliest(replies: list[Message | None]) -> float | None:
    """When the first timer of some kernels is due; None where they have none."""
    return min((float(reply["due"]) for reply in replies if reply and reply["due"] is not None), default=None)


def _js(value: bool | float | None) -> str:
    return orjson.dumps(value).decode()


def _declared_number(name: str, value: Any) -> int | None:
    if value is None:
        return None
    try:
        number = float(value)
        if number == int(number) and number > 0:
            return int(number)
    except (ValueError, OverflowError):
        pass
    raise PageError(f'the page declares data-{name}="{value}"', remedy="write a whole number above 0")


def _declared_seconds(value: Any) -> float | None:
    """Seconds from 12, "12", "1.5s" or "800ms"."""
    found = None if value is None else re.fullmatch(r"\s*([0-9]*\.?[0-9]+)\s*(ms|s|)\s*", str(value))
    if value is not None and (found is None or float(found.group(1)) == 0):
        raise PageError(f'the page declares data-duration="{value}"', remedy='write seconds, such as "12" or "1.5s"')
    return None if found is None else float(found.group(1)) / (1000 if found.group(2) == "ms" else 1)


def _closed_roots(node: Message) -> list[int]:
    found: list[int] = []
    pending = [node]
    while pending:
        node = pending.pop()
        if node.get("shadowRootType") == "closed":
            found.append(node["backendNodeId"])
        pending.extend(node.get("children", ()))
        pending.extend(node.get("shadowRoots", ()))
        if "contentDocument" in node:
            pending.append(node["contentDocument"])
    return found
