"""One warm worker for each module, and a project of its own for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from helios_worker.network.addresses import AddressRule
from helios_worker.runtime import WorkerRuntime
from tests.integration.worker.project import Project


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
