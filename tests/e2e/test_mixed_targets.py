"""One film by pods, a Lambda function and a Cloud Run service at once, in the real image, with artifacts in S3.

The function and the service are containers of the worker's image, held to what their platforms allow; what is between
them and the operator speaks as AWS and Google do (tests/clouds). Whatever happens, the bytes are those of the local
render.
"""

import asyncio
import json
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.clouds.cloud_run_server import PARENT, PROJECT, CloudRunServer
from tests.clouds.cloud_run_server import REGION as GOOGLE_REGION
from tests.clouds.http_faults import Answer, Fault, Request
from tests.clouds.lambda_server import REGION, LambdaServer, throttled
from tests.clouds.s3_server import BUCKET, s3_environment, s3_server
from tests.cluster import images
from tests.cluster.engine import Engine
from tests.cluster.settings import NODE_ADDRESS
from tests.e2e import release
from tests.e2e.cluster import Cluster
from tests.e2e.containers import eventually
from tests.e2e.films import FRAMES, UNIT, completed, render_job
from tests.e2e.functions.container import Container, container
from tests.integration.operator.operator_process import OperatorProcess
from tests.ports import free_port

CHUNKS = FRAMES // UNIT
FUNCTION, SERVICE, PODS = "mixed-lambda", "mixed-service", "mixed-pods"
MEMORY = ["--memory=1g", "--memory-swap=1g", "--tmpfs=/tmp:size=256m,mode=1777"]
LAMBDA = ["--user=993:990", "--ipc=none", *MEMORY]
OPTIONS = (f"--image={images.tag('worker')}", "--artifacts=file:///artifacts/", "--claim=helios-artifacts")


@dataclass
class Clouds:
    """The function and the service, and how an operator comes to them."""

    aws: LambdaServer
    google: CloudRunServer
    function: Container
    environment: dict[str, str]
    store: dict[str, str] = field(default_factory=dict)

    def calm(self) -> None:
        """No faults any more."""
        self.aws.fault = self.google.fault = lambda number: None


@pytest.fixture(scope="module")
def clouds(
    cluster: Cluster, worker_image: str, engine: Engine, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Clouds]:
    folder, port = tmp_path_factory.mktemp("clouds"), free_port()

    def ask(payload: bytes) -> dict[str, Any]:
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"http://127.0.0.1:{port}/", data=payload, headers=headers)
        with urllib.request.urlopen(request, timeout=120) as answer:
            return dict(json.loads(answer.read()))

    with ExitStack() as stack:
        store = s3_environment(stack.enter_context(s3_server(folder / "buckets", NODE_ADDRESS)))
        aws = stack.enter_context(LambdaServer(seconds=600))  # so that a frozen one is slow, and has not failed
        google = stack.enter_context(CloudRunServer(ask))
        given = {**store, "HELIOS_ALLOWED_STORES": f"s3://{BUCKET}/"}
        arguments = ("lambda", "--lanes", "1")
        function = stack.enter_context(
            container(engine, worker_image, LAMBDA, *arguments, AWS_LAMBDA_RUNTIME_API=aws.runtime_api, **given)
        )
        stack.enter_context(container(engine, worker_image, MEMORY, "serve", "--lanes", "1", PORT=str(port), **given))
        eventually(lambda: _is_healthy(port), "the service to be up")
        aws.create_function("helios-worker", timeout=600)
        _create_service(google)
        cluster.apply(*_targets())
        yield Clouds(aws, google, function, {**aws.environment, **google.environment(folder)}, store)


