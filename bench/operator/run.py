"""What the operator costs: renders by the thousand, one of ten thousand chunks, and a start with all of it in place.

    PYTHONPATH=. .venv/bin/python bench/operator/run.py many --renders 1000 --chunks 10
    PYTHONPATH=. .venv/bin/python bench/operator/run.py many --renders 1 --chunks 10000 --parallelism 500
    PYTHONPATH=. .venv/bin/python bench/operator/run.py known --chunks 100000

A real API server, controllers and scheduler, over workers that only pretend (tests/cluster/control_plane.py). `many`
runs the same Jobs twice, each on a control plane of its own: by a bare loop with the operator's client, then by the
operator. With `--only restart` the operator is killed when half of the chunks are started, and started again.
"""

import argparse
import asyncio
import json
import os
import re
import tempfile
import time
import urllib.request
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.operator.bare import bare
from bench.operator.known import known
from tests.cluster.control_plane import API_SERVER, CONTROLLER_MANAGER, ETCD, KWOK, SCHEDULER, ControlPlane
from tests.integration.operator.api import RENDER, Api, connected
from tests.integration.operator.operator_process import OperatorProcess
from tests.integration.operator.renders import render_job, target

PARTS = (ETCD, API_SERVER, CONTROLLER_MANAGER, SCHEDULER, KWOK)
CRDS = Path(__file__).parents[2] / "crds"
METRICS = 9464
NAMESPACES = 10
TICKS = os.sysconf("SC_CLK_TCK")


def cpu(pid: int) -> float:
    """Seconds of processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def peak(pid: int) -> float:
    """The most memory that a process had, in MiB."""
    found = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) / 1024 if found else 0.0


def scrape() -> dict[str, float]:
    """The operator's metrics."""
    with urllib.request.urlopen(f"http://127.0.0.1:{METRICS}/metrics", timeout=30) as answer:
        lines = answer.read().decode().splitlines()
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))}


async def until(is_so: Callable[[], bool]) -> None:
    """Looks every 20 ms."""
    while not is_so():  # noqa: ASYNC110 - of another process
        await asyncio.sleep(0.02)


def answers() -> bool:
    """Whether the operator is there."""
    try:
        return bool(scrape())
    except OSError:
        return False


def quantile(metrics: dict[str, float], name: str, part: float) -> str:
    """Upper bound of the bucket in which a quantile lies."""
    buckets = {
        float(found[1]): count
        for key, count in metrics.items()
        if (found := re.match(rf'{name}_bucket{{le="(.*)"}}', key))
    }
    total = max(buckets.values(), default=0)
    return f"<= {min((bound for bound, count in buckets.items() if count >= part * total), default=0):g} s"


def manifests(options: argparse.Namespace) -> list[dict[str, Any]]:
    """The RenderJobs, spread over a few namespaces."""
    found = []
    for number in range(options.renders):
        made = render_job(f"film-{number:04d}", "fake", parallelism=options.parallelism)
        namespace = f"bench-{number % NAMESPACES}"
        made["spec"]["composition"] = {"url": f"s3://fake/{namespace}/page/"}
        made["metadata"] |= {"namespace": namespace, "uid": str(uuid.UUID(int=number + 1 << 96))}
        found.append(made)
    return found


async def prepare(plane: ControlPlane, api: Api, options: argparse.Namespace) -> dict[str, Any]:
    """The API, namespaces and the target of fake workers."""
    plane.kubectl("apply", "--server-side", "-f", str(CRDS))
    plane.kubectl("wait", "--for=condition=Established", "crd", "--all")
    for number in range(NAMESPACES):
        await api.namespace(f"bench-{number}")
    made = target("fake", options.chunks, run=options.run, max_concurrent=100_000)
    await api.create(f"{RENDER}/rendertargets", made)
    return made


def counts() -> tuple[int, int]:
    """RenderJobs that are complete and chunks that were started, by the operator's own metrics: that costs little."""
    found = scrape()
    assert not found.get('helios_render_jobs{phase="Failed"}'), "a render failed"
    started = found.get('helios_attempts_started_total{stage="chunk",target="fake"}', 0)
    return int(found.get('helios_render_jobs{phase="Complete"}', 0)), int(started)


