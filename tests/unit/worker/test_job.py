"""job.json, cache keys and manifests: what is a commit, and what only looks like one."""

import orjson
import pytest

from helios_worker.artifacts.store import ArtifactStore
from helios_worker.errors import CorruptArtifact, UserError
from helios_worker.jobs.commits import committed, read_job
from helios_worker.jobs.identity import job_bytes
from helios_worker.jobs.layout import job_key, manifest_key
from helios_worker.jobs.spec import Chunk, JobSpec, chunk_key
from tests.unit.worker.builders import ENGINE, chunks, encoder, film, job, manifest

FILM = film(300)
KEY = chunk_key(ENGINE, FILM, 60, 60)


@pytest.fixture
def store() -> ArtifactStore:
    return ArtifactStore("memory:///")


def stored(store: ArtifactStore, chunk: Chunk, data: bytes) -> None:
    store.put(manifest_key(chunk.key), data)


def as_json(model) -> bytes:
    return orjson.dumps(model.model_dump(mode="json"))


# -- the cache key -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {"snapshot": "6" * 64},
        {"entry": "other.html"},
        {"url": "http://example.org/"},
        {"props": {"title": "A"}},
        {"seed": 1},
        {"capture": "png"},
        {"quality": 94},
        {"stateful": True},
        {"page_errors": "warn"},
        *(
            {"encoder": encoder(**change)}
            for change in (
                {"width": 162},
                {"height": 92},
                {"fps": "25"},
                {"crf": 19},
                {"preset": "fast"},
                {"threads": 2},
                {"unit_frames": 30},
            )
        ),
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_what_shapes_the_pixels_or_bytes_changes_the_key(changes):
    assert chunk_key(ENGINE, FILM.model_copy(update=changes), 60, 60) != KEY


@pytest.mark.parametrize("part", list(type(ENGINE).model_fields))
def test_every_part_of_the_engine_changes_the_key(part):
    assert chunk_key(ENGINE.model_copy(update={part: "another"}), FILM, 60, 60) != KEY


@pytest.mark.parametrize(("start", "count"), [(0, 60), (60, 120), (120, 60)])
def test_the_frames_change_the_key(start, count):
    assert chunk_key(ENGINE, FILM, start, count) != KEY


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"frames": 500, "end": 500}, id="a longer film"),
        pytest.param({"first": 60}, id="a range that begins with it"),
        pytest.param({"end": 121}, id="a range that ends after it"),
    ],
)
def test_the_rest_of_the_film_does_not_change_the_key(changes):
    assert chunk_key(ENGINE, FILM.model_copy(update=changes), 60, 60) == KEY


def test_whether_the_film_goes_on_changes_the_key():
    """The picture at the seam is rendered with the chunk: the last chunk has none."""
    assert chunk_key(ENGINE, FILM.model_copy(update={"end": 120}), 60, 60) != KEY


def test_the_order_of_props_does_not_change_the_key():
    one, other = ({"a": 1, "b": [1, 2]}, {"b": [1, 2], "a": 1})
    assert chunk_key(ENGINE, film(props=one), 0, 60) == chunk_key(ENGINE, film(props=other), 0, 60)


# -- manifests -----------------------------------------------------------------------------------------------


def test_a_whole_manifest_is_a_commit(store):
    chunk = chunks(0, 60, 120)[1]
    stored(store, chunk, as_json(manifest(chunk)))
    assert committed(store, chunk) == manifest(chunk)


def test_no_manifest_is_no_commit(store):
    assert committed(store, chunks(0, 60)[0]) is None


