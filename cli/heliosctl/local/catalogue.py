"""The jobs in an artifact store: their progress, and which objects only they need."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import orjson
from pydantic import ValidationError

from helios_worker.artifacts.blobs import blob_key
from helios_worker.artifacts.recording import recording_keys
from helios_worker.artifacts.snapshot import Snapshot
from helios_worker.artifacts.store import ArtifactStore, Entry
from helios_worker.artifacts.urls import local_path
from helios_worker.encode.audio.sound_plan import SoundPlan
from helios_worker.errors import CorruptArtifact, UserError
from helios_worker.jobs.layout import PLANS, SOUND_PLANS, final_key, job_key, manifest_key, plan_key, sound_key
from helios_worker.jobs.spec import JobSpec, Manifest
from heliosctl.local.lock import held_by, sweeping

if TYPE_CHECKING:
    from helios_worker.stages.stitch import StitchResult

KEEP, TIDIED = "keep", "tidied.json"
UNUSED = timedelta(days=30)
SWEPT = (PLANS, "chunks/", "segments/", "snapshots/", "recordings/", SOUND_PLANS, "blobs/", "requests/", "stdin/")


@dataclass(frozen=True)
class StoredJob:
    """A job and its state.

    used: when any of its objects was last written. final: the result of its last stitch. driver: pid of the process
    that renders it now.
    """

    job: JobSpec
    used: datetime
    done: frozenset[int]
    final: "StitchResult | None"
    kept: bool
    driver: str | None

    @property
    def state(self) -> str:
        """In a word or two."""
        if self.driver is not None:
            return f"rendering (pid {self.driver})"
        if self.job.helios is not None and self.job.helios.output is None:
            return "planned"  # a plan without an output is not there to be finished
        if self.final is not None and len(self.done) == len(self.job.chunks):
            return "finished"
        return "planned" if not self.done else "unfinished"

    def path(self, store: ArtifactStore) -> str:
        """URL of job.json."""
        return store.url + job_key(self.job.id)


def list_jobs(store: ArtifactStore) -> list[StoredJob]:
    """Every readable job, most recently used first."""
    folders: dict[str, list[Entry]] = {}
    for entry in store.entries("jobs/"):
        folders.setdefault(entry.key.split("/")[1], []).append(entry)
    manifests = set(store.keys("chunks/"))
    jobs = [_stored(store, job_id, entries, manifests) for job_id, entries in folders.items()]
    return sorted((job for job in jobs if job is not None), key=lambda job: job.used, reverse=True)


def find_job(store: ArtifactStore, text: str) -> StoredJob:
    """The one job whose ID starts with the text.

    Raises:
        UserError: no job matches, or several do.
    """
    found = [job for job in list_jobs(store) if text and job.job.id.startswith(text)]
    if not found:
        place = store.url.removeprefix("file://")
        raise UserError(f"there is no job {text} in {place}", remedy="heliosctl jobs list shows all jobs")
    if len(found) > 1:
        several = ", ".join(job.job.id for job in found[:5])
        raise UserError(f"{text} matches {len(found)} jobs: {several}", remedy="give more characters of the ID")
    return found[0]


def stale_jobs(store: ArtifactStore, before: datetime) -> list[StoredJob]:
    """Jobs last used before then, except those being rendered now or kept with --keep."""
    return [job for job in list_jobs(store) if job.used < before and job.driver is None and not job.kept]


def tidy(store: ArtifactStore, now: datetime) -> None:
    """Removes what was not used for 30 days, at most once a day."""
    last = store.get_json(TIDIED)
    if last is not None and datetime.fromisoformat(last) > now - timedelta(days=1):
        return
    store.put(TIDIED, orjson.dumps(now.isoformat()))
    before = now - UNUSED
    remove_jobs(store, stale_jobs(store, before), older=before)


def remove_jobs(store: ArtifactStore, removed: list[StoredJob], *, older: datetime | None = None) -> tuple[int, int]:
    """Removes jobs, and the objects that no other job needs.

    older: also removes objects that were last written before then and that no job needs.

    Returns:
        How many objects were removed, and their bytes.
    """
    with sweeping(store):
        gone = {job.job.id for job in removed}
        kept = [job for job in list_jobs(store) if job.job.id not in gone]
        needed = {key for job in kept for key in keys_of(store, job.job)}
        unneeded = {key for job in removed for key in keys_of(store, job.job)} - needed
        sizes = {entry.key: entry for folder in SWEPT for entry in store.entries(folder)}
        if older is not None:
            unneeded |= {key for key, entry in sizes.items() if entry.modified < older and key not in needed}
        # Jobs first, so that a job in the store always has everything it names.
        order = [entry for job_id in sorted(gone) for entry in store.entries(f"jobs/{job_id}/")]
        if older is not None:
            order += _unreadable(store, gone | {job.job.id for job in kept}, older)
        order += [sizes[key] for key in sorted(unneeded) if key in sizes]
        for entry in order:
            store.delete(entry.key)
        _remove_empty_folders(store, gone)
    return len(order), sum(entry.size for entry in order)


def _unreadable(store: ArtifactStore, known: set[str], older: datetime) -> list[Entry]:
    """Old objects of jobs that cannot be read, perhaps because another version wrote them."""
    entries = [entry for entry in store.entries("jobs/") if entry.key.split("/")[1] not in known]
    young = {entry.key.split("/")[1] for entry in entries if entry.modified >= older}
    return [entry for entry in entries if entry.key.split("/")[1] not in young]


def keys_of(store: ArtifactStore, job: JobSpec) -> set[str]:
    """The keys of everything that a job names, directly or not."""
    if job.helios is None:
        return set()
    keys = {plan_key(job.ours.plan)}
    for chunk in job.chunks:
        keys.add(manifest_key(chunk.key))
        manifest = read_model(store, manifest_key(chunk.key), Manifest)
        if manifest is not None:
            keys.add(manifest.segment)
    if job.ours.film.snapshot:
        key = f"snapshots/{job.ours.film.snapshot}.json"
        keys.add(key)
        snapshot = read_model(store, key, Snapshot)
        if snapshot is not None:
            keys.update(blob_key(digest) for digest in snapshot.files.values())
    planned = read_model(store, plan_key(job.ours.plan), JobSpec)
    ours = [job.ours, planned.ours] if planned is not None and planned.helios is not None else [job.ours]
    for digest in {each.sound for each in ours if each.sound}:
        keys.add(sound_key(digest))
        sound = read_model(store, sound_key(digest), SoundPlan)
        if sound is not None:
            keys.update(blob_key(source.sha256) for source in sound.sources)
    if job.ours.film.recording:
        keys |= recording_keys(store, job.ours.film.recording)
    return keys


def _stored(store: ArtifactStore, job_id: str, entries: list[Entry], manifests: set[str]) -> StoredJob | None:
    from helios_worker.stages.stitch import StitchResult

    job = read_model(store, job_key(job_id), JobSpec)
    if job is None or job.id != job_id:  # moved or altered: what is done to the one would hit the other
        return None
    names = {entry.key.rpartition("/")[2] for entry in entries}
    return StoredJob(
        job=job,
        used=max(entry.modified for entry in entries),
        done=frozenset(chunk.id for chunk in job.chunks if manifest_key(chunk.key) in manifests),
        final=read_model(store, final_key(job_id), StitchResult) if "final.json" in names else None,
        kept=KEEP in names,
        driver=held_by(store, job_id),
    )


def read_model(store: ArtifactStore, key: str, model: Any) -> Any:
    """An object of the store as a pydantic model; None if there is none, or it is not one."""
    try:
        found = store.get_json(key)
        return None if found is None else model.model_validate(found)
    except (CorruptArtifact, ValidationError):
        return None


def _remove_empty_folders(store: ArtifactStore, job_ids: set[str]) -> None:
    root = local_path(store.url)
    if root is None:
        return
    for job_id in job_ids:
        for folder in (root / "jobs" / job_id / "stuck", root / "jobs" / job_id):
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()