async def run_bare(options: argparse.Namespace, folder: Path) -> float:
    """Wall seconds of the bare loop."""
    with ControlPlane(folder / "bare") as plane:
        async with connected(plane) as api:
            made = await prepare(plane, api, options)
            before = sum(cpu(plane.pid(part)) for part in PARTS)
            began, own = time.monotonic(), time.process_time()
            await bare(plane.kubeconfig, manifests(options), made, options.chunks)
            took = time.monotonic() - began
            used = sum(cpu(plane.pid(part)) for part in PARTS) - before
            print(
                f"bare loop: {took:.1f} s wall, its CPU {time.process_time() - own:.1f} s, control plane's {used:.1f} s"
            )
            return took


async def run_operator(options: argparse.Namespace, folder: Path, *, restart: bool) -> float:
    """Wall seconds of the operator, from the first RenderJob to the last film."""
    with ControlPlane(folder / ("restarted" if restart else "operator")) as plane:
        async with connected(plane) as api:
            await prepare(plane, api, options)
            operator = OperatorProcess(
                folder / "process", plane.server, "", f"--metrics-port={METRICS}", "--log-format=text"
            )
            operator.use(plane.kubeconfig)
            async with operator:
                await until(answers)
                before = sum(cpu(plane.pid(part)) for part in PARTS)
                began = time.monotonic()
                create = [
                    api.create(f"{RENDER}/namespaces/{made['metadata']['namespace']}/renderjobs", made)
                    for made in manifests(options)
                ]
                for first in range(0, len(create), 50):
                    await asyncio.gather(*create[first : first + 50])
                while (found := counts())[0] < options.renders:
                    if restart and found[1] > options.renders * options.chunks / 2:
                        await restarted(operator)
                        return 0.0
                    await asyncio.sleep(1)
                took = time.monotonic() - began
                used = sum(cpu(plane.pid(part)) for part in PARTS) - before
                await report(api, operator, options, took, used)
                return took


async def restarted(operator: OperatorProcess) -> None:
    """Kills the operator in the middle, starts another one, and says how long it is until its first action."""
    await operator.kill()
    said = operator.log.stat().st_size
    began = time.monotonic()
    await operator.start()
    await until(lambda: b"started" in operator.log.read_bytes()[said:])
    print(f"restart: {time.monotonic() - began:.1f} s from the process' start to its first Job")


async def report(api: Api, operator: OperatorProcess, options: argparse.Namespace, took: float, used: float) -> None:
    """Prints the figures of a run."""
    metrics = scrape()
    chunks = options.renders * options.chunks
    writes = {
        key: value
        for key, value in metrics.items()
        if (found := re.match(r'helios_api_requests_total{method="(\w+)",resource="(\w+)"}', key))
        and found[1] != "GET"
        and found[2] not in ("leases", "events")
    }
    jobs = sum(value for key, value in writes.items() if 'POST",resource="jobs"' in key)
    assert operator.process is not None
    print(f"operator: {took:.1f} s wall, control plane's CPU {used:.1f} s")
    print(f"  its CPU {cpu(operator.process.pid):.1f} s, peak {peak(operator.process.pid):.0f} MiB")
    print(f"  writes besides the Jobs' creation: {(sum(writes.values()) - jobs) / chunks:.3f} a chunk; {writes}")
    for name in ("helios_queue_latency_seconds", "helios_reconcile_duration_seconds"):
        middle, high = (quantile(metrics, name, part) for part in (0.5, 0.99))
        print(f"  {name}: p50 {middle}, p99 {high}, of {metrics[name + '_count']:.0f}")
    items = await api.items(f"{RENDER}/renderjobs")
    print(f"  status: at most {max(len(json.dumps(item['status'])) for item in items)} bytes")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    what = parser.add_subparsers(required=True, dest="what")
    many = what.add_parser("many")
    many.add_argument("--renders", type=int, default=1000)
    many.add_argument("--chunks", type=int, default=10)
    many.add_argument("--parallelism", type=int, default=16)
    many.add_argument("--run", default="1s", help="how long a fake worker works")
    many.add_argument("--only", choices=["bare", "operator", "restart"])
    cached = what.add_parser("known")
    cached.add_argument("--chunks", type=int, default=100_000)
    options = parser.parse_args()
    if options.what == "known":
        known(options.chunks)
        return
    with tempfile.TemporaryDirectory(prefix="helios-bench-") as folder:
        took = {}
        if options.only in (None, "bare"):
            took["bare"] = asyncio.run(run_bare(options, Path(folder)))
        if options.only in (None, "operator"):
            took["operator"] = asyncio.run(run_operator(options, Path(folder), restart=False))
        if options.only == "restart":
            asyncio.run(run_operator(options, Path(folder), restart=True))
        if len(took) == 2:
            print(f"operator over bare loop: {took['operator'] / took['bare']:.2f}")


if __name__ == "__main__":
    main()
