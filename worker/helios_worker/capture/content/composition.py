"""Opened compositions: where the browsers find a film's page, and what they are answered in place of the network.

A composition is opened once for a stage and passed to whoever opens its pages. It knows its address, what kept a file
from its pages, and who records or replays the network for them.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

from helios_worker.artifacts.blobs import Blobs
from helios_worker.artifacts.recording import load_recording
from helios_worker.artifacts.snapshot import Snapshot, load_snapshot
from helios_worker.artifacts.store import ArtifactStore
from helios_worker.capture.content.missing import MissingFiles
from helios_worker.capture.content.recorder import Recorder
from helios_worker.capture.content.site import Locate, Mount, path_in_url
from helios_worker.capture.truncated import is_truncated
from helios_worker.errors import HeliosError
from helios_worker.network.origin_headers import NO_HEADERS, OriginHeaders, origin_of


class OpenComposition:
    """A film's page as the browsers of this machine reach it.

    address: URL of the page.
    mount: where its files are served from; None for a page on the network.
    headers: what its own server is sent in addition; with an origin alone, what this worker lacks.
    recorder: records or replays the network for the pages that are opened from now on; None leaves them the network.
    missing: explains why a file is not there.
    files: SHA-256 of its files, by path; empty for a page on the network.
    """

    def __init__(self, address: str, store: ArtifactStore, blobs: Blobs, headers: OriginHeaders = NO_HEADERS) -> None:
        self.address = address
        self.headers = headers
        self.mount: Mount | None = None
        self.recorder: Recorder | None = None
        self.missing = MissingFiles((), "")
        self.files: Mapping[str, str] = {}
        self._store = store
        self._blobs = blobs
        self._faults: list[HeliosError] = []

    def note_fault(self, fault: HeliosError) -> None:
        """Notes what kept a file from the page that its composition has."""
        self._faults.append(fault)

    async def ends_early(self, path: str) -> bool:
        """Whether the file at a path is a picture whose end is missing."""
        file = await self.mount.locate(path) if self.mount is not None else None
        return file is not None and await asyncio.to_thread(is_truncated, file)

    def digest_of(self, address: str) -> str:
        """The SHA-256 of the file at an address, as its pages got it; "" where it is not kept."""
        url = address.partition("#")[0]
        if self.mount is not None and urlsplit(url).hostname == self.mount.host:
            path = unquote(urlsplit(url).path).lstrip("/")
            return self.files.get(path, "")
        return self.recorder.body_of(url) if self.recorder is not None else ""

    async def local_copy(self, digest: str, name: str) -> Path:
        """The file with this SHA-256 on this machine, to be read only. name: for messages.

        Raises:
            CorruptBlob: it is missing, or has been altered.
        """
        return await self._blobs.file(self._store, digest, name)

    def explain_missing(self, path: str) -> tuple[str, str]:
        """Why there is no file at a path, and what to do about it; "" where nothing is known."""
        return self.missing.explain(path)

    async def record(self, *, passive: bool, owner: str = "") -> Recorder:
        """Records what the network answers the pages that are opened from now on.

        passive: only notes which requests go to hosts other than the composition's own.
        owner: names the plan, which the recording belongs to.
        """
        self.recorder = Recorder(
            self._store,
            self._blobs,
            self.note_fault,
            passive=passive,
            owner=owner,
            headers=self.headers,
            lends_fonts=await self._is_of_hyperframes(),
        )
        return self.recorder

    async def _is_of_hyperframes(self) -> bool:
        """Whether it says that it is a composition of HyperFrames, whose renderer has fonts of its own."""
        if self.mount is None:
            return False
        page = await self.mount.locate(unquote(urlsplit(self.address).path).lstrip("/"))
        return page is not None and b"data-composition-id" in await asyncio.to_thread(page.read_bytes)

    async def replay(self, digest: str) -> None:
        """Answers the pages that are opened from now on with a recording.

        Raises:
            CorruptArtifact: the recording is missing or has been altered.
        """
        recording = await asyncio.to_thread(load_recording, self._store, digest)
        self.recorder = Recorder(self._store, self._blobs, self.note_fault, recording, headers=self.headers)

    async def close(self) -> None:
        """Its files are served no more, and its recorder lets go of what is under way."""
        if self.mount is not None:
            self.mount.end()
        if self.recorder is not None:
            await self.recorder.close()

    @contextmanager
    def blaming(self) -> Iterator[None]:
        """Around what a page does. A file that we failed to deliver is the cause, whatever the page made of that.

        Raises:
            HeliosError: what kept a file from the page that its composition has, also where the page hid it.
        """
        try:
            yield
        except HeliosError:
            if not self._faults:
                raise
        if self._faults:
            raise self._faults[0]


class Compositions:
    """Opens compositions, and keeps what all of them need: local copies of blobs.

    scratch: folder for files fetched from a remote store.
    headers: what the server of a page on the network is sent, where it is the one that they are for.
    """

    def __init__(self, scratch: Path, headers: OriginHeaders = NO_HEADERS) -> None:
        self._blobs = Blobs(scratch)
        self._headers = headers

    def make_room(self) -> None:
        """Between two stages: copies of past compositions must not fill the folder of a worker that stays."""
        self._blobs.make_room()

    @asynccontextmanager
    async def open(
        self,
        store: ArtifactStore,
        *,
        snapshot: str = "",
        entry: str = "",
        query: str = "",
        url: str = "",
        recording: str = "",
        needs_headers: bool = False,
    ) -> AsyncIterator[OpenComposition]:
        """A composition from a store, or a page on the network. Its files are served until the end of the block.

        snapshot, entry: digest of the files, and the page among them; "" where the page is on the network.
        query: what follows the entry in the page's address.
        url: of a page on the network.
        recording: digest of what the network answers the page; "" where it is to ask the network itself.
        needs_headers: whether its server was sent headers when it was planned.

        Raises:
            CorruptArtifact: the snapshot or the recording is missing or has been altered.
        """
        if not snapshot:
            headers = self._headers if self._headers.belong_to(url) else NO_HEADERS
            if needs_headers and not headers:
                headers = OriginHeaders(origin_of(url))
            composition = OpenComposition(url, store, self._blobs, headers)
        else:
            files = await asyncio.to_thread(load_snapshot, store, snapshot)
            # The first 20 digits are what pages see, in every chunk and run; they decide nothing (see `site`).
            composition = OpenComposition("", store, self._blobs)
            composition.mount = Mount(snapshot[:20], locator(store, files, self._blobs), composition.note_fault)
            composition.missing = MissingFiles(files.files, entry)
            composition.files = files.files
            composition.address = composition.mount.address + path_in_url(entry) + query
        try:
            if recording:
                await composition.replay(recording)
            yield composition
        finally:
            await composition.close()


def locator(store: ArtifactStore, snapshot: Snapshot, blobs: Blobs) -> Locate:
    """Where a snapshot's files are on this machine, fetched and proven when first asked for."""

    async def locate(path: str) -> Path | None:
        digest = snapshot.files.get(path or "index.html")
        if digest is None:
            return None
        return await blobs.file(store, digest, path or snapshot.entry)

    return locate
