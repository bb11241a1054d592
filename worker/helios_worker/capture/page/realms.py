"""The realms of a page that have a virtual clock of their own: its workers, and its frames of other origins.

A frame of another origin installs the clock by itself, as the page does, and joins. A worker is held by the
browser until the clock is in place. `clocks` moves them all; this module knows which there are.
"""

import asyncio
import contextlib
from collections.abc import Coroutine

from helios_worker.capture.clock import clock_script
from helios_worker.capture.devtools.cdp import BrowserGone, CommandRefused, EventTable, Handler, Message
from helios_worker.capture.devtools.session import Realm, Session
from helios_worker.capture.playhead import Playhead

# Workers are announced, and held before their first script.
AUTO_ATTACH: Message = {"autoAttach": True, "waitForDebuggerOnStart": True, "flatten": True}
# How long a worker that a script has made may take to be announced by the browser.
WORKER_SECONDS = 2.0


class Realms:
    """Those beside the page's own.

    seed: of the random numbers. on_event: hears what workers do, as the page hears of itself.
    """

    def __init__(self, session: Session, playhead: Playhead, seed: int, on_event: Handler) -> None:
        self._connection = session.connection
        self._playhead = playhead
        self._seed = seed
        self._on_event = on_event
        self._frames: list[Realm] = []
        self._workers: dict[str, Realm] = {}  # those whose clock is in place
        self._made: dict[Realm, int] = {}  # workers, as each realm's clock counts them
        self._attached = 0
        self._came = asyncio.Event()
        self._starts: set[asyncio.Task[None]] = set()
        self._first_scripts: dict[str, asyncio.Future[None]] = {}

    def others(self) -> list[Realm]:
        """Those whose clock is in place."""
        return [*self._frames, *self._workers.values()]

    @property
    def awaited(self) -> int:
        """How many workers scripts have made that the browser has not announced yet."""
        return max(0, sum(self._made.values()) - self._attached)

    @property
    def is_arriving(self) -> bool:
        """Whether a worker is on its way: made, or announced, and its clock not in place."""
        return bool(self._starts) or self.awaited > 0

    def note_made(self, realm: Realm, workers: int) -> None:
        """A realm's scripts have made so many workers by now."""
        self._made[realm] = workers

    def drop(self, realm: Realm) -> None:
        """A realm has ended. A frame's goes by its own event."""
        self._workers.pop(realm.session or "", None)

    def join(self, context: int) -> None:
        """A frame of another origin has its clock."""
        self._frames.append(Realm(context=context))

    async def arrive(self) -> bool:
        """Waits for workers on their way, and for no longer than one step of theirs. False if there are none."""
        if self._starts:
            await asyncio.wait(self._starts)
        elif awaited := self.awaited:
            self._came.clear()
            try:
                async with asyncio.timeout(WORKER_SECONDS):
                    await self._came.wait()
            except TimeoutError:
                self._attached += awaited  # refused, by a policy of the page say
        else:
            return False
        return True

    @property
    def events(self) -> EventTable:
        """What is heard of the browser."""
        return {
            "Target.attachedToTarget": self._on_attached,
            "Target.detachedFromTarget": self._on_detached,
            "Runtime.executionContextDestroyed": self._on_context_gone,
        }

    def _on_context_gone(self, params: Message) -> None:
        gone = Realm(context=params.get("executionContextId"))
        if gone in self._frames:
            self._frames.remove(gone)

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
        self._connection.forget(session)
        first_script = self._first_scripts.pop(session, None)
        if first_script is not None and not first_script.done():
            first_script.set_exception(CommandRefused("the worker ended before its first script"))

    def _on_worker_event(self, method: str, params: Message) -> None:
        if not method.startswith("Debugger."):  # its pause at the start is _start_worker's, not the page's
            self._on_event(method, params)

    def _spawn(self, start: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(start)
        self._starts.add(task)
        task.add_done_callback(self._starts.discard)

    async def _let_run(self, session: str) -> None:
        """What has no clock to wait for, such as another page's window."""
        with contextlib.suppress(CommandRefused, BrowserGone):
            await self._connection.send("Runtime.runIfWaitingForDebugger", None, session)

    async def _start_worker(self, session: str, name: str) -> None:
        """Puts the clock into a worker before its own script, then lets it run.

        A worker that waits for the debugger has no timers yet (no setTimeout, for one): its globals are
        complete only when its first script is about to run, so that is where the clock goes in.
        """
        send = self._connection.send
        commands: list[tuple[str, Message]] = [
            ("Runtime.enable", {}),
            ("Network.enable", {}),
            ("Target.setAutoAttach", AUTO_ATTACH),
            ("Debugger.enable", {}),
            ("Debugger.setInstrumentationBreakpoint", {"instrumentation": "beforeScriptExecution"}),
            ("Runtime.runIfWaitingForDebugger", {}),
        ]
        with contextlib.suppress(CommandRefused, BrowserGone):  # it ended before it began
            self._connection.listen(session, self._on_worker_event)
            about_to_run = self._first_script(session)
            await asyncio.gather(*(send(method, params, session) for method, params in commands))
            await about_to_run
            script = clock_script(seed=self._seed, start_ms=self._playhead.clock_ms, realm_name=name)
            # Not Session.evaluate: a promise is never settled while the debugger holds the worker.
            await send("Runtime.evaluate", {"expression": script}, session)
            await send("Debugger.disable", None, session)
            self._workers[session] = Realm(session=session)

    def _first_script(self, session: str) -> asyncio.Future[None]:
        """Done when a worker is about to run its first script; one that ends before that raises CommandRefused."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def handle(method: str, params: Message) -> None:
            if method == "Debugger.paused" and not future.done():
                future.set_result(None)

        self._connection.listen(session, handle)
        self._first_scripts[session] = future
        return future
