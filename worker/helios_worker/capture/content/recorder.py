"""Records the network's responses to a page while it is planned, and replays them while it is rendered.

The browser still makes every request itself, so origin, redirects, CORS and workers are as on the live page. DevTools'
Fetch domain holds each request until its response has been looked up. Bodies pass through in pieces, from the network
to a file and from a file to the browser, so that their size is no matter of this worker's memory.

Long, because a request's way from the browser to its answer is here as a whole.
"""

import asyncio
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from urllib.parse import urljoin

from helios_crds.numbers import whole_number
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
from helios_worker.capture.content import fonts
from helios_worker.capture.content.header_sender import HeaderSender
from helios_worker.capture.content.paused import PausedRequest, is_answered
from helios_worker.capture.content.recorded_page import RecordedPage
from helios_worker.capture.devtools.cdp import BrowserGone, CommandRefused, Message
from helios_worker.capture.faults import PageError
from helios_worker.capture.messages import URL_KEPT, is_foreign, plain
from helios_worker.capture.truncated import is_truncated
from helios_worker.errors import CorruptBlob, HeliosError, NetworkTrouble
from helios_worker.network.origin_headers import NO_HEADERS, OriginHeaders
from helios_worker.network.passing import REMEDY

METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
STREAMS = ("text/event-stream", "multipart/x-mixed-replace")
# The browser closes its pipe on a message of 100 MB, which holds 75 MB in base64.
MAX_BODY = 64 << 20
MAX_BYTES = 1 << 30
MAX_ANSWERS = 5_000
MAX_HEADERS = 64 << 10
MAX_REDIRECTS = 20
# Requests that are named in warnings.
MAX_NOTED = 1_000
URL_QUOTED = 120
BODIES_AT_ONCE = 16
# Headers by which a page or its browser behaves differently, without those that always differ (dates, cookies, ages).
KEPT_HEADERS = re.compile(
    r"content-(?:type|language|disposition|security-policy)|location|refresh|link|access-control-.*|cross-origin-.*"
    r"|origin-agent-cluster|timing-allow-origin|x-frame-options|x-content-type-options|referrer-policy"
    r"|permissions-policy|document-policy",
    re.IGNORECASE,
)


@dataclass
class Amount:
    """How much a recorder has kept. answers: their number. size: bytes of their bodies."""

    answers: int = 0
    size: int = 0

    def add(self, *, answers: int = 0, size: int = 0) -> None:
        """Counts more of it.

        Raises:
            PageError: it is more than the network may contribute to one film.
        """
        self.answers += answers
        self.size += size
        if self.answers > MAX_ANSWERS or self.size > MAX_BYTES:
            raise PageError(
                f"the page took more than {MAX_ANSWERS} answers or {MAX_BYTES >> 20} MiB from the network",
                remedy="put what it needs into files beside the page",
            )


