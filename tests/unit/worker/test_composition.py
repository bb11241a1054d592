"""An opened composition: whose fault it is when its page fails, and who records its network."""

from pathlib import Path

import pytest

from helios_worker.artifacts.blobs import Blobs
from helios_worker.artifacts.snapshot import take_snapshot
from helios_worker.artifacts.store import ArtifactStore
from helios_worker.capture.content.composition import Compositions, OpenComposition
from helios_worker.capture.faults import PageError
from helios_worker.errors import CorruptBlob

FAULT = CorruptBlob("film.js", "memory:///blobs/1", "missing")


@pytest.fixture
def composition(tmp_path: Path) -> OpenComposition:
    return OpenComposition("https://example.org/", ArtifactStore("memory:///"), Blobs(tmp_path))


def test_a_pages_own_error_stays_its_own(composition: OpenComposition):
    with pytest.raises(PageError), composition.blaming():
        raise PageError("it threw")


def test_a_file_that_we_failed_to_deliver_comes_before_what_the_page_made_of_it(composition: OpenComposition):
    composition.note_fault(FAULT)
    with pytest.raises(CorruptBlob), composition.blaming():
        raise PageError("film is not defined")


def test_also_where_the_page_hid_it(composition: OpenComposition):
    with pytest.raises(CorruptBlob), composition.blaming():
        composition.note_fault(FAULT)


def test_a_defect_of_ours_is_not_hidden_by_a_fault(composition: OpenComposition):
    composition.note_fault(FAULT)
    with pytest.raises(KeyError), composition.blaming():
        raise KeyError("a defect")


async def test_the_last_recorder_is_the_one_for_new_pages(composition: OpenComposition):
    first = await composition.record(passive=True)
    assert composition.recorder is first
    second = await composition.record(passive=False)
    assert composition.recorder is second
    assert second is not first


async def test_its_files_are_served_no_more_when_its_stage_has_ended(tmp_path: Path):
    page = tmp_path / "page" / "index.html"
    page.parent.mkdir()
    page.write_text("<p>film</p>")
    store = ArtifactStore((tmp_path / "store").as_uri())
    snapshot = take_snapshot(store, page)
    opening = Compositions(tmp_path).open(store, snapshot=snapshot.digest, entry=snapshot.entry)
    async with opening as opened:
        assert opened.mount is not None
        assert await opened.mount.locate("index.html") is not None
    assert await opened.mount.locate("index.html") is None
