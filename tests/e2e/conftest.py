"""A real cluster with the real images, for whoever asks for them.

The cluster is pytest-kind's `kind_cluster`. Without --kind-bin it comes from tests/cluster/kind, which needs no
registry; with it (make test KIND=kind) from the real kind. Where neither can run, the tests say why.
"""

import json
import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime

import pytest

from tests.cluster import images, node
from tests.cluster.cache import locked
from tests.cluster.debian import obstacle
from tests.cluster.engine import Engine, docker
from tests.cluster.errors import ClusterError
from tests.cluster.place import Place
from tests.cluster.settings import HERE, RUN
from tests.e2e import release
from tests.e2e.barcode_pages import film_page
from tests.e2e.cluster import Cluster
from tests.e2e.films import FRAMES, UNIT
from tests.e2e.pods import shell_job

OWN_KIND = str(HERE / "kind")


NEXT_IMAGE = "helios-worker:next"
"""The worker with one more file among its fonts, another engine by that: it stands for any newer image."""
LIMIT = 1200
"""Seconds after which a test is taken for hung; its waits end by themselves where nothing moves (tests/progress.py)."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test has its time limit for itself: the first one's fixtures build images, perhaps Kubernetes too.

    Those that need no cluster come first: test_kind_node.py needs a machine without one.
    """
    items.sort(key=lambda item: "cluster" in getattr(item, "fixturenames", ()))
    for item in items:
        if item.path.is_relative_to(HERE.parent / "e2e"):
            item.add_marker(pytest.mark.timeout(LIMIT, func_only=True))


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    """Docker: the machine's own daemon, or ours."""
    try:
        running = docker()
        found = running.__enter__()
    except ClusterError as error:
        pytest.skip(f"no Docker here: {error}")
    try:
        yield found
    finally:
        running.__exit__(None, None, None)


@pytest.fixture(scope="session")
def cluster(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
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
            if not options.keep_cluster:  # what a session that was killed has left would be taken for this one's
                node.delete(options.cluster_name, None)
        kind = request.getfixturevalue("kind_cluster")
        yield Cluster(kind, tmp_path_factory.mktemp("api"))
        if own and not options.keep_cluster:
            kind.delete()  # while the lock is held; what pytest-kind does later finds nothing left


@pytest.fixture(scope="session")
def worker_image(cluster: Cluster, engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The Dockerfile's worker, built from this checkout and loaded into the cluster. Returns its name.

    NEXT_IMAGE is loaded with it.
    """
    images.build("worker")
    folder = tmp_path_factory.mktemp("next-image")
    (folder / "extra.ttf").write_bytes(b"one more")
    (folder / "Dockerfile").write_text(f"FROM {images.tag('worker')}\nCOPY extra.ttf /usr/share/fonts/truetype/\n")
    engine.show("build", "--quiet", f"--tag={NEXT_IMAGE}", folder)
    cluster.load(images.tag("worker"), NEXT_IMAGE)
    return images.tag("worker")


@pytest.fixture(scope="session")
def operator(cluster: Cluster, worker_image: str, rendered_by_hand: str) -> None:
    """The operator, installed with helm from this checkout. Meanwhile the film by hand is rendered."""
    images.build("operator")
    cluster.load(images.tag("operator"))
    release.install(cluster)


@pytest.fixture
def namespace(cluster: Cluster) -> Iterator[str]:
    """A namespace of the test's own that enforces Kubernetes' restricted pod security standard."""
    with a_namespace(cluster) as name:
        yield name


@contextmanager
def a_namespace(cluster: Cluster) -> Iterator[str]:
    """Such a namespace. At the end it goes with all that is in it; nobody waits the 10 s and more that it takes."""
    name = f"e2e-{os.urandom(4).hex()}"
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
    try:
        yield name
    finally:
        cluster.kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture(scope="session")
def rendered_by_hand(cluster: Cluster, worker_image: str) -> Iterator[str]:
    """A namespace where a pod of the worker's image has begun with the film of `heliosctl render`."""
    page = {"index.html": film_page()}
    render = f"""
    cp /input/index.html /tmp/page.html
    heliosctl render /tmp/page.html -o /tmp/film.mp4 --frames {FRAMES} --unit-frames {UNIT} --artifacts /tmp/store
    sha256sum < /tmp/film.mp4
    """
    with a_namespace(cluster) as name:
        cluster.apply(
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "page", "namespace": name}, "data": page},
            shell_job(name, "by-hand", worker_image, render, files="page"),
        )
        yield name


@pytest.fixture(scope="session")
def film_by_hand(cluster: Cluster, rendered_by_hand: str) -> str:
    """Digest of that film."""
    pod = cluster.finished_pod(rendered_by_hand, "by-hand")
    said = cluster.kubectl("logs", "-n", rendered_by_hand, "job/by-hand")
    assert pod["status"]["phase"] == "Succeeded", said
    return said.split()[-2]


@pytest.fixture
def neighbour(cluster: Cluster) -> Iterator[None]:
    """A second node, by its heartbeat alone, that takes no pods.

    Where no node at all is heard of, Kubernetes takes itself for cut off and lets every pod be.
    """
    name, over = "neighbour", threading.Event()
    cluster.apply({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}, "spec": {"unschedulable": True}})
    ready = {"status": {"conditions": [{"type": "Ready", "status": "True", "reason": "Test", "message": "alive"}]}}
    cluster.kubectl("patch", "node", name, "--subresource=status", "--type=merge", f"--patch={json.dumps(ready)}")

    def beat() -> None:
        while not over.wait(3):
            spec = {"holderIdentity": name, "leaseDurationSeconds": 12, "renewTime": f"{datetime.now(UTC):%FT%T.%fZ}"}
            metadata = {"name": name, "namespace": "kube-node-lease"}
            cluster.apply({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": spec})

    heart = threading.Thread(target=beat)
    heart.start()
    yield
    over.set()
    heart.join()
    cluster.kubectl("delete", "node", name)


@pytest.fixture
def kubelet(request: pytest.FixtureRequest, cluster: Cluster) -> int:
    """Pid of the node's kubelet, to be made silent."""
    if request.config.option.kind_bin != OWN_KIND:
        pytest.skip("the real kind's kubelet is in a container of its own")
    return int((Place(request.config.option.cluster_name).state / "kubelet.pid").read_text())
