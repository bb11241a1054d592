"""Recordings: what the network answered a page, content-addressed, so that every chunk sees the same bytes.

A recording is a small JSON object, `recordings/<digest>.json`, that names the answer to each request the plan
saw; the bodies are under `blobs/`. What is asked for only later, by a frame that the plan did not visit, is kept
beside it by whoever asks first, created only if absent: the first answer holds for all.
"""

import hashlib
from typing import TypeVar

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError

from helios_worker.artifacts.blobs import blob_key
from helios_worker.artifacts.digests import json_digest
from helios_worker.artifacts.store import ArtifactStore
from helios_worker.errors import CorruptArtifact

FOLDER = "recordings/"

Model = TypeVar("Model", bound=BaseModel)


class RecordedResponse(BaseModel):
    """What a server said. body: SHA-256 of the bytes, "" for none."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: str = ""


class Recording(BaseModel):
    """answers: by request, as `asked` names it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    answers: dict[str, RecordedResponse]

    @property
    def digest(self) -> str:
        """Of everything in it."""
        return json_digest(self.model_dump(mode="json"))

    @property
    def key(self) -> str:
        """Where it is in a store."""
        return f"{FOLDER}{self.digest}.json"


def asked(method: str, url: str) -> str:
    """The name of a request.

    >>> asked("GET", "https://cdn.example/a.js")
    'https://cdn.example/a.js'
    """
    return url if method == "GET" else f"{method} {url}"


def store_body(store: ArtifactStore, body: bytes) -> str:
    """Stores an answer's bytes; their SHA-256."""
    if not body:
        return ""
    digest = hashlib.sha256(body).hexdigest()
    if store.size(blob_key(digest)) != len(body):
        store.put(blob_key(digest), body)
    return digest


def store_recording(store: ArtifactStore, answers: dict[str, RecordedResponse]) -> Recording:
    """Stores what has been answered so far."""
    recording = Recording(answers=dict(sorted(answers.items())))
    store.put(recording.key, orjson.dumps(recording.model_dump(mode="json")))
    return recording


def load_recording(store: ArtifactStore, digest: str) -> Recording:
    """Reads a recording back.

    Raises:
        CorruptArtifact: it is not in the store, or not what its name says.
    """
    recording = _read(store, f"{FOLDER}{digest}.json", Recording)
    if recording is None or recording.digest != digest:
        raise CorruptArtifact(
            f"the recording {digest} in {store.url} is missing or has been altered", remedy="plan the job again"
        )
    return recording


def late_answer(store: ArtifactStore, digest: str, request: str) -> RecordedResponse | None:
    """The answer to a request that the plan did not see, if anybody has asked it."""
    return _read(store, _late_key(digest, request), RecordedResponse)


def keep_late_answer(store: ArtifactStore, digest: str, request: str, answer: RecordedResponse) -> RecordedResponse:
    """Keeps an answer for everybody; somebody else's, if they were first."""
    key = _late_key(digest, request)
    if store.create(key, orjson.dumps(answer.model_dump(mode="json"))):
        return answer
    return _read(store, key, RecordedResponse) or answer


def drop_late_answer(store: ArtifactStore, digest: str, request: str) -> None:
    """Forgets an answer whose body is gone, so that it is asked for anew."""
    store.delete(_late_key(digest, request))


def is_whole(store: ArtifactStore, digest: str) -> bool:
    """Whether a recording is there with all its bodies."""
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
    """An object that is there and whole; what only looks like one is removed, or it would be in the way for ever."""
    data = store.get(key)
    if data is None:
        return None
    try:
        return model.model_validate_json(data)
    except ValidationError:
        store.delete(key)
        return None
