"""Sound plans in the store, by their digests, and the files that they name."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pydantic import ValidationError

from helios_worker.artifacts.blobs import Blobs
from helios_worker.artifacts.store import ArtifactStore
from helios_worker.encode.audio.sound_plan import SoundPlan
from helios_worker.errors import CorruptArtifact
from helios_worker.jobs.layout import sound_key

FETCHES = 8
"""Files at once."""


def store_sound_plan(store: ArtifactStore, plan: SoundPlan) -> str:
    """Stores a plan. Returns its digest."""
    digest = plan.digest
    key = sound_key(digest)
    if not store.exists(key):
        store.put(key, plan.content)
    return digest


def load_sound_plan(store: ArtifactStore, digest: str) -> SoundPlan:
    """Reads a plan back.

    Raises:
        CorruptArtifact: it is not in the store, or has been altered.
    """
    data = store.get(sound_key(digest))
    if data is None:
        raise CorruptArtifact(f"the sound plan {digest} is not in {store.url}", remedy="plan the job again")
    try:
        plan = SoundPlan.model_validate_json(data)
    except ValidationError:
        plan = None
    if plan is None or plan.digest != digest:
        store.delete(sound_key(digest))
        raise CorruptArtifact(f"the sound plan {digest} in {store.url} has been altered", remedy="plan the job again")
    return plan


def heard_part(plan: SoundPlan) -> SoundPlan:
    """What is heard of a plan in its frames: without the others' files, which then are not fetched."""
    start, end = plan.first / plan.fps, plan.end / plan.fps
    pieces = [piece for piece in plan.pieces if piece.start < end and piece.end > start]
    used = sorted({piece.source for piece in pieces})
    number = {source: place for place, source in enumerate(used)}
    return plan.model_copy(
        update={
            "sources": tuple(plan.sources[source] for source in used),
            "pieces": tuple(piece.model_copy(update={"source": number[piece.source]}) for piece in pieces),
        }
    )


def sound_files(store: ArtifactStore, plan: SoundPlan, blobs: Blobs) -> list[Path]:
    """The files of a plan's sources, in order, each checked against its hash.

    Raises:
        CorruptBlob: one is missing, or has been altered.
    """
    names = {source.sha256: source.name for source in plan.sources}
    with ThreadPoolExecutor(FETCHES, thread_name_prefix="sound") as threads:
        files = threads.map(lambda digest: blobs.path(store, digest, names[digest]), names)
        found = dict(zip(names, files, strict=True))
    return [found[source.sha256] for source in plan.sources]
