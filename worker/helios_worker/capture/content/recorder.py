"""Records the network's responses to a page while it is planned, and replays them while it is rendered.

The browser still makes every request itself, so origin, redirects, CORS and workers are as on the live page. DevTools'
Fetch domain holds each request until its response has been looked up.
"""

import asyncio
import base64
import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from helios_worker.artifacts.blobs import Blobs
from helios_worker.artifacts.recording import (
    RecordedResponse,
    Recording,
    drop_late_answer,
    keep_late_answer,
    late_answer,
    request_name,
    store_body,
    store_recording,
)
from helios_worker.artifacts.store import ArtifactStore
from helios_worker.capture.devtools.cdp import BrowserGone, CommandRefused, Message
from helios_worker.capture.devtools.session import Session
from helios_worker.capture.messages import is_foreign, plain
from helios_worker.errors import CorruptBlob, HeliosError, NetworkTrouble

METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
STREAMS = ("text/event-stream", "multipart/x-mixed-replace")
# The browser closes its pipe on a message of 100 MB, which holds 75 MB in base64.
MAX_BODY = 64 << 20
# Headers by which a page or its browser behaves differently, without those that always differ (dates, cookies, ages).
KEPT_HEADERS = re.compile(
    r"content-(?:type|language|disposition|security-policy)|location|refresh|link|access-control-.*|cross-origin-.*"
    r"|origin-agent-cluster|timing-allow-origin|x-frame-options|x-content-type-options|referrer-policy"
    r"|permissions-policy|document-policy",
    re.IGNORECASE,
)
_RANGE = re.compile(r"bytes=(\d+)-(\d*)")


class Recorder:
    """Records or replays the network for the pages of one composition.

    on_fault: called with what kept a recorded answer from a page.
    live: requests that went to the network and whose answers cannot be kept.
    foreign: requests to other hosts, as a passive recorder saw them.
    passive: whether the recorder only listens.
    """

    def __init__(
        self,
        store: ArtifactStore,
        blobs: Blobs,
        on_fault: Callable[[HeliosError], None],
        recording: Recording | None = None,
        *,
        passive: bool = False,
    ) -> None:
        self._on_fault = on_fault
        self.live: dict[str, None] = {}
        self.foreign: dict[str, None] = {}
        self.passive = passive
        self._store = store
        self._blobs = blobs
        self._answers = dict(recording.answers) if recording is not None else {}
        self._sealed = recording.digest if recording is not None else ""
        self._tasks: set[asyncio.Task[None]] = set()

    async def attach(self, session: Session) -> None:
        """Takes over a fresh page's network, in all its frames and workers."""

        def listen(method: str, params: Message) -> None:
            if method == "Network.requestWillBeSent" and is_foreign(params["request"]["url"]):
                self.foreign[params["request"]["url"]] = None

        def take(method: str, params: Message) -> None:
            if method == "Fetch.requestPaused":
                task = asyncio.create_task(self._handle(_Paused(session, params)))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

        if self.passive:
            session.listen(listen)
            return
        session.listen(take)
        for method in ("Network.clearBrowserCache", "Network.clearBrowserCookies"):
            await session.command(method)
        await session.command("Fetch.enable", {"patterns": [{"urlPattern": "http*"}]})

    async def seal(self) -> str:
        """Completes the recording and returns its digest. Later responses are stored beside it."""
        recording = await asyncio.to_thread(store_recording, self._store, self._answers)
        self._sealed = recording.digest
        return self._sealed

    async def _handle(self, paused: "_Paused") -> None:
        try:
            await self._answer(paused)
        except (BrowserGone, CommandRefused):
            pass  # the page was closed, or no longer wants the response
        except Exception as error:  # whatever happened, the page must not wait for ever
            if not isinstance(error, HeliosError):
                error = HeliosError(f"{paused.name}: {type(error).__name__}: {error}")
            self._on_fault(error)
            await paused.fail()

    async def _answer(self, paused: "_Paused") -> None:
        if paused.method not in METHODS or not is_foreign(paused.url):
            if is_foreign(paused.url):
                self.live[paused.name] = None
            await paused.go_on()
            return
        answer = await self._known(paused.name)
        if answer is None and not paused.has_response:
            await paused.go_on(intercept_response=True)
            return
        if answer is None:
            answer = await self._take(paused)
        if answer is None:
            self.live[paused.name] = None
            await paused.go_on()
            return
        await paused.fulfil(answer, await self._body(paused, answer))

    async def _known(self, request: str) -> RecordedResponse | None:
        if request in self._answers or not self._sealed:
            return self._answers.get(request)
        answer = await asyncio.to_thread(late_answer, self._store, self._sealed, request)
        if answer is not None:
            self._answers[request] = answer
        return answer

    async def _take(self, paused: "_Paused") -> RecordedResponse | None:
        """Records the network's response, or takes one that another worker recorded first. None: not recordable."""
        headers = paused.response_headers
        status = paused.status
        # A failed request may succeed at another attempt. After the plan, a 4xx may also have been fixed by then.
        if status >= (400 if self._sealed else 500) or status in (0, 304, 408, 429):
            return None
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        length = headers.get("content-length", "")
        if kind in STREAMS or (length.isdecimal() and int(length) > MAX_BODY):
            return None
        body = b"" if 300 <= status < 400 else await paused.read()
        # DevTools gives what came of a body that was cut, and no error. (Of a body without a length nobody can tell.)
        is_plain = paused.method == "GET" and not headers.get("content-encoding") and not 300 <= status < 400
        if is_plain and length.isdecimal() and int(length) != len(body):
            raise NetworkTrouble(
                f"{plain(paused.url)} could not be loaded: the connection was cut after {len(body)} of {length} bytes",
                remedy="another attempt may succeed; if none does, check the address and its server",
            )
        if status == 206:
            status = 200
            if headers.get("content-range") != f"bytes 0-{len(body) - 1}/{len(body)}":
                return None
        if len(body) > MAX_BODY:
            return None
        answer = RecordedResponse(
            status=status,
            headers=tuple(sorted((k, v) for k, v in headers.items() if KEPT_HEADERS.fullmatch(k))),
            body=await asyncio.to_thread(store_body, self._store, body),
        )
        if self._sealed:
            answer = await asyncio.to_thread(keep_late_answer, self._store, self._sealed, paused.name, answer)
        return self._answers.setdefault(paused.name, answer)

    async def _body(self, paused: "_Paused", answer: RecordedResponse) -> bytes:
        if not answer.body:
            return b""
        try:
            file = await self._blobs.file(self._store, answer.body, paused.url)
        except CorruptBlob:
            self._answers.pop(paused.name, None)
            if self._sealed:
                await asyncio.to_thread(drop_late_answer, self._store, self._sealed, paused.name)
            raise
        return await asyncio.to_thread(file.read_bytes)


