"""Every chunk sees the bytes that the plan took, or says that they are gone; it never blames the page for it."""

from pathlib import Path

import pytest

from helios_crds.wire import ExitCode
from tests.integration.worker.project import MOVING, Project

WITH_PICTURE = f'<img src="dot.svg">{MOVING}'
DOT = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>'


@pytest.fixture
def blob(project: Project) -> Path:
    """The stored bytes of a planned page's picture."""
    (project.folder / "page").mkdir()
    (project.folder / "page/dot.svg").write_text(DOT)
    project.plan(WITH_PICTURE)
    (found,) = (path for path in (project.folder / "store/blobs").iterdir() if path.read_text() == DOT)
    return found


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        pytest.param(lambda blob: blob.write_text(DOT.replace("9", "8")), "altered", id="altered"),
        pytest.param(Path.unlink, "missing", id="missing"),
    ],
)
@pytest.mark.parametrize("errors", ["fail", "warn"])
def test_a_file_that_is_not_what_it_was_ends_the_chunk_and_is_stored_anew(project, blob, damage, said, errors):
    composition = {"pageErrors": errors}
    project.plan(WITH_PICTURE, composition=composition)
    damage(blob)
    reply = project.chunk()
    assert reply.exitCode == ExitCode.RETRYABLE
    assert reply.result["error"] == "CorruptBlob"
    assert f"dot.svg is {said}" in reply.stderr
    assert blob.name in reply.stderr
    assert "run the same render again" in reply.stderr
    project.plan(WITH_PICTURE, composition=composition)
    assert blob.read_text() == DOT
    assert project.chunk().exitCode == ExitCode.DONE


def test_a_plan_that_meets_damage_leaves_room_for_the_next(project, blob):
    blob.write_text(DOT.replace("9", "8"))
    reply = project.try_plan(WITH_PICTURE, frames=18)
    assert reply.exitCode == ExitCode.RETRYABLE
    assert "dot.svg is altered" in reply.stderr
    assert project.try_plan(WITH_PICTURE, frames=18).exitCode == ExitCode.DONE
    assert blob.read_text() == DOT
