"""What the test cluster does without a cluster: the cache, names, the image of the pause program."""

import io
import json
import multiprocessing
import os
import signal
import subprocess
import tarfile
import time
from pathlib import Path

import pytest

from tests.cluster import debian, pause, processes
from tests.cluster.cache import digest, made_once
from tests.cluster.errors import ClusterError
from tests.cluster.kind_cli import main
from tests.cluster.place import Place


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    place: Path = tmp_path / "helios" / "cluster"
    return place


def test_a_folder_is_made_once(cache):
    made = []

    def make(folder: Path) -> None:
        made.append(folder)
        (folder / "program").touch()

    assert made_once("key", make) == made_once("key", make) == cache / "key"
    assert len(made) == 1
    assert (cache / "key" / "program").exists()


def test_a_failure_leaves_nothing_and_the_next_one_succeeds(cache):
    def fail(folder: Path) -> None:
        (folder / "half").touch()
        raise ClusterError("no space")

    with pytest.raises(ClusterError):
        made_once("key", fail)
    assert [path.name for path in cache.iterdir()] == ["key.lock"]
    assert list(made_once("key", lambda folder: (folder / "whole").touch()).iterdir()) == [cache / "key" / "whole"]


def _slowly(folder: Path) -> None:
    with (folder.parent / "makers").open("a") as makers:
        makers.write("x")
    time.sleep(0.3)  # long enough for the other to come in between


def test_two_at_once_make_it_once(cache):
    context = multiprocessing.get_context("fork")
    both = [context.Process(target=made_once, args=("key", _slowly)) for _ in range(2)]
    for process in both:
        process.start()
    for process in both:
        process.join(20)
    assert [process.exitcode for process in both] == [0, 0]
    assert (cache / "makers").read_text() == "x"


def test_a_key_tells_its_parts_apart():
    assert digest("ab", "c") != digest("a", "bc")
    assert digest("ab", "c") == digest("ab", b"c")


@pytest.mark.parametrize("name", ["", "../etc", "a/b", "-x", ".hidden", "A", "x" * 51])
def test_a_cluster_name_is_a_folder_name(name):
    with pytest.raises(ClusterError):
        Place(name)


def test_the_socket_path_fits_the_kernel():
    assert len(str(Place("x" * 50).containerd_socket)) <= 107


def test_processes_are_found_by_their_mark_and_ended(tmp_path):
    script = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
    )
    stubborn = processes.start(tmp_path, "stubborn", ["python3", "-c", script])
    processes.wait_until(lambda: "up" in stubborn.log.read_text(), "the process", stubborn, seconds=20)
    assert processes.marked(tmp_path) == [stubborn.pid]
    processes.end([stubborn.pid], patience=0.1)
    assert processes.marked(tmp_path) == []


def test_waiting_ends_with_the_process_that_is_waited_for(tmp_path):
    brief = processes.start(tmp_path, "brief", ["sh", "-c", "echo it broke"])
    with pytest.raises(ClusterError, match="brief ended while we waited for its port:\nit broke"):
        processes.wait_until(lambda: False, "its port", brief, seconds=20)


def test_ending_what_is_gone_is_no_error():
    process = subprocess.Popen(["true"])
    process.wait()
    processes.end([process.pid])


def test_a_childs_death_counts_before_it_is_reaped(tmp_path):
    component = processes.start(tmp_path, "sleeper", ["sleep", "60"])
    os.kill(component.pid, signal.SIGKILL)
    processes.end([component.pid])


def _member(archive: tarfile.TarFile, name: str) -> bytes:
    file = archive.extractfile(name)
    assert file is not None
    return file.read()


def test_the_pause_image_is_what_docker_would_save(monkeypatch):
    monkeypatch.setattr(pause, "_architecture", lambda: "amd64")
    with tarfile.open(fileobj=io.BytesIO(pause.image_archive(b"program", "pause:1"))) as archive:
        (manifest,) = json.loads(_member(archive, "manifest.json"))
        assert manifest["RepoTags"] == ["pause:1"]
        config = json.loads(_member(archive, manifest["Config"]))
        assert config["config"]["Entrypoint"] == ["/pause"]
        layer = _member(archive, manifest["Layers"][0])
    with tarfile.open(fileobj=io.BytesIO(layer)) as files:
        assert files.getmember("pause").mode == 0o755


def test_a_bad_name_is_told_without_a_traceback(capsys):
    assert main(["delete", "cluster", "--name=../x", "--kubeconfig=none"]) == 1
    assert "is no name for a cluster" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("user", "programs", "reason"),
    [
        pytest.param(1000, {"go"}, "needs root", id="not root"),
        pytest.param(0, {"go"}, "no apt-get to install them: containerd runc", id="packages, and no apt"),
        pytest.param(0, {"apt-get"}, "Go is not installed", id="no compiler"),
        pytest.param(0, {"apt-get", "go"}, None, id="what is missing can be installed"),
    ],
)
def test_why_a_machine_cannot_hold_the_node(monkeypatch, user, programs, reason):
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr("os.geteuid", lambda: user)
    monkeypatch.setattr("shutil.which", lambda name: name if name in programs else None)
    said = debian.obstacle()
    assert said is None if reason is None else said is not None and reason in said
