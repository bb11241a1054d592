"""Before the stitch joins anything: the pictures at the seams, and chunks that must be rendered again."""

import io

import numpy as np
import pytest
from PIL import Image

from helios_crds.wire import chunks_in, other_seeking
from helios_worker.artifacts.store import ArtifactStore
from helios_worker.capture.faults import PageError
from helios_worker.jobs.layout import manifest_key
from helios_worker.jobs.spec import HeliosJob, TrialPicture
from helios_worker.rendering.run import Run
from helios_worker.rendering.seams import (
    SeamMismatch,
    TrialPictures,
    check_runs,
    check_seams,
    digest_of,
)
from helios_worker.stages.chunk import first_cause
from helios_worker.stages.stitch import BadChunks, discard, gather, output_error
from tests.unit.worker.builders import ENGINE, SHA, chunks, film, job, manifest

CHUNKS = chunks(0, 60, 120, 150)
FILM = film(150)


def manifests(*changes: dict[str, object]):
    return [manifest(chunk, **change) for chunk, change in zip(CHUNKS, changes, strict=True)]


def test_equal_pictures_at_every_seam():
    assert check_seams(CHUNKS, manifests({}, {}, {}), FILM) == ()


def test_one_chunk_has_no_seam():
    assert check_seams(CHUNKS[:1], [manifest(CHUNKS[0], nextPicture=None)], FILM) == ()


@pytest.mark.parametrize(
    ("changes", "frame"),
    [
        pytest.param(({"nextPicture": "other"}, {}, {}), 60, id="first seam"),
        pytest.param(({}, {}, {"firstPicture": "other"}), 120, id="second seam"),
        pytest.param(({}, {"nextPicture": None}, {}), 120, id="a chunk that did not look at the next one's picture"),
    ],
)
def test_a_seam_that_does_not_fit_names_its_frame(changes, frame):
    with pytest.raises(SeamMismatch, match=f"frame {frame} looks different.*composition.seeking: Stateful") as mismatch:
        check_seams(CHUNKS, manifests(*changes), FILM)
    assert mismatch.value.frame == frame
    assert mismatch.value.exit_code == 64


def picture(*greys: int) -> bytes:
    data = io.BytesIO()
    Image.fromarray(np.array([greys], np.uint8)).save(data, "png")
    return data.getvalue()


def test_lanes_that_meet_in_one_picture():
    same = picture(1, 2, 3)
    check_runs([Run(0, 30, b"", same), Run(30, 60, same, None)], FILM)


@pytest.mark.parametrize(
    ("history", "text", "remedy"),
    [
        ({}, "looks different when the page jumps to it", "composition.seeking: Stateful"),
        ({"stateful": True}, "looks different after frames that were drawn", "composition.seeking: Stateful"),
        ({"stateful": True, "drawn": True}, "two runs that both drew every frame up to it", "SharedWorker"),
    ],
)
def test_what_a_seam_says_depends_on_how_it_was_reached(history, text, remedy):
    """The remedy is never what was done already."""
    film = FILM.model_copy(update=history)
    runs = [Run(0, 30, b"", picture(1, 2, 3)), Run(30, 60, picture(1, 9, 2), None)]
    with pytest.raises(SeamMismatch, match=f"frame 30 .*{text}.*2 pixels of 3 differ, by 7 of 255") as mismatch:
        check_runs(runs, film)
    assert remedy in mismatch.value.remedy or remedy in str(mismatch.value)
    assert set(mismatch.value.pictures) == {"before", "after"}


@pytest.mark.parametrize(
    ("history", "again"),
    [({}, "Stateful"), ({"stateful": True}, "Stateful"), ({"stateful": True, "drawn": True}, None)],
)
def test_a_seam_says_how_to_plan_again_unless_that_was_done(history, again):
    mismatch = SeamMismatch(30, FILM.model_copy(update=history))
    assert other_seeking(mismatch.facts, "Auto") == again
    assert other_seeking(mismatch.facts, "Seekable") is None, "asked for"


