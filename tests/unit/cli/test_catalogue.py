"""What the store holds, and what goes when a job goes."""

import os
from datetime import UTC, datetime, timedelta

import pytest

from helios_worker.artifacts.snapshot import Snapshot
from helios_worker.artifacts.store import ArtifactStore
from helios_worker.errors import UserError
from heliosctl.local.catalogue import KEEP, TIDIED, find_job, list_jobs, remove_jobs, stale_jobs, tidy
from tests.unit.cli.builders import commit, files, job, segment_digest, store_job

ONE, TWO = "1" * 20, "12" + "2" * 18
BOTH, MINE = "b" * 64, "a" * 64


@pytest.fixture
def store(tmp_path) -> ArtifactStore:
    return ArtifactStore(tmp_path.as_uri())


def snapshot(store: ArtifactStore, *blobs: str) -> str:
    """A snapshot of files with these digests. Returns its own."""
    taken = Snapshot(entry=f"{blobs[0]}.txt", files={f"{blob}.txt": blob for blob in blobs})
    store.put(taken.key, taken.model_dump_json().encode())
    for blob in blobs:
        store.put(f"blobs/{blob}", blob.encode())
    return taken.digest


def age(folder, days: float, *patterns: str) -> None:
    """Makes files look as if they were written days ago."""
    when = (datetime.now(UTC) - timedelta(days=days)).timestamp()
    for pattern in patterns:
        for path in folder.glob(pattern):
            os.utime(path, (when, when))


def test_states(store):
    planned, unfinished, finished = (
        job(job_id=digit * 20, prefix=digit, frames=120, per_chunk=60) for digit in ("1", "2", "3")
    )
    for spec in (planned, unfinished, finished):
        store_job(store, spec)
    commit(store, unfinished.chunks[0])
    for chunk in finished.chunks:
        commit(store, chunk)
    store.put(f"jobs/{finished.id}/final.json", b'{"output":"/o.mp4","sha256":"a","bytes":1,"frames":1,"duration":1.0}')
    assert {found.job.id[0]: found.state for found in list_jobs(store)} == {
        "1": "planned",
        "2": "unfinished",
        "3": "finished",
    }


def test_a_job_that_cannot_be_read_is_left_out(store):
    store.put("jobs/broken/job.json", b"{")
    store_job(store, job())
    assert len(list_jobs(store)) == 1


def test_an_id_may_be_short_as_long_as_it_is_unique(store):
    for job_id in (ONE, TWO):
        store_job(store, job(job_id=job_id))
    assert find_job(store, "12").job.id == TWO
    with pytest.raises(UserError, match="1 matches 2 jobs"):
        find_job(store, "1")
    with pytest.raises(UserError, match="there is no job 9"):
        find_job(store, "9")
    with pytest.raises(UserError):
        find_job(store, "")


def test_removing_a_job_keeps_what_another_needs(store, tmp_path):
    shared = snapshot(store, BOTH)
    mine = snapshot(store, BOTH, MINE)
    one = job(job_id=ONE, prefix="x", snapshot=mine)
    two = job(job_id=TWO, prefix="x", frames=60, snapshot=shared)  # its only chunk is the first of the other
    for spec in (one, two):
        store_job(store, spec)
    for chunk in one.chunks:
        commit(store, chunk)
    store.put(f"jobs/{ONE}/driver.lock", b"1")

    count, size = remove_jobs(store, [find_job(store, ONE)])

    assert files(tmp_path) - {"planning.lock"} == {
        f"jobs/{TWO}/job.json",
        "chunks/x0.json",
        f"segments/{segment_digest('x0')}.mp4",
        f"snapshots/{shared}.json",
        f"blobs/{BOTH}",
    }
    assert not (tmp_path / "jobs" / ONE).exists()
    assert count == 6
    assert size > 0


def test_pruning_takes_old_jobs_and_what_nobody_needs(store, tmp_path):
    old, kept, young = (job(job_id=digit * 20, prefix=digit) for digit in ("1", "2", "3"))
    for spec in (old, kept, young):
        store_job(store, spec)
        for chunk in spec.chunks:
            commit(store, chunk)
    store.put(f"jobs/{kept.id}/{KEEP}", b"")
    store.put("blobs/orphan", b"")
    store.put("requests/abc.json", b"")
    store.put("jobs/of-another-version/job.json", b"{}")
    age(tmp_path, 10, "**/*")
    age(tmp_path, 0, f"jobs/{young.id}/*")
    store.put("blobs/being-planned", b"")
    before = datetime.now(UTC) - timedelta(days=7)

    found = stale_jobs(store, before)
    remove_jobs(store, found, older=before)

    assert [stale.job.id for stale in found] == [old.id]
    left = files(tmp_path)
    assert {f"jobs/{kept.id}/job.json", "chunks/20.json", "chunks/30.json", "blobs/being-planned"} <= left
    assert (
        not {
            "chunks/10.json",
            "blobs/orphan",
            "requests/abc.json",
            f"jobs/{old.id}/job.json",
            "jobs/of-another-version/job.json",
        }
        & left
    )


def test_the_default_store_is_tidied_once_a_day(store, tmp_path):
    now = datetime.now(UTC)
    store_job(store, job())
    age(tmp_path, 40, "**/*")
    tidy(store, now)
    assert list_jobs(store) == []
    store_job(store, job())
    age(tmp_path, 40, "jobs/**/*")
    tidy(store, now + timedelta(hours=23))
    assert len(list_jobs(store)) == 1
    tidy(store, now + timedelta(hours=25))
    assert list_jobs(store) == []
    assert store.exists(TIDIED)
