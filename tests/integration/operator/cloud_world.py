"""A namespace with an operator, targets and clouds: functions and services that speak as AWS and Google do.

The workers behind them only pretend, and kwok plays the pods.
"""

import json
import subprocess
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.clouds.cloud_run_server import PARENT, CloudRunServer
from tests.clouds.cloud_run_server import PROJECT as GOOGLE_PROJECT
from tests.clouds.cloud_run_server import REGION as GOOGLE_REGION
from tests.clouds.http_faults import Request
from tests.clouds.lambda_server import REGION, LambdaServer
from tests.cluster.control_plane import ControlPlane
from tests.integration.operator.api import RENDER, Api, Object, eventually, is_complete
from tests.integration.operator.operator_process import OperatorProcess
from tests.integration.operator.proxy import proxy
from tests.integration.operator.renders import film_message, plan_message, render_job, target

CHUNKS = 12


@dataclass
class Pretender:
    """A worker that takes its time and renders nothing. It keeps count of the chunks that it was asked for.

    frozen: how many of the first ones it does not answer until the end.
    """

    seconds: float = 0.5
    asked: list[int] = field(default_factory=list)
    stages: list[str] = field(default_factory=list)
    frozen: int = 0
    thaw: threading.Event = field(default_factory=threading.Event)

    def __call__(self, payload: bytes) -> dict[str, Any]:
        given = json.loads(payload)
        self.stages.append(given["stage"])
        if given["stage"] == "chunk":
            self.asked.append(given["chunkIndex"])
            if len(self.asked) <= self.frozen:
                self.thaw.wait(600)
        time.sleep(self.seconds)  # the work itself
        namespace = given["jobPath"].split("/")[3]
        said = {"plan": plan_message(CHUNKS, namespace), "stitch": film_message(CHUNKS)}.get(
            given["stage"], '{"exitCode": 0}'
        )
        return {"exitCode": 0, "result": json.loads(said)}


@dataclass
class Containers:
    """Starts the containers of a Cloud Run job: each takes its time, and ends when it is told to."""

    started: list[subprocess.Popen[bytes]] = field(default_factory=list)
    seconds: str = "3"

    def __call__(self, arguments: list[str]) -> subprocess.Popen[bytes]:
        self.started.append(subprocess.Popen(["sleep", self.seconds]))
        return self.started[-1]

    def end(self) -> None:
        """Ends what still runs."""
        for each in self.started:
            each.kill()
            each.wait()


@dataclass
class World:
    """An operator for one namespace, its targets and its clouds."""

    api: Api
    where: str
    operator: OperatorProcess
    aws: LambdaServer
    google: CloudRunServer
    worker: Pretender
    containers: Containers

    async def target(self, name: str, **spec: Any) -> str:
        """Makes a RenderTarget of a name of this namespace's."""
        body = {
            "apiVersion": "helios.video/v1alpha1",
            "kind": "RenderTarget",
            "metadata": {"name": f"{self.where}-{name}"},
            "spec": {"allowedStores": ["s3://fake/"], **spec},
        }
        await self.api.create(f"{RENDER}/rendertargets", body)
        return f"{self.where}-{name}"

    async def function(self, **spec: Any) -> str:
        """Makes a Lambda function and the target for it."""
        self.aws.create_function(self.where)
        return await self.target("lambda", **{"lambda": {"functionName": self.where, "region": REGION}, **spec})

    async def service(self, **spec: Any) -> str:
        """Makes a Cloud Run service and the target for it."""
        container = {"image": "worker", "resources": {"limits": {"memory": "2Gi"}}}
        return await self._cloud_run("service", {"containers": [container]}, spec)

    async def job(self, **spec: Any) -> str:
        """Makes a Cloud Run job and the target for it."""
        return await self._cloud_run("job", {"template": {"containers": [{"image": "worker"}]}}, spec)

    async def _cloud_run(self, kind: str, template: Object, spec: Object) -> str:
        headers, body = {"authorization": "Bearer test"}, json.dumps({"template": template}).encode()
        answer = self.google.handle(Request("POST", f"/v2/{PARENT}/{kind}s", f"{kind}Id=worker", headers, body))
        assert answer.status == 200, answer.body
        run = {kind: "worker", "region": GOOGLE_REGION, "project": GOOGLE_PROJECT}
        return await self.target(kind, **{"cloudRun": run, **spec})

    async def apply(self, *targets: str, composition: Object | None = None, **execution: Any) -> None:
        """Makes the RenderJob `film`."""
        body = render_job("film", self.where, **execution)
        body["spec"]["execution"]["targets"] = [{"name": name} for name in targets]
        body["spec"] |= {"composition": composition} if composition else {}
        await self.api.create(f"{RENDER}/namespaces/{self.where}/renderjobs", body)

    async def change(self, **spec: Any) -> None:
        """Changes fields of the RenderJob's spec."""
        await self.api.merge(f"{RENDER}/namespaces/{self.where}/renderjobs/film", {"spec": spec})

    async def comes(self, is_so: Callable[[], bool], what: str) -> None:
        """Waits for something in the clouds."""

        async def look() -> bool:
            return is_so()

        await eventually(look, what, asked=lambda: (len(self.worker.asked), len(self.containers.started)))

    async def until(self, is_so: Callable[[Object], bool], what: str) -> Object:
        """The status, once it is so."""
        found: Object = (await self.api.until(self.where, "film", is_so, what))["status"]
        return found

    async def ends_well(self) -> dict[str, Object]:
        """Waits for the film. Returns what the status says of each target."""
        status = await self.until(is_complete, "the film")
        assert status["chunkMap"] == "#" * CHUNKS
        told = {each["name"].removeprefix(f"{self.where}-"): each for each in status["targets"]}
        assert sum(each["done"] for each in told.values()) == CHUNKS, told
        log = self.operator.log.read_text()
        assert "Traceback" not in log, log[-4000:]
        return told


@asynccontextmanager
async def a_world(where: str, plane: ControlPlane, api: Api, folder: Path) -> AsyncIterator[World]:
    """A namespace of its own, with everything in it."""
    await api.namespace(where)
    await api.create(f"{RENDER}/rendertargets", target(where, CHUNKS, run="1s"))
    worker = Pretender()
    (folder / where).mkdir()
    containers = Containers()
    with LambdaServer(worker, alone=False) as aws, CloudRunServer(worker, containers) as google:
        env = {**aws.environment, **google.environment(folder / where)}
        async with proxy(plane) as way, OperatorProcess(folder / where, way.url, where, env=env) as operator:
            try:
                yield World(api, where, operator, aws, google, worker, containers)
            finally:
                worker.thaw.set()
                containers.end()
