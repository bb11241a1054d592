"""What may befall pods, done to them: what becomes of the film, what it costs, and what its author reads.

What needs no processor is started together; each test then looks at its own RenderJob.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.barcode_pages import PAINT, one_file
from tests.e2e.cluster import Cluster
from tests.e2e.conftest import a_namespace
from tests.e2e.containers import held_chunks, silent
from tests.e2e.films import (
    change_execution,
    completed,
    condition,
    events,
    failed,
    film_of,
    numbers,
    on,
    render_job,
    render_target,
    says,
)

pytestmark = pytest.mark.usefixtures("operator")

PAGE = one_file("canvas-raf.html")
SLOW = PAGE.replace(PAINT, f"for (let i = 0; i < 2e8; i++); {PAINT}")  # seconds for a chunk, to be caught in the middle
LOOPING = PAGE.replace(PAINT, f"while (ticks(now) >= 8 * 15); {PAINT}")  # from frame 15 on
HOARDING = PAGE.replace(PAINT, f"hoard = Array.from({{length: 64}}, () => new Uint8Array(1 << 24).fill(1)); {PAINT}")
NEVER_READY = PAGE.replace("<body>", "<body><script>window.__HELIOS_READY__ = new Promise(() => {});</script>")

NO_RETRY: dict[str, Any] = {"retries": {"perChunk": 0}}
HANGS = 3
CRAMPED = "16Ki"  # a browser's profile takes 28


@pytest.fixture(scope="module")
def misfortunes(cluster: Cluster, operator: None) -> Iterator[tuple[str, str, str]]:
    """A namespace of RenderJobs that fare badly, and others around it without room for pods, or without a volume."""
    with a_namespace(cluster) as name, a_namespace(cluster) as full, a_namespace(cluster) as no_volume:
        patient = {"parallelism": 4, "chunkTimeout": "75s", "stragglers": {"minimum": "10m"}}  # no duplicate saves one
        # On an overloaded machine a frame that comes too late is no fault of the page yet.
        patient_with_machines = {"frameTimeout": "10s", "parallelism": 1, "retries": {"perChunk": 10}}
        cluster.apply(render_job(name, "battered", page=SLOW, frames=24, execution=patient))
        batter(cluster, name)
        cluster.apply(
            render_target("small", resources={"limits": {"memory": "300Mi"}}),
            render_target("cramped", resources={"limits": {"ephemeral-storage": CRAMPED}}),
            render_target("nowhere", nodeSelector={"helios.test/room": "none"}),
            {
                "apiVersion": "v1",
                "kind": "ResourceQuota",
                "metadata": {"name": "no-pods", "namespace": full},
                "spec": {"hard": {"pods": "0"}},
            },
            {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "metadata": {"name": "helios-artifacts", "namespace": no_volume},
                "spec": {
                    "accessModes": ["ReadWriteOnce"],
                    "storageClassName": "no-such-class",
                    "resources": {"requests": {"storage": "1Gi"}},
                },
            },
            render_job(
                name, "looping", page=LOOPING, frames=18, execution=patient_with_machines, audio={"codec": "none"}
            ),
            render_job(name, "hoarding", page=HOARDING, execution=on("small", retries={"perChunk": 1})),
            render_job(name, "cramped", page=NEVER_READY, execution=on("cramped", frameTimeout="2m", **NO_RETRY)),
            render_job(name, "homeless", execution=on("nowhere", **NO_RETRY)),
            render_job(name, "sourceless", composition={"configMap": {"name": "no-such-page"}}, execution=NO_RETRY),
            render_job(full, "unadmitted", execution=NO_RETRY),
            render_job(no_volume, "unbound", execution=NO_RETRY),
        )
        yield name, full, no_volume


def batter(cluster: Cluster, namespace: str) -> None:
    """One chunk each: its pod deleted, deleted by force, evicted; the last one hangs. Later attempts have time."""
    chunks = list(held_chunks(cluster, namespace, "battered", 4))  # all of them, for kubectl takes its time
    change_execution(cluster, namespace, "battered", chunkTimeout="15m")
    for chunk, held in chunks:
        match chunk:
            case 0:
                cluster.kubectl("delete", "pod", "-n", namespace, held.pod, "--wait=false")
            case 1:
                cluster.kubectl("delete", "pod", "-n", namespace, held.pod, "--force", "--wait=false")
            case 2:
                evict(cluster, namespace, held.pod)
        if chunk != HANGS:
            held.release()


def evict(cluster: Cluster, namespace: str, pod: str) -> None:
    """As `kubectl drain` does."""
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod, "namespace": namespace}}
    path = f"/api/v1/namespaces/{namespace}/pods/{pod}/eviction"
    cluster.kubectl("create", "--raw", path, "-f", "-", input=json.dumps(eviction))


@pytest.mark.parametrize(
    ("place", "name", "why"),
    [
        pytest.param(
            0,
            "homeless",
            ["Unschedulable: 0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector."],
            id="no node",
        ),
        pytest.param(
            0,
            "sourceless",
            [
                "ContainerCreating: a volume is missing or not ready (claim helios-artifacts, ",
                "ConfigMap no-such-page), see `kubectl events --for pod/sourceless-",
            ],
            id="no ConfigMap",
        ),
        pytest.param(
            1,
            "unadmitted",
            ["no pod exists: a quota or an admission rule may reject it, see `kubectl events --for job/unadmitted-"],
            id="no quota",
        ),
        pytest.param(2, "unbound", ["Unschedulable: 0/1 nodes are available: pod has unbound"], id="no volume"),
    ],
)
def test_a_pod_that_cannot_start_says_what_is_missing(cluster, misfortunes, place, name, why):
    """First while it waits, then when its time is up."""
    namespace = misfortunes[place]
    told = says(cluster, namespace, name, "the composition is being planned; a pod is not starting: " + why[0])
    assert why[-1] in told
    change_execution(cluster, namespace, name, startTimeout="1s")
    status = failed(cluster, namespace, name)
    reason, message = condition(status, "Failed")
    assert reason == "RetriesExhausted"
    timeout = "the pod did not start within 1s: "
    known = "the plan failed and is not tried again (spec.execution.retries.perChunk is 0): "
    assert message.startswith(known + timeout + why[0])
    assert why[-1] in message
    assert status["failures"] == 1
    assert timeout + why[0] in events(cluster, namespace, name, "StartTimeout")["StartTimeout"]


def test_too_little_memory(cluster, misfortunes):
    status = failed(cluster, misfortunes[0], "hoarding")
    told = (
        "the plan failed 2 times and is not tried again (spec.execution.retries.perChunk is 1): the last time: the "
        "worker was killed for using more memory than its limit of 300Mi (OOMKilled): raise resources.limits.memory of "
        "the RenderTarget small, or lower its limits.cpu: there is a browser per CPU"
    )
    assert condition(status, "Failed") == ("RetriesExhausted", told)
    assert (status["failures"], status["retries"][0]["reason"]) == (2, "OutOfResources")


def test_too_little_disk(cluster, misfortunes):
    status = failed(cluster, misfortunes[0], "cramped")
    # The volume has the pod's limit. Which of the two the kubelet names, it does not say beforehand.
    volume = f'Usage of EmptyDir volume "tmp" exceeds the limit "{CRAMPED}"'
    pod = f"Pod ephemeral local storage usage exceeds the total limit of containers {CRAMPED}"
    told = [
        "the plan failed and is not tried again (spec.execution.retries.perChunk is 0): the node evicted the pod: "
        f"{what}; raise resources.limits.ephemeral-storage of the RenderTarget cramped"
        for what in (volume, pod)
    ]
    reason, message = condition(status, "Failed")
    assert reason == "RetriesExhausted"
    assert message in told
    assert (status["failures"], status["retries"][0]["reason"]) == (1, "OutOfResources")


def test_a_page_that_hangs(cluster, misfortunes):
    status = failed(cluster, misfortunes[0], "looping")
    reason, message = condition(status, "Failed")
    assert reason == "InputInvalid"
    assert message.startswith("chunk 2: frame 15 was not ready after 10 s: a script does not return: draw (index.html:")
    assert status["chunkMap"] == "##!"


def test_a_film_survives_what_befalls_its_pods(cluster, misfortunes, worker_image, tmp_path):
    namespace = misfortunes[0]
    status = completed(cluster, namespace, "battered")
    assert status["failures"] == 1  # of the chunk that hung; nobody's chunk is to blame for being taken away
    told = events(cluster, namespace, "battered", "DeadlineExceeded")
    too_long = "the worker ran longer than spec.execution.chunkTimeout (75 s) and was stopped"
    assert told["DeadlineExceeded"] == f"chunk {HANGS}, attempt 1: {too_long}"
    assert "WorkerKilled" not in told
    film = film_of(cluster, namespace, worker_image, f"/artifacts/out/{namespace}/battered.mp4", tmp_path)
    assert numbers(film) == list(range(24))


@pytest.mark.usefixtures("neighbour")
def test_a_node_that_is_away(cluster, namespace, kubelet, worker_image, tmp_path):
    """One chunk finishes while nobody hears of it, the other one is killed when the node is back."""
    gone = [{"key": f"node.kubernetes.io/{key}", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 10}
            for key in ("unreachable", "not-ready")]  # fmt: skip
    cluster.apply(
        render_target("impatient", tolerations=gone),
        render_job(namespace, "patient", page=SLOW, execution=on("impatient")),
    )
    chunks = dict(held_chunks(cluster, namespace, "patient", 2))
    with silent(kubelet):
        chunks[0].release()
        says(cluster, namespace, "patient", "2 pods are on a node that does not answer")
        says(cluster, namespace, "patient", "2 pods are being taken away: DeletionByTaintManager: ")
    chunks[1].release()
    status = completed(cluster, namespace, "patient")
    assert status["failures"] == 0
    jobs = cluster.get("jobs", namespace, labelSelector="helios.video/stage=chunk")["items"]
    assert len(jobs) == 2, "no chunk was given to another attempt beside"
    film = film_of(cluster, namespace, worker_image, f"/artifacts/out/{namespace}/patient.mp4", tmp_path)
    assert numbers(film) == list(range(12))
