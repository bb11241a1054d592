"""An opened composition: whose fault it is when its page fails, and who records its network."""

from pathlib import Path

import pytest

from helios_worker.artifacts.blobs import Blobs
from helios_worker.artifacts.store import ArtifactStore
from helios_worker.capture.content.composition import OpenComposition
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


def test_the_last_recorder_is_the_one_for_new_pages(composition: OpenComposition):
    first = composition.record(passive=True)
    assert composition.recorder is first
    second = composition.record(passive=False)
    assert composition.recorder is second
    assert second is not first