CHUNK, OTHER = chunks(0, 60, 120)
WHOLE = as_json(manifest(CHUNK))


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="empty"),
        pytest.param(WHOLE[: len(WHOLE) // 2], id="truncated"),
        pytest.param(WHOLE[:-1], id="without its last byte"),
        pytest.param(b"\0" * len(WHOLE), id="zeroes"),
        pytest.param(b"null", id="null"),
        pytest.param(b"[]", id="array"),
        pytest.param(b"{}", id="empty object"),
        pytest.param(WHOLE.replace(b'"frameCount"', b'"frames"'), id="another format"),
        pytest.param(as_json(manifest(OTHER)), id="of another chunk"),
        pytest.param(as_json(manifest(CHUNK, key=OTHER.key)), id="of another key"),
        pytest.param(as_json(manifest(CHUNK, frameCount=59)), id="with fewer frames"),
        pytest.param(as_json(manifest(CHUNK, startFrame=1)), id="of other frames"),
        pytest.param(as_json(manifest(CHUNK, segment="segments/x.mp4")), id="whose segment is not named for its bytes"),
        pytest.param(as_json(manifest(CHUNK, segment="jobs/1/job.json")), id="whose segment is no segment"),
    ],
)
def test_what_only_looks_like_a_commit_is_removed(store, data):
    """Removed, or the chunk could never be committed: a commit is made only where there is none."""
    stored(store, CHUNK, data)
    assert committed(store, CHUNK) is None
    assert not store.exists(manifest_key(CHUNK.key))
    assert store.create(manifest_key(CHUNK.key), WHOLE)
    assert committed(store, CHUNK) == manifest(CHUNK)


# -- job.json ------------------------------------------------------------------------------------------------

UPSTREAM = {
    "id": "job-1",
    "metadata": {"totalFrames": 60, "fps": 30, "width": 320, "height": 180, "duration": 2},
    "chunks": [{"id": 0, "startFrame": 0, "frameCount": 60, "outputFile": "0.mp4", "command": "render --start 0"}],
    "mergeCommand": "merge",
    "something": "new",
}


def test_a_job_is_found_by_its_url(tmp_path):
    store = ArtifactStore(tmp_path.as_uri())
    planned = job(0, 60, 120)
    store.put(job_key(planned.id), job_bytes(planned))
    found_in, found = read_job(f"{tmp_path.as_uri()}/{job_key(planned.id)}")
    assert found == planned
    assert found_in.url == store.url


def test_a_job_of_helios_itself(tmp_path):
    store = ArtifactStore(tmp_path.as_uri())
    store.put("jobs/1/job.json", orjson.dumps(UPSTREAM))
    found = read_job(f"{tmp_path.as_uri()}/jobs/1/job.json")[1]
    assert found.chunks[0].command == "render --start 0"
    with pytest.raises(CorruptArtifact, match="was not planned by this package"):
        _ = found.ours


@pytest.mark.parametrize(
    ("data", "message"),
    [
        pytest.param(None, "there is no job at .*; plan it again", id="missing"),
        pytest.param(b"", "is not a job: .*remove it and plan it again", id="empty"),
        pytest.param(b'{"id": "1", "chu', "is not a job: Invalid JSON", id="truncated"),
        pytest.param(b"null", "is not a job", id="null"),
        pytest.param(b"[1]", "is not a job", id="array"),
        pytest.param(
            orjson.dumps({**UPSTREAM, "chunks": []}), "is not a job: chunks: .*at least 1 item", id="no chunks"
        ),
        pytest.param(orjson.dumps({**UPSTREAM, "metadata": 7}), "is not a job: metadata: ", id="number for an object"),
    ],
)
def test_no_job(tmp_path, data, message):
    if data is not None:
        ArtifactStore(tmp_path.as_uri()).put("jobs/1/job.json", data)
    with pytest.raises(CorruptArtifact, match=message):
        read_job(f"{tmp_path.as_uri()}/jobs/1/job.json")


@pytest.mark.parametrize("url", ["job.json", "file:///tmp/job.json", "jobs/1/job.json", "", "s3://bucket/job.json"])
def test_a_path_outside_a_store_is_never_tried_again(url):
    with pytest.raises(UserError, match="does not lie in an artifact store"):
        read_job(url)


def test_what_a_job_says_survives_the_file():
    whole = job(0, 60, 120, props={"a": [1, None]}, encoder=encoder(fps="30000/1001"))
    assert JobSpec.model_validate_json(whole.model_dump_json(exclude_none=True)) == whole
