"""Recordings: what the network answered a page, content-addressed, so that every chunk sees the same bytes.

A recording is a small JSON object, `recordings/<digest>.json`, that names the answer to each request the plan
saw; the bodies are under `blobs/`. A frame that the plan did not visit may make a request that the recording does not
hold. Its answer is stored beside the recording, created only if absent, so that the first answer holds for all
chunks of that plan.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError

from helios_worker.artifacts.blobs import BLOBS, blob_key
from helios_worker.artifacts.digests import NoneOrSha256, json_digest
from helios_worker.artifacts.store import ArtifactStore
from helios_worker.errors import CorruptArtifact

FOLDER = "recordings/"
LONGEST_NAME = 1_000

Model = TypeVar("Model", bound=BaseModel)


class RecordedResponse(BaseModel):
    """A server's response. body: SHA-256 of its bytes, "" for none."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: NoneOrSha256 = ""


class Recording(BaseModel):
    """All recorded responses.

    owner: the plan that recorded them, so that no other adds to what later frames are answered.
    answers: by request, as `request_name` gives it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    owner: str
    answers: dict[str, RecordedResponse]

    @property
    def digest(self) -> str:
        """The digest of all its contents."""
        return json_digest(self.model_dump(mode="json"))

    @property
    def key(self) -> str:
        """Its key in a store."""
        return f"{FOLDER}{self.digest}.json"


def request_name(method: str, url: str, told: Mapping[str, str] | None = None) -> str:
    """The name of a request: what is asked, and the headers by which a server may tell it from another.

    >>> request_name("GET", "https://cdn.example/a.js")
    'https://cdn.example/a.js'
    >>> request_name("HEAD", "https://cdn.example/a", {"authorization": "Bearer 1", "accept": "*/*"})
    'HEAD https://cdn.example/a accept: */* | authorization: Bearer 1'

    A long one ends in its SHA-256, and still names only itself.
    """
    headers = " | ".join(f"{name}: {value}" for name, value in sorted((told or {}).items()))
    name = " ".join(part for part in ("" if method == "GET" else method, url, headers) if part)
    if len(name) <= LONGEST_NAME:
        return name
    return f"{name[:LONGEST_NAME]} {hashlib.sha256(name.encode()).hexdigest()}"


def store_body(store: ArtifactStore, file: Path, digest: str) -> str:
    """Stores the bytes of an answer from a file; returns their SHA-256, "" for none."""
    if not file.stat().st_size:
        return ""
    store.put_content(BLOBS, file, digest=digest)
    return digest


def store_recording(store: ArtifactStore, answers: dict[str, RecordedResponse], owner: str) -> Recording:
    """Stores the answers that a plan got as its recording."""
    recording = Recording(owner=owner, answers=dict(sorted(answers.items())))
    store.put(recording.key, orjson.dumps(recording.model_dump(mode="json")))
    return recording


def load_recording(store: ArtifactStore, digest: str) -> Recording:
    """Reads a recording back.

    Raises:
        CorruptArtifact: it is not in the store, or has been altered.
    """
    recording = _read(store, f"{FOLDER}{digest}.json", Recording)
    if recording is None or recording.digest != digest:
        raise CorruptArtifact(
            f"the recording {digest} in {store.url} is missing or has been altered", remedy="plan the job again"
        )
    return recording


def late_answer(store: ArtifactStore, digest: str, request: str) -> RecordedResponse | None:
    """The answer to a request that the plan did not see; None where no chunk has made it yet."""
    return _read(store, _late_key(digest, request), RecordedResponse)


def keep_late_answer(store: ArtifactStore, digest: str, request: str, answer: RecordedResponse) -> RecordedResponse:
    """Stores an answer for all chunks. Returns the answer that holds: another chunk's, if that was first."""
    key = _late_key(digest, request)
    if store.create(key, orjson.dumps(answer.model_dump(mode="json"))):
        return answer
    return _read(store, key, RecordedResponse) or answer


def drop_late_answer(store: ArtifactStore, digest: str, request: str) -> None:
    """Removes an answer whose body is gone, so that the request is made again."""
    store.delete(_late_key(digest, request))


def is_whole(store: ArtifactStore, digest: str) -> bool:
    """Whether a recording and all its bodies are in the store."""
    recording = _read(store, f"{FOLDER}{digest}.json", Recording)
    return recording is not None and all(store.exists(blob_key(a.body)) for a in recording.answers.values() if a.body)


def recording_keys(store: ArtifactStore, digest: str) -> set[str]:
    """The keys of everything that belongs to a recording."""
    key = f"{FOLDER}{digest}.json"
    recording = _read(store, key, Recording)
    answers = list(recording.answers.values()) if recording is not None else []
    keys = {key}
    for late in store.keys(f"{FOLDER}{digest}/"):
        keys.add(late)
        answer = _read(store, late, RecordedResponse)
        answers += [answer] if answer is not None else []
    return keys | {blob_key(answer.body) for answer in answers if answer.body}


def _late_key(digest: str, request: str) -> str:
    return f"{FOLDER}{digest}/{hashlib.sha256(request.encode()).hexdigest()}.json"


def _read(store: ArtifactStore, key: str, model: type[Model]) -> Model | None:
    """A valid object, or None. An invalid one is removed, since it would block a new one for ever."""
    data = store.get(key)
    if data is None:
        return None
    try:
        return model.model_validate_json(data)
    except ValidationError:
        store.delete(key)
        return None
