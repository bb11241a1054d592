"""Workspaces: the next worker clears up after the dead and leaves the living alone."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from helios_worker.workspace import PREFIX, SUFFIX, Workspace, sweep

OWNER = """
import sys; from pathlib import Path; from helios_worker.workspace import Workspace
workspace = Workspace(Path(sys.argv[1])); (workspace.path / "film").write_text("half")
print(workspace.path, flush=True); sys.stdin.read()
"""


@pytest.fixture
def owner(tmp_path):
    """Another process that holds a workspace, and the workspace."""
    process = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    yield process, tmp_path / process.stdout.readline().strip()
    process.kill()
    process.communicate()


def test_a_live_owner_keeps_its_folder(owner, tmp_path):
    _, folder = owner
    assert sweep(tmp_path) == []
    assert (folder / "film").read_text() == "half"


def test_a_dead_owner_loses_it_to_the_next_workspace(owner, tmp_path):
    process, folder = owner
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert folder.is_dir()
    following = Workspace(tmp_path)
    assert not folder.exists()
    assert [path.name for path in tmp_path.iterdir()] == [following.path.name]
    following.close()


def test_a_removal_that_was_cut_short_is_finished(owner, tmp_path):
    """A worker that is killed while it removes its folder leaves some of it; so does a browser that dies last."""
    process, folder = owner
    (folder / "rest").write_text("of it")
    (folder / "film").unlink()
    process.kill()
    process.wait()
    assert sweep(tmp_path) == [folder]
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_swept_before_it_is_held_is_made_again(tmp_path, monkeypatch):
    make = tempfile.mkdtemp
    early: list[Path] = []

    def make_for_the_sweep(**options):
        path = make(**options)
        if not early:
            early.extend(sweep(tmp_path))
        return path

    monkeypatch.setattr(tempfile, "mkdtemp", make_for_the_sweep)
    workspace = Workspace(tmp_path)
    assert len(early) == 1
    assert list(tmp_path.iterdir()) == [workspace.path]
    assert sweep(tmp_path) == []
    workspace.close()


def test_two_of_one_process_live_side_by_side(tmp_path):
    one, two = Workspace(tmp_path), Workspace(tmp_path)
    assert one.path.is_dir()
    assert one.path != two.path
    for workspace in (one, two):
        workspace.close()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_written_to_while_it_goes(tmp_path, monkeypatch):
    """As a browser does that was killed this moment; here the removal itself is followed by a latecomer."""
    workspace = Workspace(tmp_path)
    late = ["Cookies", "Network"]
    remove = shutil.rmtree

    def removed_too_early(path, **options):
        remove(path, **options)
        if late:
            (path / late.pop()).mkdir(parents=True)

    monkeypatch.setattr(shutil, "rmtree", removed_too_early)
    workspace.close()
    assert late == []
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_workspace_is_never_touched(tmp_path):
    (tmp_path / f"{PREFIX}mine").mkdir()
    (tmp_path / f"{PREFIX}file{SUFFIX}").write_text("a file of that name")
    (tmp_path / f"other{SUFFIX}").mkdir()
    assert sweep(tmp_path) == []
    assert len(list(tmp_path.iterdir())) == 3


def test_a_parent_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError):
        Workspace(tmp_path / "nowhere")