def _is_healthy(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _create_service(google: CloudRunServer) -> None:
    made = {"template": {"containers": [{"image": "helios-worker"}]}}
    request = Request(
        "POST",
        f"/v2/{PARENT}/services",
        "serviceId=worker",
        {"authorization": "Bearer test"},
        json.dumps(made).encode(),
    )
    assert google.handle(request).status == 200


def _targets() -> Iterator[dict[str, Any]]:
    """One chunk at a time in each cloud, so that pods have something to do."""
    specs: dict[str, dict[str, Any]] = {
        FUNCTION: {"lambda": {"functionName": "helios-worker", "region": REGION}, "maxConcurrent": 1},
        SERVICE: {
            "cloudRun": {"service": "worker", "region": GOOGLE_REGION, "project": PROJECT},
            "maxConcurrent": 1,
        },
        PODS: {"kubernetes": {}, "maxConcurrent": 2},
    }
    for name, spec in specs.items():
        yield {
            "apiVersion": "helios.video/v1alpha1",
            "kind": "RenderTarget",
            "metadata": {"name": name},
            "spec": {**spec, "allowedStores": [f"s3://{BUCKET}/"]},
        }


@asynccontextmanager
async def operated(cluster: Cluster, clouds: Clouds, namespace: str, folder: Path) -> AsyncIterator[OperatorProcess]:
    """An operator beside the cluster, from where the clouds can be reached."""
    operator = OperatorProcess(folder, "", namespace, *OPTIONS, env=clouds.environment)
    operator.use(cluster.kubeconfig)
    async with operator:
        yield operator


def film(namespace: str, name: str, **execution: Any) -> dict[str, Any]:
    """A film with its artifacts in S3, where no other film's are."""
    return render_job(
        namespace,
        name,
        frames=FRAMES,
        unit=UNIT,
        execution={
            "targets": [{"name": target} for target in (FUNCTION, SERVICE, PODS)],
            "parallelism": 4,
            **execution,
        },
        artifacts={"url": f"s3://{BUCKET}/{namespace}/{name}/", "credentialsRef": {"name": "media-writer"}},
    )


def secret(namespace: str, clouds: Clouds) -> dict[str, Any]:
    """What pods come to the bucket with."""
    metadata = {"name": "media-writer", "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": clouds.store}


def parts(status: dict[str, Any]) -> dict[str, int]:
    """How many chunks each target has rendered."""
    return {found["name"]: found["done"] for found in status["targets"]}


def is_under_way(cluster: Cluster, namespace: str, name: str) -> Callable[[], bool]:
    """Whether some chunks are done, and others are not."""

    def look() -> bool:
        status = cluster.get("renderjobs", namespace, name).get("status") or {}
        done: int = (status.get("chunks") or {}).get("done", 0)
        return 3 <= done < CHUNKS

    return look


@pytest.mark.usefixtures("operator")
async def test_one_film_from_three_kinds_of_target(
    cluster: Cluster, clouds: Clouds, namespace: str, film_by_hand: str, tmp_path: Path
):
    with release.asleep(cluster):
        async with operated(cluster, clouds, namespace, tmp_path / "operator") as operator:
            await undisturbed(cluster, clouds, namespace, film_by_hand)
            await everything_at_once(cluster, clouds, namespace, film_by_hand, operator)
        assert "Traceback" not in operator.log.read_text(), operator.log.read_text()[-3000:]


async def undisturbed(cluster: Cluster, clouds: Clouds, namespace: str, film_by_hand: str) -> None:
    """Every target does a part."""
    cluster.apply(secret(namespace, clouds), film(namespace, "plain"))
    status = await asyncio.to_thread(completed, cluster, namespace, "plain")
    assert status["chunkMap"] == "#" * CHUNKS
    assert status["output"]["sha256"] == film_by_hand
    assert all(parts(status).values()), parts(status)
    assert sum(parts(status).values()) == CHUNKS


async def everything_at_once(
    cluster: Cluster, clouds: Clouds, namespace: str, film_by_hand: str, operator: OperatorProcess
) -> None:
    """Lambda throttles every other call, Cloud Run is dead, the operator is killed, and then the function freezes."""
    clouds.aws.fault = lambda number: Fault(instead=throttled()) if number % 2 else None
    clouds.google.fault = lambda number: Fault(instead=Answer(503, b"no instance"))
    cluster.apply(film(namespace, "rough", stragglers={"factor": 2, "minimum": "10s"}))
    await asyncio.to_thread(
        eventually,
        is_under_way(cluster, namespace, "rough"),
        "a part of the film",
        moving=lambda: cluster.newest(namespace),
    )
    await operator.kill()
    await operator.start()
    before = len(clouds.aws.invocations)
    await asyncio.to_thread(
        eventually, lambda: len(clouds.aws.invocations) > before, "the new operator to ask the function"
    )
    with clouds.function.frozen():
        status = await asyncio.to_thread(completed, cluster, namespace, "rough")
    clouds.calm()
    assert status["chunkMap"] == "#" * CHUNKS
    assert status["output"]["sha256"] == film_by_hand
    assert parts(status)[SERVICE] == 0
    assert parts(status)[FUNCTION] > 0