def test_chunks_take_the_pictures_that_the_plan_took():
    taken = TrialPicture(frame=24, sha256=digest_of(b"as planned"))
    trial = TrialPictures(HeliosJob(engine=ENGINE, film=FILM, pictures=(taken,)))
    trial.check(24, b"as planned")
    trial.check(25, b"another frame")
    with pytest.raises(SeamMismatch, match="frame 24 looks different when the page jumps to it"):
        trial.check(24, b"as played")


def test_processors_of_other_classes_are_not_compared_but_named():
    engine = ENGINE.model_copy(update={"cpu": "aarch64"})
    others = manifests({}, {"engine": engine, "firstPicture": "other"}, {"engine": engine})
    warnings = check_seams(CHUNKS, others, FILM)
    assert len(warnings) == 1
    assert "aarch64" in warnings[0]
    assert ENGINE.cpu in warnings[0]


def test_equal_processors_are_compared_among_others_too():
    engine = ENGINE.model_copy(update={"cpu": "aarch64"})
    with pytest.raises(SeamMismatch, match="frame 120"):
        check_seams(CHUNKS, manifests({}, {"engine": engine}, {"engine": engine, "firstPicture": "other"}), FILM)


def test_bad_chunks_are_named_for_people_and_programs():
    error = BadChunks(dict.fromkeys((9, 3, 4, 5, 6, 7, 8), "it is not committed"))
    assert chunks_in(error.facts["badChunks"]) == [3, 4, 5, 6, 7, 8, 9]
    assert str(error).startswith("7 of the chunks must be rendered again: chunk 9: it is not committed; chunk 3")
    assert str(error).endswith("and 2 more")
    assert error.exit_code == 1


@pytest.fixture
def store(tmp_path) -> ArtifactStore:
    """Where chunks 0 and 2 of three are committed, but the bytes of no segment are what they should be."""
    found = ArtifactStore((tmp_path / "store").as_uri())
    for chunk in (CHUNKS[0], CHUNKS[2]):
        found.put(manifest_key(chunk.key), manifest(chunk).model_dump_json().encode())
    found.put(f"segments/{SHA}.mp4", b"damaged")
    return found


def test_all_that_is_bad_is_named_at_once(store, tmp_path):
    with pytest.raises(BadChunks) as bad:
        gather(job(0, 60, 120, 150), store, tmp_path)
    assert bad.value.chunks == [0, 1, 2]
    assert "chunk 1: it is not committed" in str(bad.value)
    assert "chunk 0: its segment is damaged (7 bytes" in str(bad.value)


def test_commits_of_bad_chunks_are_taken_back_with_their_segments(store, tmp_path):
    with pytest.raises(BadChunks):
        gather(job(0, 60, 120, 150), store, tmp_path)
    assert store.keys("chunks/") == []
    assert store.keys("segments/") == []


def test_a_missing_segment_is_named(store, tmp_path):
    store.delete(f"segments/{SHA}.mp4")
    with pytest.raises(BadChunks, match=rf"chunk 0: its segment segments/{SHA}.mp4 is missing"):
        gather(job(0, 60, 120, 150), store, tmp_path)


def test_other_chunks_keep_their_commits(store):
    discard(job(0, 60, 120, 150), store, {0: "bad"})
    assert store.keys("chunks/") == [manifest_key(CHUNKS[2].key)]


def test_what_the_page_did_is_told_before_what_followed_from_it():
    page = PageError("the page threw")
    errors = BaseExceptionGroup("", [RuntimeError("cancelled"), page, OSError("pipe")])
    assert first_cause(errors) is page
    assert str(first_cause(BaseExceptionGroup("", [RuntimeError("first"), OSError()]))) == "first"


@pytest.mark.parametrize(
    ("number", "code", "text"), [(28, 75, "free some space"), (13, 64, "with output.url"), (21, 64, "with output.url")]
)
def test_an_output_that_cannot_be_written(number, code, text):
    error = output_error("out.mp4", OSError(number, "reason"))
    assert error.exit_code == code
    assert "the output out.mp4 cannot be written: reason" in str(error)
    assert text in str(error)
