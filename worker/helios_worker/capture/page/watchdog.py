"""Ends a step that takes too long, and reports what the page was waiting for."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from helios_worker.capture.devtools.cdp import BrowserGone, EventTable, Message
from helios_worker.capture.devtools.compositor import Compositor
from helios_worker.capture.devtools.crashes import OUT_OF_MEMORY, TOO_DEEP
from helios_worker.capture.devtools.session import SILENT, Session
from helios_worker.capture.faults import FrameNeverReady, PageError, PageHangs, StackOverflow
from helios_worker.capture.messages import URL_KEPT, plain
from helios_worker.capture.page.clock_handles import ClockHandles
from helios_worker.capture.page.console import Console
from helios_worker.capture.page.network import REPORTED, Network, listed
from helios_worker.capture.page.starvation import overloaded_share, waiting_share
from helios_worker.capture.playhead import Playhead
from helios_worker.capture.run_timeout import run_timeout

STACK_LINES = 8
SCRIPTS_KEPT = 10_000
EXAMPLES_NAMED = 3
# Changes of the page's address in one step that keep a browser from answering. Browsers in use ignore most of them.
MANY_MOVES = 1_000
# Unanswered requests at once that keep a page from answering, and that no attempt would take on faster.
MANY_REQUESTS = 1_000


class Watchdog:
    """Limits the time of each step of one page. limit: seconds in which this process runs. address: of the page."""

    def __init__(
        self,
        session: Session,
        handles: ClockHandles,
        playhead: Playhead,
        network: Network,
        console: Console,
        compositor: Compositor,
        limit: float,
    ) -> None:
        self.address = ""
        self._session = session
        self._handles = handles
        self._playhead = playhead
        self._network = network
        self._console = console
        self._compositor = compositor
        self._limit = limit
        self._scripts: dict[str, str] = {}  # URLs of the page's own scripts, by script ID
        self._stack: asyncio.Future[list[Message]] | None = None
        self._moves = 0  # how often the page has changed its address in this step, within its document

    @asynccontextmanager
    async def over(self, step: str, frames: range = range(0)) -> AsyncIterator[None]:
        """Around a step. step: its name, for messages. frames: it goes through; the message names the one it came to.

        Raises:
            FrameNeverReady: the step took longer than the limit; the message says what the page waits for. It is a
                PageHangs if no other attempt would do better: nothing of the network is missing, and the machine is
                not overloaded.
            BrowserGone: the step took too long, and the browser does not answer anything else either.
            PageError: the same, because of what the page did.
        """
        self._moves = 0
        try:
            async with run_timeout(self._limit):
                yield
        except BrowserGone:
            self._console.raise_fault()
            raise
        except TimeoutError:
            share = await self._waiting_share()  # before the report, which pauses a script
            report = await self._report(step, frames)
            step = report["while"]
            if await self._session.briefly(self._session.connection.send("Browser.getVersion")) is None:
                self._session.connection.close(SILENT)
                self._console.raise_fault()
                if self._moves >= MANY_MOVES:
                    raise _too_many_moves(step, self._moves) from None
                raise BrowserGone(f"{step}: {SILENT}") from None
            self._console.raise_fault()
            said = f"{step} was not ready after {self._limit:g} s: {report['summary']}"
            if share >= overloaded_share():
                said += f"; the machine is overloaded: the browser waits for a processor {share:.0%} of the time"
                raise FrameNeverReady(said, report) from None
            raise (FrameNeverReady if may_pass(report) else PageHangs)(said, report) from None

    async def _waiting_share(self) -> float:
        """Which share of its time the browser waits for a processor."""
        found = await self._session.briefly(self._session.connection.send("SystemInfo.getProcessInfo"))
        return await waiting_share(each["id"] for each in (found or {}).get("processInfo", ()))

    async def _report(self, step: str, frames: range) -> dict[str, Any]:
        """What the page is waiting for: requests, its own pending promises, timers, or a script in a loop."""
        session = self._session
        report: dict[str, Any] = {
            "while": step,
            "frame": self._playhead.frame,
            "requests": self._network.unanswered(self.address),
            "unanswered": self._network.unanswered_count,
            "console": list(self._console.lines),
            "errors": list(self._console.errors),
        }
        waiting = await session.briefly(self._handles.call("waiting"))
        if isinstance(waiting, dict):
            if waiting.get("frame") in frames:
                report.update({"while": f"frame {waiting['frame']}", "frame": waiting["frame"]})
            elsewhere, is_silent = await self._handles.waiting_elsewhere()
            pending = _texts(waiting.get("pending")) + _texts(elsewhere)
            report.update(pending=pending, timers=_timers(waiting.get("timers")))
            if is_silent:
                report["script"] = ["a script in a worker or in a frame of another origin"]
            report["screenshot"] = await session.briefly(self._compositor.picture_for_report())
        else:
            report["script"] = await session.briefly(self._script_stack())
            report["blocking"] = self._network.unanswered(blocking=True)
        report["summary"] = summary(report)
        return report

    async def _script_stack(self) -> list[str]:
        """The stack of the running script. Only Debugger.pause reaches a page whose script loops."""
        self._stack = asyncio.get_running_loop().create_future()
        await self._session.command("Debugger.pause")
        lines = []
        for call in await self._stack:
            url = self._scripts.get(call["location"]["scriptId"])
            if url:
                lines.append(f"{call['functionName'] or 'script'} ({url}:{call['location']['lineNumber'] + 1})")
        return lines[:STACK_LINES]

    @property
    def events(self) -> EventTable:
        """Handlers of the browser's events."""
        return {
            "Debugger.scriptParsed": self._on_script,
            "Debugger.paused": self._on_paused,
            "Page.navigatedWithinDocument": self._on_moved,
        }

    def _on_moved(self, params: Message) -> None:
        self._moves += 1

    def _on_script(self, params: Message) -> None:
        if params["url"] and len(self._scripts) < SCRIPTS_KEPT:
            self._scripts[params["scriptId"]] = params["url"][:URL_KEPT]

    def _on_paused(self, params: Message) -> None:
        if params.get("reason") == "OOM":  # the browser says so before it ends the page's process
            self._console.blame(own_crash(OUT_OF_MEMORY, self._playhead))
            self._session.crashed = OUT_OF_MEMORY
            self._session.connection.close(OUT_OF_MEMORY)
        elif self._stack is None:  # a `debugger` statement
            self._session.post("Debugger.resume")
        elif not self._stack.done():
            self._stack.set_result(params["callFrames"])


