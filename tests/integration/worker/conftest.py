"""One warm worker for each module, and a project of its own for each test."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from helios_worker.encode.audio.sound_plan import SoundPlan
from helios_worker.jobs.sounds import load_sound_plan
from helios_worker.network.addresses import AddressRule
from helios_worker.runtime import WorkerRuntime
from tests.integration.worker.project import Project
from tests.integration.worker.sounds import write_clicks


class Hooks(list[object]):
    """What is called while a chunk's frames are encoded, before its commit."""

    def __call__(self, count: int) -> None:
        for hook in self:
            assert callable(hook)
            hook()


@pytest.fixture(scope="module")
def module_hooks() -> Hooks:
    return Hooks()


@pytest.fixture
def hooks(module_hooks: Hooks) -> Iterator[Hooks]:
    yield module_hooks
    module_hooks.clear()


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory, module_hooks: Hooks) -> Iterator[WorkerRuntime]:
    folder, rule = tmp_path_factory.mktemp("workspace"), AddressRule(loopback=True)  # the tests' servers are there
    worker = WorkerRuntime(folder, lanes=1, on_frames=module_hooks, addresses=rule)
    yield worker
    worker.close()


@pytest.fixture
def project(tmp_path: Path, runtime: WorkerRuntime) -> Project:
    return Project(tmp_path, runtime)


@pytest.fixture
def planned(project: Project, tmp_path: Path) -> Callable[..., SoundPlan | None]:
    """Plans a page, in whose text each NAME.wav is a copy of the test's file."""

    def plan(body: str, *, seeking: str = "Seekable", frames: int = 60, **changes: object) -> SoundPlan | None:
        project.ask("")  # makes the folder
        write_clicks(tmp_path / "page/a.wav")
        for name in "bcdefghi":
            shutil.copy(tmp_path / "page/a.wav", tmp_path / f"page/{name}.wav")
        project.plan(body, frames=frames, chunk=30, composition={"seeking": seeking}, **changes)
        digest = project.job.ours.sound
        return load_sound_plan(project.store, digest) if digest else None

    return plan
