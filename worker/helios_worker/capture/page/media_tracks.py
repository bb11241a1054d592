"""Why a video shows no pictures: its file is sound alone, or has pictures that the browser cannot decode.

Scripts cannot tell the two apart. What the browser logs of its player can, and it logs late.
"""

import asyncio
from contextlib import suppress

import orjson

from helios_worker.capture.devtools.cdp import CommandRefused, EventTable, Message
from helios_worker.capture.devtools.session import Session
from helios_worker.capture.messages import URL_KEPT
from helios_worker.capture.page.media_files import MediaFiles

_SKIPPED = "unsupported video track"
# The log is sent once a second.
_LOG_SECONDS = 3.0
_PLAYERS_KEPT = 1000


class MediaTracks:
    """Decides for a page about the videos in `media.pictureless`."""

    def __init__(self, session: Session, media: MediaFiles) -> None:
        self._session = session
        self._media = media
        self._addresses: dict[str, str] = {}  # by player
        self._has_tracks: set[str] = set()  # players whose file has been read
        self._skips: set[str] = set()  # players that skip the pictures of their file
        self._told = asyncio.Event()

    async def check(self) -> None:
        """Notes the videos whose pictures cannot be decoded. Costs nothing where all videos have pictures."""
        if not self._media.pictureless:
            return
        faults = list(self._media.pictureless)
        self._media.pictureless.clear()
        wanted = {fault.addresses[0][:URL_KEPT] for fault in faults}
        await self._read(wanted)
        undecodable = {self._addresses[player] for player in self._skips if player in self._addresses}
        for fault in faults:
            if fault.addresses[0][:URL_KEPT] in undecodable:
                self._media.note_undecodable(fault)

    async def _read(self, wanted: set[str]) -> None:
        """Reads the log until it tells of the files at these addresses."""
        try:
            await self._session.command("Media.enable")
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOG_SECONDS):
                    while not wanted <= self._read_addresses():
                        self._told.clear()
                        await self._told.wait()
            await self._session.command("Media.disable")
        except CommandRefused:
            return

    def _read_addresses(self) -> set[str]:
        return {self._addresses[player] for player in self._has_tracks if player in self._addresses}

    @property
    def events(self) -> EventTable:
        """Handlers of the browser's events."""
        return {
            "Media.playerEventsAdded": self._on_events,
            "Media.playerPropertiesChanged": self._on_properties,
            "Media.playerMessagesLogged": self._on_messages,
        }

    def _on_events(self, params: Message) -> None:
        self._told.set()
        for event in params["events"]:
            try:
                told = orjson.loads(event["value"])
            except orjson.JSONDecodeError:
                continue
            if isinstance(told, dict) and told.get("event") == "kLoad" and len(self._addresses) < _PLAYERS_KEPT:
                self._addresses[params["playerId"]] = str(told.get("url", ""))[:URL_KEPT]

    def _on_properties(self, params: Message) -> None:
        self._told.set()
        names = {each["name"] for each in params["properties"]}
        if names & {"kAudioTracks", "kVideoTracks"} and len(self._has_tracks) < _PLAYERS_KEPT:
            self._has_tracks.add(params["playerId"])

    def _on_messages(self, params: Message) -> None:
        skips = any(_SKIPPED in each["message"] for each in params["messages"])
        if skips and len(self._skips) < _PLAYERS_KEPT:
            self._skips.add(params["playerId"])
