"""Keeps track of a page's realms that have their own virtual clock: its workers, and its frames of other origins.

A frame of another origin installs the clock by itself, as the page does, and joins. The browser holds a worker until
the clock is installed in it. `clocks` moves the clocks of all realms.
"""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Coroutine, Sequence
from functools import partial

from helios_worker.capture.clock import clock_script
from helios_worker.capture.devtools.cdp import BrowserGone, CommandRefused, EventTable, Handler, Message
from helios_worker.capture.devtools.idleness import is_at_rest
from helios_worker.capture.devtools.session import Realm, Session
from helios_worker.capture.page.clock_handles import ClockHandles
from helios_worker.capture.playhead import Playhead

# The browser announces workers, and holds them before their first script.
AUTO_ATTACH: Message = {"autoAttach": True, "waitForDebuggerOnStart": True, "flatten": True}
# How often the browser must be seen at rest, and how long is waited before each look, until a worker that a script has
# made counts as one that will not be announced.
WORKER_LOOKS = 40
LOOK_SECONDS = 0.05


class Realms:
    """All realms of a page, other than the page's own.

    handles: of their clocks. seed: of the random numbers. on_event: called with the events of workers.
    for_workers: commands that each worker gets before its first script.
    gone: how many workers and frames with a clock have ended. What they sent before may be about to arrive.
    """

    def __init__(
        self,
        session: Session,
        handles: ClockHandles,
        playhead: Playhead,
        seed: int,
        on_event: Handler,
        for_workers: Sequence[tuple[str, Message]] = (),
    ) -> None:
        self._session = session
        self._connection = session.connection
        self._handles = handles
        self._playhead = playhead
        self._seed = seed
        self._on_event = on_event
        self._for_workers = for_workers
        self.gone = 0
        self._frames: list[Realm] = []
        self._workers: dict[str, Realm] = {}  # workers whose clock is installed
        self._made: dict[Realm, int] = {}  # workers, as each realm's clock counts them
        self._attached = 0
        self._came = asyncio.Event()
        self._requests: defaultdict[str, set[str]] = defaultdict(set)  # unanswered ones, by the worker's session
        self._starts: set[asyncio.Task[None]] = set()
        self._first_scripts: dict[str, asyncio.Future[None]] = {}

    def others(self) -> list[Realm]:
        """Realms whose clock is installed."""
        return [*self._frames, *self._workers.values()]

    @property
    def awaited(self) -> int:
        """Number of workers that scripts have made and the browser has not announced yet."""
        return max(0, sum(self._made.values()) - self._attached)

    @property
    def is_arriving(self) -> bool:
        """Whether a worker has been made or announced whose clock is not installed yet."""
        return bool(self._starts) or self.awaited > 0

    def note_made(self, realm: Realm, workers: int) -> None:
        """Notes how many workers a realm's scripts have made so far."""
        self._made[realm] = workers

    def drop(self, realm: Realm) -> None:
        """Forgets a worker's realm, which has ended. The end of a frame's realm is an event."""
        self._workers.pop(realm.session or "", None)

    def join(self, context: int) -> None:
        """Notes a frame of another origin, whose clock is installed."""
        self._frames.append(Realm(context=context))

    async def arrive(self) -> bool:
        """Waits one step for workers that are being started. False if there are none."""
        if self._starts:
            await asyncio.wait(self._starts)
        elif awaited := self.awaited:
            self._came.clear()
            looks = 0
            while not self._came.is_set() and looks < WORKER_LOOKS:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_SECONDS):
                        await self._came.wait()
                looks += await is_at_rest(self._session.process)
            if not self._came.is_set():
                self._attached += awaited  # never announced; for example, a policy of the page refused it
        else:
            return False
        return True

    @property
    def events(self) -> EventTable:
        """Handlers of the browser's events."""
        return {
            "Target.attachedToTarget": self._on_attached,
            "Target.detachedFromTarget": self._on_detached,
            "Runtime.executionContextDestroyed": self._on_context_gone,
        }

    def _on_context_gone(self, params: Message) -> None:
        gone = Realm(context=params.get("executionContextId"))
        self._handles.forget(gone)
        if gone in self._frames:
            self._frames.remove(gone)
            self.gone += 1

    def _on_attached(self, params: Message) -> None:
        session = params["sessionId"]
        if params["targetInfo"]["type"] == "worker":
            self._attached += 1
            self._came.set()
            self._spawn(self._start_worker(session, str(self._attached)))
        else:
            self._spawn(self._let_run(session))

    def _on_detached(self, params: Message) -> None:
        session = params["sessionId"]
        self._workers.pop(session, None)
        self.gone += 1
        self._handles.forget(Realm(session=session))
        self._connection.forget(session)
        for request in self._requests.pop(session, ()):  # nobody reports their end any more
            self._on_event("Network.loadingFailed", {"requestId": request, "canceled": True})
        first_script = self._first_scripts.pop(session, None)
        if first_script is not None and not first_script.done():
            first_script.set_exception(CommandRefused("the worker ended before its first script"))

    def _on_worker_event(self, session: str, method: str, params: Message) -> None:
        if method == "Network.requestWillBeSent":
            self._requests[session].add(params["requestId"])
        elif method in ("Network.loadingFinished", "Network.loadingFailed"):
            self._requests[session].discard(params["requestId"])
        if not method.startswith("Debugger."):  # _start_worker handles the pause at the start
            self._on_event(method, params)

    def _spawn(self, start: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(start)
        self._starts.add(task)
        task.add_done_callback(self._starts.discard)

    async def _let_run(self, session: str) -> None:
        """Lets a target run that gets no clock, such as another window."""
        with contextlib.suppress(CommandRefused, BrowserGone):
            await self._connection.send("Runtime.runIfWaitingForDebugger", None, session)

    async def _start_worker(self, session: str, name: str) -> None:
        """Puts the clock into a worker before its own script, then lets it run.

        A worker that waits for the debugger has no timers yet (no setTimeout, for example). Its globals are complete
        only when its first script is about to run, so the clock is installed then.
        """
        send = self._connection.send
        commands: list[tuple[str, Message]] = [
            ("Runtime.enable", {}),
            ("Network.enable", {}),
            ("Target.setAutoAttach", AUTO_ATTACH),
            *self._for_workers,
            ("Debugger.enable", {}),
            ("Debugger.setInstrumentationBreakpoint", {"instrumentation": "beforeScriptExecution"}),
            ("Runtime.runIfWaitingForDebugger", {}),
        ]
        with contextlib.suppress(CommandRefused, BrowserGone):  # it ended before it began
            self._connection.listen(session, partial(self._on_worker_event, session))
            about_to_run = self._first_script(session)
            await asyncio.gather(*(send(method, params, session) for method, params in commands))
            await about_to_run
            script = clock_script(
                secret=self._handles.secret, seed=self._seed, start_ms=self._playhead.clock_ms, realm_name=name
            )
            realm = Realm(session=session)
            self._handles.keep(realm, await self._session.handle(script, realm))
            await send("Debugger.disable", None, session)
            self._workers[session] = realm

    def _first_script(self, session: str) -> asyncio.Future[None]:
        """Done when a worker is about to run its first script; one that ends before that raises CommandRefused."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def handle(method: str, params: Message) -> None:
            if method == "Debugger.paused" and not future.done():
                future.set_result(None)

        self._connection.listen(session, handle)
        self._first_scripts[session] = future
        return future