def own_crash(cause: str, playhead: Playhead) -> PageError:
    """The error of a page that ended its own process. cause: OUT_OF_MEMORY or TOO_DEEP."""
    when = f"at frame {playhead.frame}" if playhead.frame >= 0 else "while loading"
    error = StackOverflow if cause == TOO_DEEP else PageError
    return error(f"the page failed {when}: {cause}", remedy=_REMEDIES[cause])


_REMEDIES = {
    OUT_OF_MEMORY: "let go of objects, images and arrays that no later frame needs",
    TOO_DEEP: "nest fewer than 1,500 elements in each other",
}


def _texts(value: Any) -> list[str]:
    """A list of texts that the page's clock has given, which the page may have had a hand in."""
    return listed(str(each)[:URL_KEPT] for each in value) if isinstance(value, list) else []


def _timers(value: Any) -> list[dict[str, Any]]:
    timers = [timer for timer in value if isinstance(timer, dict)] if isinstance(value, list) else []
    return [
        {
            **{name: plain(str(timer.get(name, ""))) for name in ("kind", "callback", "source")},
            "due": timer["due"] if isinstance(timer.get("due"), int | float) else 0.0,
        }
        for timer in timers[:REPORTED]
    ]


def _too_many_moves(step: str, moves: int) -> PageError:
    return PageError(
        f"{step}: the page changes its address {moves:,} times or more, and the browser answers nothing else meanwhile",
        remedy="change it once a frame at most",
    )


def may_pass(report: Mapping[str, Any]) -> bool:
    """Whether another attempt may do better: an answer that is missing may come then, unless a script never ends."""
    is_waiting = "pending" in report or bool(report.get("blocking"))
    return bool(report["requests"]) and is_waiting and not report.get("script")


def summary(report: Mapping[str, Any]) -> str:
    """What a stuck page waits for, in one line."""
    if report.get("script"):
        return plain(f"a script does not return: {report['script'][0]}")
    if "pending" not in report:
        if report["unanswered"] >= MANY_REQUESTS:
            return f"the page asks for {report['unanswered']:,} files at once, and does not answer meanwhile"
        if report.get("blocking"):
            return plain(f"the page does not answer while it waits for request {report['blocking'][0]}")
        return "the page does not answer: a script does not return, or its elements take too long to lay out"
    waits = [f"request {url}" for url in report["requests"][:EXAMPLES_NAMED]] + list(report["pending"])[:EXAMPLES_NAMED]
    if not waits:
        timers = report.get("timers", [])[:EXAMPLES_NAMED]
        waits = [f"timer {timer['kind']} due at {timer['due']:.0f} ms: {timer['callback']}" for timer in timers]
    return plain("waiting for " + "; ".join(waits)) if waits else "the page does not settle"
