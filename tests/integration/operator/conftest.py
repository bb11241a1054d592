"""A real API server with real controllers, over workers that only pretend."""

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.cluster.control_plane import ControlPlane
from tests.integration.operator.api import Api, connected

CRDS = Path(__file__).parents[3] / "crds"


def obstacle() -> str | None:
    """Why there can be no control plane here."""
    if missing := [name for name in ("go", "setpriv", "openssl") if shutil.which(name) is None]:
        return f"the control plane needs {', '.join(missing)}: install it"
    return None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test has its time limit for itself: the first one's fixture may build Kubernetes."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.timeout(300, func_only=True))


@pytest.fixture(scope="session")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A control plane that knows RenderJobs; the tests keep apart by namespace, and by the names of targets."""
    if reason := obstacle():
        pytest.skip(reason)
    with ControlPlane(tmp_path_factory.mktemp("plane")) as found:
        found.kubectl("apply", "--server-side", "-f", str(CRDS))
        found.kubectl("wait", "--for=condition=Established", "crd", "--all")
        yield found


@pytest.fixture
async def api(plane: ControlPlane) -> AsyncIterator[Api]:
    """A client of the control plane."""
    async with connected(plane) as found:
        yield found
