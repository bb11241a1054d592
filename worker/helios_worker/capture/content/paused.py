"""A request that the browser holds, and its response, as DevTools' Fetch domain hands them over."""

import base64
import os
import re
from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

from helios_crds.remedies import setting
from helios_worker.artifacts.recording import RecordedResponse, request_name
from helios_worker.capture.devtools.cdp import BrowserGone, CommandRefused, Message
from helios_worker.capture.devtools.session import Session
from helios_worker.capture.messages import plain
from helios_worker.capture.moving_images import HEAD, animated_type
from helios_worker.network.origin_headers import NO_HEADERS, HeadersMissing, OriginHeaders

# A body passes through in pieces of this size; base64 fills the last place of each, since three divides it.
PIECE = 3 << 17
# Request headers by which no answer is told apart here: parts of a body (the whole is recorded), what a cache asks, and
# what is the same in all our browsers or says how good a network is.
UNTOLD = re.compile(
    r"range|if-.*|cache-control|pragma|host|connection|content-length|cookie|user-agent|accept-encoding"
    r"|accept-language|upgrade-insecure-requests|dnt|priority|purpose|sec-.*|rtt|downlink|ect|device-memory|save-data",
    re.IGNORECASE,
)
_RANGE = re.compile(r"bytes=([0-9]{1,18})-([0-9]{0,18})")
_WHOLE = re.compile(r"bytes 0-([0-9]{1,18})/([0-9]{1,18})")


def is_answered(params: Message) -> bool:
    """Whether the browser holds a request with the network's answer to it. params: Fetch.requestPaused."""
    return "responseStatusCode" in params or "responseErrorReason" in params


class PausedRequest:
    """A request that the browser holds until it is continued, fulfilled or failed.

    id: the same while it waits to be sent and while its response waits.
    network_id: what the browser's Network domain calls it.
    has_response: whether it is held with the network's answer to it.
    asks_by_body: whether a script sends a question in its body, as in a POST to GraphQL.
    added: headers that are sent with it and are no part of its name.
    """

    def __init__(self, session: Session, params: Message, added: OriginHeaders = NO_HEADERS) -> None:
        request = params["request"]
        self.method: str = request["method"]
        self.url: str = request["url"]
        self.status: int = params.get("responseStatusCode", 0)
        self.has_response = is_answered(params)
        self.asks_by_body = bool(request.get("hasPostData")) and params.get("resourceType") in ("Fetch", "XHR")
        self.id: str = params["requestId"]
        self.network_id: str = params.get("networkId", "")
        self._session = session
        self._added = added
        self._headers = {name.lower(): str(value) for name, value in request["headers"].items()}
        self._response = params.get("responseHeaders", [])

    async def name(self, given: Collection[str]) -> str:
        """Its name in a recording: the address, and all that the answer may vary by.

        given: names of cookies that came from the network. No recorded answer sets them again, so they tell nothing.
        """
        told = {name: value for name, value in self._headers.items() if not UNTOLD.fullmatch(name)}
        # The event leaves cookies out.
        cookies = (await self._session.command("Network.getCookies", {"urls": [self.url]}))["cookies"]
        own = sorted(f"{cookie['name']}={cookie['value']}" for cookie in cookies if cookie["name"] not in given)
        if own:
            told["cookie"] = "; ".join(own)
        return request_name(self.method, self.url, told)

    @property
    def response_headers(self) -> dict[str, str]:
        """Response headers by lower-case name; several of one name are joined, as HTTP allows."""
        joined: dict[str, str] = {}
        for header in self._response:
            name = header["name"].lower()
            joined[name] = f"{joined[name]}, {header['value']}" if name in joined else header["value"]
        return joined

    @property
    def is_whole(self) -> bool:
        """Whether the response holds the whole body, also where a part was asked for."""
        whole = _WHOLE.fullmatch(self.response_headers.get("content-range", ""))
        return self.status != 206 or (whole is not None and int(whole[1]) + 1 == int(whole[2]))

    async def go_on(self, *, intercept_response: bool = False) -> None:
        """Sends the request to the network.

        Raises:
            HeadersMissing: it needs headers that this worker does not have.
        """
        if self._added.origin is not None and not self._added:
            raise HeadersMissing(
                f"{plain(self.url)} is asked for by this frame first, and needs the headers that the plan was given",
                remedy=f"give {setting('composition.headersFrom')} again, and render in pods or on this machine: "
                "functions and services are sent no secrets",
            )
        options: Message = {"interceptResponse": True} if intercept_response else {}
        if self._added and not self.has_response:  # for this request alone, not for one that a redirect makes of it
            sent = self._added.added_to(self._headers)
            options["headers"] = [{"name": name, "value": value} for name, value in sent]
        await self._send("Fetch.continueRequest", **options)

    async def read(self) -> AsyncIterator[bytes]:
        """The body of the network's response in pieces. Afterwards the request can only be fulfilled or failed."""
        stream = (await self._send("Fetch.takeResponseBodyAsStream"))["stream"]
        while True:
            reply = await self._session.command("IO.read", {"handle": stream, "size": PIECE})
            yield base64.b64decode(reply["data"]) if reply.get("base64Encoded") else str(reply["data"]).encode()
            if reply["eof"]:
                break
        await self._session.command("IO.close", {"handle": stream})

    async def fulfil(self, answer: RecordedResponse, body: Path | None) -> None:
        """Answers the request, with a part of the body if the request has a range. body: its file, None for none."""
        status, headers = answer.status, [*answer.headers, ("cache-control", "no-store")]
        data = opened(body)
        size = data.seek(0, os.SEEK_END)
        part = range(size)
        wanted = _RANGE.fullmatch(self._headers.get("range", ""))
        if status == 200 and wanted is not None and int(wanted[1]) < size:
            part = range(int(wanted[1]), min(int(wanted[2] or size), size - 1) + 1)
            headers += [("accept-ranges", "bytes"), ("content-range", f"bytes {part.start}-{part.stop - 1}/{size}")]
            status = 206
        if status < 300 or status >= 400:
            headers.append(("content-length", str(len(part))))
            data.seek(0)
            kind = animated_type(data.read(HEAD)) if status in (200, 206) else None
            if kind is not None:  # whatever its server called it
                headers = [*(each for each in headers if each[0].lower() != "content-type"), ("content-type", kind)]
        params = {
            "requestId": self.id,
            "responseCode": status,
            "responseHeaders": [{"name": name, "value": value} for name, value in headers],
        }
        with data:
            await self._session.command_with_body("Fetch.fulfillRequest", params, pieces(data, part))

    async def fail(self) -> None:
        """Fails the request; the page sees a network error."""
        with suppress(BrowserGone, CommandRefused):
            await self._send("Fetch.failRequest", errorReason="Failed")

    async def _send(self, method: str, **params: Any) -> Message:
        return await self._session.command(method, {"requestId": self.id, **params})


def opened(file: Path | None) -> BinaryIO:
    """A file to be read; None is an empty one."""
    return file.open("rb") if file is not None else BytesIO()


def pieces(data: BinaryIO, part: range) -> Iterator[bytes]:
    """Some bytes of a file in base64, a piece at a time."""
    data.seek(part.start)
    for start in range(part.start, part.stop, PIECE):
        yield base64.b64encode(data.read(min(PIECE, part.stop - start)))
