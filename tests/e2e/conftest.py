"""A real cluster with the real images, for whoever asks for them.

The cluster is pytest-kind's `kind_cluster`. Without --kind-bin it comes from tests/cluster/kind, which needs no
registry; with it (make test KIND=kind) from the real kind. Where neither can run, the tests say why.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.cluster import images
from tests.cluster.cache import locked
from tests.cluster.debian import obstacle
from tests.cluster.settings import HERE, RUN
from tests.e2e import release
from tests.e2e.cluster import Cluster

OWN_KIND = str(HERE / "kind")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test has its time limit for itself: the first one's fixtures build images, perhaps Kubernetes too."""
    for item in items:
        if item.path.is_relative_to(HERE.parent / "e2e"):
            item.add_marker(pytest.mark.timeout(300, func_only=True))


@pytest.fixture(scope="session")
def cluster(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """The cluster of this session; it is removed at its end, unless --keep-cluster."""
    options = request.config.option
    own = options.kind_bin in (None, OWN_KIND)
    if own:
        if reason := obstacle():
            pytest.skip(reason)
        options.kind_bin = OWN_KIND
        options.kind_kubectl_bin = str(HERE / "kubectl")
    elif shutil.which(options.kind_bin) is None:
        pytest.fail(f"--kind-bin={options.kind_bin} is no program")
    else:
        options.kind_bin = shutil.which(options.kind_bin)
        options.kind_kubectl_bin = options.kind_kubectl_bin or shutil.which("kubectl")
    with ExitStack() as stack:
        if own:  # one at a time on a machine, whatever checkout or xdist worker it belongs to
            stack.enter_context(locked(RUN / "tests.lock"))
        kind = request.getfixturevalue("kind_cluster")
        yield Cluster(kind)
        if own and not options.keep_cluster:
            kind.delete()  # while the lock is held; what pytest-kind does later finds nothing left


@pytest.fixture(scope="session")
def worker_image(cluster: Cluster) -> str:
    """The Dockerfile's worker, built from this checkout and loaded into the cluster. Returns its name."""
    images.build("worker")
    cluster.load(images.tag("worker"))
    return images.tag("worker")


@pytest.fixture(scope="session")
def operator(cluster: Cluster, worker_image: str) -> None:
    """The operator, installed with helm from this checkout's chart and image."""
    images.build("operator")
    cluster.load(images.tag("operator"))
    release.install(cluster)


@pytest.fixture
def namespace(cluster: Cluster) -> Iterator[str]:
    """A namespace of the test's own that enforces Kubernetes' restricted pod security standard."""
    name = f"e2e-{os.urandom(4).hex()}"
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
    yield name
    cluster.kubectl("delete", "namespace", name, "--wait=true", "--timeout=90s")