class Recorder:
    """Records or replays the network for the pages of one composition.

    on_fault: called with what kept an answer from a page.
    owner: names the plan that records. Two plans never share what their later frames are answered.
    headers: what the composition's own server is sent in addition; with an origin alone, what this worker lacks.
    lends_fonts: whether the worker's fonts are in the place of Google Fonts' while these cannot be reached.
    stray_page: where a redirect led the page itself, if it is another origin, which is sent none of them; "".
    live: requests that went to the network and whose answers cannot be kept; the first ones.
    foreign: requests to other hosts, as a passive recorder saw them; the first ones.
    passive: whether the recorder only listens.
    lent: families of Google Fonts' that come from this worker, since they could not be reached.
    """

    def __init__(
        self,
        store: ArtifactStore,
        blobs: Blobs,
        on_fault: Callable[[HeliosError], None],
        recording: Recording | None = None,
        *,
        passive: bool = False,
        owner: str = "",
        headers: OriginHeaders = NO_HEADERS,
        lends_fonts: bool = False,
    ) -> None:
        self.lent: dict[str, None] = {}
        self.lends_fonts = lends_fonts
        self._on_fault = on_fault
        self._headers = headers
        self.live: dict[str, None] = {}
        self.foreign: dict[str, None] = {}
        self.passive = passive
        self.stray_page = ""
        self._owner = owner
        self._store = store
        self._blobs = blobs
        self._answers = dict(recording.answers) if recording is not None else {}
        self._sealed = recording.digest if recording is not None else ""
        self._names: dict[str, str] = {}  # of requests that wait for the network, by their ids
        self._kept = Amount()
        self._reading = asyncio.Semaphore(BODIES_AT_ONCE)
        self._replaying = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()

    async def attach(self, page: RecordedPage) -> None:
        """Takes over a fresh page's network, in all its frames and workers."""
        session = page.session
        sender = None if self._headers.origin is None else HeaderSender(self._headers)

        def added(params: Message) -> OriginHeaders:
            """What a request is sent in addition."""
            if sender is None or is_answered(params):
                return NO_HEADERS
            found = self._headers if sender.is_for(params) else NO_HEADERS
            self.stray_page = self.stray_page or sender.stray_page
            return found

        def listen(method: str, params: Message) -> None:
            if method == "Network.requestWillBeSent" and is_foreign(params["request"]["url"]):
                _note(self.foreign, params["request"]["url"])

        def take(method: str, params: Message) -> None:
            if method == "Fetch.requestPaused":
                task = asyncio.create_task(self._handle(PausedRequest(session, params, added(params)), page))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

        if self.passive:
            session.listen(listen)
            return
        if sender is not None:
            events = sender.events
            session.listen(lambda method, params: events.get(method, ignored)(params))
        session.listen(take)
        await session.command("Fetch.enable", {"patterns": [{"urlPattern": "http*"}]})

    def body_of(self, url: str) -> str:
        """The SHA-256 of what a GET of an address was answered, also after redirects; "" where that is not recorded."""
        for _ in range(MAX_REDIRECTS):
            answer = self._answers.get(request_name("GET", url))
            if answer is None:  # where what was told differs from request to request, any of them will do
                told = (known for name, known in self._answers.items() if name.startswith(f"{url} "))
                answer = next(told, None)
            if answer is None:
                return ""
            location = next((value for header, value in answer.headers if header.lower() == "location"), "")
            if not (300 <= answer.status < 400 and location):
                return answer.body
            url = urljoin(url, location).partition("#")[0]
        return ""

    async def seal(self) -> str:
        """Completes the recording and returns its digest. Later responses are stored beside it."""
        recording = await asyncio.to_thread(store_recording, self._store, self._answers, self._owner)
        self._sealed = recording.digest
        return self._sealed

    async def close(self) -> None:
        """Gives up what pages that are closed by now have asked for."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _handle(self, paused: PausedRequest, page: RecordedPage) -> None:
        try:
            if not is_foreign(paused.url):
                await paused.go_on()
            elif paused.method not in METHODS:
                await self._let_pass(paused, page)
            else:
                await self._answer(paused, page)
        except (BrowserGone, CommandRefused):
            pass  # the page was closed, or no longer wants the response
        except Exception as error:  # whatever happened, the page must not wait for ever
            if not isinstance(error, HeliosError):
                error = HeliosError(f"{paused.method} {paused.url}: {type(error).__name__}: {error}")
            self._on_fault(error)
            await paused.fail()

    async def _let_pass(self, paused: PausedRequest, page: RecordedPage) -> None:
        """Sends what changes something on a server to that server, each time; an answer that is data is an error."""
        _note(self.live, f"{paused.method} {paused.url}")
        if paused.asks_by_body and not paused.has_response:
            await paused.go_on(intercept_response=True)
            return
        has_content = paused.status // 100 == 2 and paused.status not in (204, 205)
        has_content = has_content and paused.response_headers.get("content-length") != "0"
        if paused.asks_by_body and has_content and page.network.is_readable(paused.network_id):
            page.console.complain(
                f"{paused.method} {paused.url[:URL_QUOTED]} asks for data by what it sends, and such answers cannot be "
                "recorded for all chunks: ask by GET, or put the answer into a file beside the page"
            )
        await paused.go_on()

    async def _answer(self, paused: PausedRequest, page: RecordedPage) -> None:
        name = self._names.pop(paused.id, "") or await paused.name(page.network.given_cookies)
        answer = await self._known(name)
        if answer is None and not paused.has_response:
            self._names[paused.id] = name
            await paused.go_on(intercept_response=True)
            return
        if answer is None:
            answer = await self._lend(paused, name) or await self._take(paused, name)
        if answer is None:
            _note(self.live, paused.url if paused.method == "GET" else f"{paused.method} {paused.url}")
            await paused.go_on()
            return
        async with self._replaying:  # or the browser holds several large bodies at once
            await paused.fulfil(answer, await self._body(paused, name, answer))

    async def _known(self, request: str) -> RecordedResponse | None:
        if request in self._answers or not self._sealed:
            return self._answers.get(request)
        answer = await asyncio.to_thread(late_answer, self._store, self._sealed, request)
        if answer is not None:
            self._answers[request] = answer
        return answer

    async def _lend(self, paused: PausedRequest, name: str) -> RecordedResponse | None:
        """Has the worker's own fonts be the answer to a request for them that has failed."""
        sheet = fonts.lent(paused.url) if self.lends_fonts and paused.status == 0 else ""
        if not sheet:
            return None
        self.lent.update(dict.fromkeys(fonts.families_asked(paused.url)))
        headers = (("access-control-allow-origin", "*"), ("content-type", "text/css"))
        body = await asyncio.to_thread(self._store_text, sheet)
        self._answers[name] = RecordedResponse(status=200, headers=headers, body=body)
        return self._answers[name]

    def _store_text(self, text: str) -> str:
        """Stores a text as the body of an answer, and returns its digest."""
        with NamedTemporaryFile(dir=self._blobs.scratch, prefix="helios-answer-") as file:
            file.write(text.encode())
            file.flush()
            return store_body(self._store, Path(file.name), hashlib.sha256(text.encode()).hexdigest())

    async def _take(self, paused: PausedRequest, name: str) -> RecordedResponse | None:
        """Records the network's response, or takes one that another worker recorded first. None: not recordable.

        Raises:
            PageError: the page takes more from the network than can be recorded.
        """
        headers = paused.response_headers
        status = paused.status
        # A failed request may succeed at another attempt. After the plan, a 4xx may also have been fixed by then.
        if status >= (400 if self._sealed else 500) or status in (0, 304, 408, 429):
            return None
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        length = headers.get("content-length", "")
        size = whole_number(length)
        if kind in STREAMS or (length.isdecimal() and (size is None or size > MAX_BODY)):
            return None
        kept = tuple(sorted((k, v) for k, v in headers.items() if KEPT_HEADERS.fullmatch(k)))
        varies_by_all = "*" in map(str.strip, headers.get("vary", "").split(","))
        if varies_by_all or not paused.is_whole or sum(len(k) + len(v) for k, v in kept) > MAX_HEADERS:
            return None
        self._kept.add(answers=1)
        answer = RecordedResponse(
            status=200 if status == 206 else status,
            headers=kept,
            body="" if 300 <= status < 400 else await self._keep_body(paused),
        )
        if self._sealed:
            answer = await asyncio.to_thread(keep_late_answer, self._store, self._sealed, name, answer)
        return self._answers.setdefault(name, answer)

    async def _keep_body(self, paused: PausedRequest) -> str:
        """Stores the response's body by way of a file, and returns its digest."""
        digest, size = hashlib.sha256(), 0
        async with self._reading:
            with NamedTemporaryFile(dir=self._blobs.scratch, prefix="helios-answer-") as file:
                async for piece in paused.read():
                    size += len(piece)
                    self._kept.add(size=len(piece))
                    if size > MAX_BODY:
                        raise PageError(
                            f"{paused.url[:URL_QUOTED]} answers with more than {MAX_BODY >> 20} MiB without saying so",
                            remedy="put the file beside the page",
                        )
                    digest.update(piece)
                    file.write(piece)
                file.flush()
                _check_length(paused, size, await asyncio.to_thread(is_truncated, Path(file.name)))
                return await asyncio.to_thread(store_body, self._store, Path(file.name), digest.hexdigest())

    async def _body(self, paused: PausedRequest, name: str, answer: RecordedResponse) -> Path | None:
        if not answer.body:
            return None
        try:
            return await self._blobs.file(self._store, answer.body, paused.url)
        except CorruptBlob:
            self._answers.pop(name, None)
            if self._sealed:
                await asyncio.to_thread(drop_late_answer, self._store, self._sealed, name)
            raise


def ignored(params: Message) -> None:
    """An event that nobody asked for."""


def _note(requests: dict[str, None], request: str) -> None:
    if len(requests) < MAX_NOTED:
        requests[request[:URL_KEPT]] = None


def _check_length(paused: PausedRequest, size: int, is_truncated: bool) -> None:
    """DevTools gives what came of a body that was cut, and no error.

    Of a body without a length only a picture shows that it was cut: its own end is missing.

    Raises:
        NetworkTrouble: the response announced another length, or no length and brought a part of a picture.
    """
    headers = paused.response_headers
    announced = whole_number(headers.get("content-length", ""))
    if paused.method != "GET":
        return
    has_length = announced is not None and not headers.get("content-encoding")
    if (has_length and announced != size) or (not has_length and is_truncated):
        of_all = f" of {announced}" if has_length else ""
        raise NetworkTrouble(
            f"{plain(paused.url)} could not be loaded: the connection was cut after {size}{of_all} bytes", remedy=REMEDY
        )
