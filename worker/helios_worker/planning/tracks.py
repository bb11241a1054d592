"""The sound files that a request names, brought into the store as blobs, so that every stage hears the same bytes."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory

from helios_crds.request import AudioTrackRequest
from helios_worker.artifacts.blobs import BLOBS, blob_key
from helios_worker.artifacts.errors import redacted
from helios_worker.artifacts.store import ArtifactStore
from helios_worker.encode.audio.mix import sound_lengths
from helios_worker.encode.audio.sound_plan import SoundSource
from helios_worker.network.addresses import AddressRule
from helios_worker.network.origin_headers import OriginHeaders
from helios_worker.sources.fetch import fetch_file


@dataclass(frozen=True)
class Track:
    """A track of a request. length: of its file in seconds; 0 where its duration was given, so that nobody needs it."""

    asked: AudioTrackRequest
    source: SoundSource
    length: Fraction


def fetch_tracks(
    tracks: Sequence[AudioTrackRequest], store: ArtifactStore, rule: AddressRule, headers: OriginHeaders, scratch: Path
) -> list[Track]:
    """Fetches and stores the files of tracks, each address once, and opens each.

    rule: from where on the web they may come. headers: what the page's server is sent, if it is theirs.

    Raises:
        UserError: a file is not there, may not be read, or is no sound.
        StoreError, NetworkTrouble: it cannot be fetched now; another attempt may succeed.
    """
    if not tracks:
        return []
    with TemporaryDirectory(prefix="helios-tracks-", dir=scratch) as folder:
        files: dict[str, Path] = {}
        digests: dict[str, str] = {}
        for track in tracks:
            if track.url not in files:
                copy = Path(folder) / f"track-{len(files)}"
                files[track.url] = fetch_file(track.url, copy, rule, what="sound file", headers=headers)
                key, digests[track.url] = store.put_content(BLOBS, files[track.url])
                assert key == blob_key(digests[track.url])
        urls = list(files)
        lengths = sound_lengths(
            [files[url] for url in urls], [redacted(url) for url in urls], _wanted(tracks, urls), Path(folder)
        )
        known = dict(zip(urls, lengths, strict=True))
    return [
        Track(track, SoundSource(sha256=digests[track.url], name=redacted(track.url)), known[track.url])
        for track in tracks
    ]


def _wanted(tracks: Sequence[AudioTrackRequest], urls: Collection[str]) -> list[bool]:
    """Whether the length of each file is needed: for fades at its end, and for what lies behind it."""
    needed = {track.url for track in tracks if track.duration is None or track.trim}
    return [url in needed for url in urls]
