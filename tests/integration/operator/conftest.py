"""A real API server with real controllers, over workers that only pretend."""

import shutil
from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.cluster.control_plane import ControlPlane
from tests.integration.operator.api import Api, connected
from tests.integration.operator.one_render import Rendering, rendering
from tests.integration.operator.shared_plane import control_plane, shared_plane

LIMIT = 1200
"""Seconds after which a test is taken for hung. Its waits end by themselves where nothing moves any more (progress.py),
so this is for what moves for ever."""


def obstacle() -> str | None:
    """Why there can be no control plane here."""
    if missing := [name for name in ("go", "setpriv", "openssl") if shutil.which(name) is None]:
        return f"the control plane needs {', '.join(missing)}: install it"
    return None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test has its time limit for itself: the first one's fixture may build Kubernetes."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.timeout(LIMIT, func_only=True))


@pytest.fixture(scope="session")
def able() -> None:
    """Skips where there can be no control plane."""
    if reason := obstacle():
        pytest.skip(reason)


@pytest.fixture(scope="session")
def plane(able: None, session_folder: Path) -> Iterator[ControlPlane]:
    """A control plane that knows RenderJobs; the tests keep apart by namespace, and by the names of targets."""
    with shared_plane(session_folder / "plane") as found:
        yield found


@pytest.fixture
def own_plane(able: None, tmp_path: Path) -> Iterator[ControlPlane]:
    """A control plane for one test: its parts may be killed, and its operator may look after all namespaces."""
    with control_plane(tmp_path / "plane") as found:
        yield found


@pytest.fixture
async def api(plane: ControlPlane) -> AsyncIterator[Api]:
    """A client of the control plane."""
    async with connected(plane) as found:
        yield found


@pytest.fixture
def start(plane: ControlPlane, api: Api, tmp_path: Path) -> Rendering:
    """Starts an operator for a RenderJob of the test's."""
    return partial(rendering, plane, api, tmp_path)
