"""What calls to functions cost the operator: a thousand chunks over 200 of them at once, and 200 that hang.

    PYTHONPATH=. .venv/bin/python bench/operator/offload.py

A real API server; Lambda is tests/clouds/lambda_server.py, whose functions sleep. The second part has as many calls
hang as there are places, and times the operator's passes over other RenderJobs, whose pods kwok plays, before and
meanwhile.
"""

import argparse
import asyncio
import json
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from bench.operator.run import CRDS, METRICS, answers, cpu, peak, scrape, until
from tests.clouds.lambda_server import REGION, LambdaServer
from tests.cluster.control_plane import ControlPlane
from tests.integration.operator.api import RENDER, Api, connected, is_complete
from tests.integration.operator.operator_process import OperatorProcess
from tests.integration.operator.renders import film_message, plan_message, render_job, target

WHERE = "bench"


class Function:
    """Sleeps in the place of rendering. hang: chunks are not answered until `thaw`."""

    def __init__(self, chunks: int, seconds: float) -> None:
        self.chunks, self.seconds = chunks, seconds
        self.hang = False
        self.thaw = threading.Event()

    def __call__(self, payload: bytes) -> dict[str, Any]:
        given = json.loads(payload)
        if given["stage"] == "chunk":
            if self.hang:
                self.thaw.wait(600)
            time.sleep(self.seconds)
        said = {"plan": plan_message(self.chunks), "stitch": film_message(self.chunks)}.get(given["stage"])
        return {"exitCode": 0, "result": json.loads(said) if said else {}}


async def apply(api: Api, name: str, target: str, **execution: Any) -> None:
    """Makes a RenderJob whose every stage may run in a function."""
    body = render_job(name, target, **execution)
    body["spec"]["composition"] = {"url": f"s3://fake/{WHERE}/page/"}
    await api.create(f"{RENDER}/namespaces/{WHERE}/renderjobs", body)


async def thousand(api: Api, aws: LambdaServer, operator: OperatorProcess, options: argparse.Namespace) -> None:
    """One render of many chunks."""
    pid = operator.process.pid if operator.process else 0
    began, used = time.monotonic(), cpu(pid)
    await apply(api, "film", "lambda", parallelism=options.slots)
    await api.until(WHERE, "film", is_complete, "the film", 600)
    took = time.monotonic() - began
    least = -(-options.chunks // options.slots) * options.seconds
    print(
        f"{options.chunks} chunks of {options.seconds:g} s over {options.slots} slots: {took:.1f} s, {least:g} at least"
    )
    print(f"  at most {aws.most_active} calls at once; operator: {cpu(pid) - used:.1f} s CPU, peak {peak(pid):.0f} MiB")


async def others(api: Api, prefix: str, count: int) -> tuple[float, float]:
    """Wall seconds of some small renders in pods, and the mean seconds of a reconcile meanwhile."""
    before, began = scrape(), time.monotonic()
    await asyncio.gather(*(apply(api, f"{prefix}-{number}", "pods", parallelism=6) for number in range(count)))
    for number in range(count):
        await api.until(WHERE, f"{prefix}-{number}", is_complete, "a film in pods", 300)
    took, after = time.monotonic() - began, scrape()
    times, seconds = (
        after[f"helios_reconcile_duration_seconds_{what}"] - before[f"helios_reconcile_duration_seconds_{what}"]
        for what in ("count", "sum")
    )
    return took, seconds / times


async def run(options: argparse.Namespace, folder: Path) -> None:
    function = Function(options.chunks, options.seconds)
    with ControlPlane(folder / "plane") as plane, LambdaServer(function, seconds=600) as aws:
        plane.kubectl("apply", "--server-side", "-f", str(CRDS))
        plane.kubectl("wait", "--for=condition=Established", "crd", "--all")
        aws.create_function("helios-worker", timeout=600)
        async with connected(plane) as api:
            await api.namespace(WHERE)
            spec = {"lambda": {"functionName": "helios-worker", "region": REGION}, "maxConcurrent": options.slots}
            made = {**target("lambda", 1), "spec": {**spec, "allowedStores": ["s3://fake/"]}}
            await api.create(f"{RENDER}/rendertargets", made)
            await api.create(f"{RENDER}/rendertargets", target("pods", 6))
            operator = OperatorProcess(
                folder / "process", plane.server, "", f"--metrics-port={METRICS}", env=aws.environment
            )
            operator.use(plane.kubeconfig)
            async with operator:
                await until(answers)
                await thousand(api, aws, operator, options)
                alone = await others(api, "alone", options.others)
                function.hang = True
                await apply(api, "hanging", "lambda", parallelism=options.slots)
                await until(lambda: aws.active >= options.slots)
                beside = await others(api, "beside", options.others)
                print(f"{options.others} renders in pods alone: {alone[0]:.1f} s, a pass {alone[1] * 1000:.1f} ms")
                print(f"  while {aws.active} calls hang: {beside[0]:.1f} s, a pass {beside[1] * 1000:.1f} ms")
                function.thaw.set()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chunks", type=int, default=1000)
    parser.add_argument("--slots", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=5, help="how long a function works on a chunk")
    parser.add_argument("--others", type=int, default=20)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="helios-bench-") as folder:
        asyncio.run(run(options, Path(folder)))


if __name__ == "__main__":
    main()