class _Paused:
    """A request that the browser holds until it is continued, fulfilled or failed."""

    def __init__(self, session: Session, params: Message) -> None:
        self.method: str = params["request"]["method"]
        self.url: str = params["request"]["url"]
        self.name = request_name(self.method, self.url)
        self.status: int = params.get("responseStatusCode", 0)
        self.has_response = "responseStatusCode" in params or "responseErrorReason" in params
        self._session = session
        self._id = params["requestId"]
        self._headers = {name.lower(): value for name, value in params["request"]["headers"].items()}
        self._response = params.get("responseHeaders", [])

    @property
    def response_headers(self) -> dict[str, str]:
        """Response headers by lower-case name; several of one name are joined, as HTTP allows."""
        joined: dict[str, str] = {}
        for header in self._response:
            name = header["name"].lower()
            joined[name] = f"{joined[name]}, {header['value']}" if name in joined else header["value"]
        return joined

    async def go_on(self, *, intercept_response: bool = False) -> None:
        """Sends the request to the network."""
        options = {"interceptResponse": True} if intercept_response else {}
        await self._send("Fetch.continueRequest", **options)

    async def read(self) -> bytes:
        """The whole body of the network's response."""
        reply = await self._send("Fetch.getResponseBody")
        return base64.b64decode(reply["body"]) if reply["base64Encoded"] else str(reply["body"]).encode()

    async def fulfil(self, answer: RecordedResponse, body: bytes) -> None:
        """Answers the request, with a part of the body if the request has a range."""
        status, headers = answer.status, [*answer.headers, ("cache-control", "no-store")]
        wanted = _RANGE.fullmatch(self._headers.get("range", ""))
        if status == 200 and wanted is not None and int(wanted[1]) < len(body):
            first, last = int(wanted[1]), min(int(wanted[2] or len(body)), len(body) - 1)
            headers += [("accept-ranges", "bytes"), ("content-range", f"bytes {first}-{last}/{len(body)}")]
            status, body = 206, body[first : last + 1]
        if status < 300 or status >= 400:
            headers.append(("content-length", str(len(body))))
        await self._send(
            "Fetch.fulfillRequest",
            responseCode=status,
            responseHeaders=[{"name": name, "value": value} for name, value in headers],
            body=base64.b64encode(body).decode(),
        )

    async def fail(self) -> None:
        """Fails the request; the page sees a network error."""
        with suppress(BrowserGone, CommandRefused):
            await self._send("Fetch.failRequest", errorReason="Failed")

    async def _send(self, method: str, **params: Any) -> Message:
        return await self._session.command(method, {"requestId": self._id, **params})
