#!/usr/bin/env python3
"""Shows through which modules the controller takes a RenderJob, and reconcile: `scripts/walk.py [--json] [--news]`.

The scenario is fixed: a RenderJob whose plan is known, with three chunks and two targets, this cluster and a function.
It is on record that one chunk is done and that another has failed once; the third waits for its pod. The operator
starts anew: it knows what the API server has, and invokes the function for the chunk that failed, whose back-off is
over. With --news it is the reconcile before that one: it hears of the first chunk's success and of the second one's
failure, puts both on record, creates the Job of the third chunk and invokes the function. The API server is a dict, and
the function never answers.

What is counted, from the controller's reconcile of this RenderJob to its end, and over the same call of the function
`reconcile` by itself:

- A module is one file of our packages (OURS). Whatever has its globals is its code: lambdas, comprehensions,
  properties, and the methods that `dataclass` makes. Frames of others in between do not matter.
- A frame begins, or resumes, with a call. One of a module of MODEL is a leaf, and left out with what it calls, unless
  a module of ours that is not of MODEL is entered meanwhile.
- The walk is the list of modules in the order entered, over all threads and tasks, repeats in a row as one. modules:
  the different ones in it. returns: how often it enters one in which it was before.

There are three walks, by what enters a module; the first gives the headline:

- crossing: a call from another module, or from nobody of ours.
- call: any call, that from the module itself too, which may have called others since.
- back: any call, and the end of one, which leads back into the module of the nearest frame of ours.

calls: how often one module calls another, leaves left out. All was done once before, so that late imports do not count.
"""

import argparse
import asyncio
import copy
import json
import sys
import threading
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import groupby
from types import FrameType
from typing import Any
from unittest import mock

import structlog

# --- what depends on the layout: names of modules, and how the controller is made, told and run ----------------------
from helios_adapters.base import Deployment
from helios_crds.backoff import Backoff
from helios_operator.control import controller as control
from helios_operator.kube import paths
from helios_operator.model.config import Config, Store
from helios_operator.offload.connections import Connections

OURS = ("helios_crds", "helios_operator", "helios_adapters", "heliosctl", "helios_worker")
MODEL = ("helios_crds", "helios_operator.model")
RENDER_JOBS, JOBS, TARGETS = paths.render_jobs("films"), paths.jobs("films"), paths.TARGETS
CALLER_OF_RECONCILE = control  # the module in which the controller finds it


def controller_at(server: "ApiServer") -> control.Controller:
    """A controller that has heard of everything that the API server has."""
    config = Config(store=Store(url=STORE, claim=""), backoff=Backoff(base=0))
    controller = control.Controller(server, config, Connections(connect))
    children = controller.children
    told = {TARGETS: controller.put_target, JOBS: children.put_job, PODS: children.put_pod}
    for place, tell in {**told, RENDER_JOBS: controller.put_render_job}.items():
        for body in server.all_in(place):
            tell(body)
    return controller


async def connect(_: object) -> tuple[Any, Deployment]:
    """A function, which does not answer, and what it is found to be."""
    return mock.Mock(invoke=lambda _: asyncio.Event().wait()), Deployment("function", 100)


async def one_reconcile(controller: control.Controller) -> None:
    """From the reconcile's entry to its end."""
    await controller._reconcile(UID)


# --- the scenario ----------------------------------------------------------------------------------------------------
Object = dict[str, Any]
STORE, PLAN, UID, PODS = "s3://films/", "ab" * 10, "0a1b2c3d-0000-4000-8000-000000000000", "pods"
FUNCTION: Object = {"lambda": {"functionName": "helios", "region": "eu-west-1"}}
EXECUTION: Object = {"parallelism": 2, "targets": [{"name": "kubernetes"}, {"name": "function"}]}
RENDER_JOB: Object = {
    "metadata": {"name": "teaser", "namespace": "films", "uid": UID, "generation": 1},
    "spec": {"composition": {"inline": "<p>"}, "artifacts": {"url": STORE}, "execution": EXECUTION},
    "status": {
        "plan": {"jobPath": f"{STORE}jobs/{PLAN}/job.json", "jobId": PLAN, "frames": 180, "chunks": 3},
        "chunks": {"total": 3},
        "chunkMap": "...",
        "startTime": "2026-01-01T11:59:00Z",
    },
}


class ApiServer:
    """The API server, with what a reconcile asks of the operator's client. It refuses nothing."""

    def __init__(self, objects: dict[str, Object]) -> None:
        self.objects = dict(objects)
        self.now = datetime(2026, 1, 1, 12, tzinfo=UTC)

    def put(self, path: str, body: Object) -> Object:
        """Takes an object as it is now."""
        version = int(self.objects.get(path, {}).get("metadata", {}).get("resourceVersion", 0)) + 1
        meta = {"uid": path, "creationTimestamp": "2026-01-01T12:00:00Z", **body["metadata"]}
        self.objects[path] = copy.deepcopy({**body, "metadata": {**meta, "resourceVersion": str(version)}})
        return copy.deepcopy(self.objects[path])

    def all_in(self, place: str) -> list[Object]:
        """Objects of a collection."""
        return [copy.deepcopy(body) for path, body in self.objects.items() if path.rpartition("/")[0] == place]

    async def create(self, path: str, body: Object) -> Object:
        """Creates an object in a collection."""
        return self.put(f"{path}/{body['metadata']['name']}", body)

    async def patch(self, path: str, body: Object) -> Object:
        """Writes a status."""
        path = path.removesuffix("/status")
        return self.put(path, {**self.objects[path], "status": body["status"]})


async def scenario() -> ApiServer:
    """What there is when it begins: an earlier reconcile has started two chunks, which have come to an end."""
    server = ApiServer({})
    server.put(f"{TARGETS}/function", {"metadata": {"name": "function"}, "spec": FUNCTION})
    server.put(f"{RENDER_JOBS}/teaser", RENDER_JOB)
    await one_reconcile(controller_at(server))
    for job, how, code in zip(server.all_in(JOBS), ("Complete", "Failed"), (0, 1), strict=True):
        name = job["metadata"]["name"]
        server.put(f"{JOBS}/{name}", {**job, "status": {"conditions": [{"type": how, "status": "True"}]}})
        owner = {"kind": "Job", "uid": job["metadata"]["uid"], "controller": True}
        meta = {"name": name, "namespace": "films", "ownerReferences": [owner]}
        ended = {"exitCode": code, "finishedAt": "2026-01-01T12:00:00Z", "message": '{"message": "bad luck"}' * code}
        container = {"name": "worker", "state": {"terminated": ended}}
        status = {"phase": "Failed" if code else "Succeeded", "containerStatuses": [container]}
        server.put(f"{PODS}/{name}", {"metadata": meta, "status": status})
    return server


# --- the walk --------------------------------------------------------------------------------------------------------
KINDS = {"crossing": {"crossing"}, "call": {"crossing", "call"}, "back": {"crossing", "call", "back"}}


class Trace:
    """A profile function, and what it has seen."""

    def __init__(self) -> None:
        self._entered: list[tuple[str, str]] = []
        self._calls: Counter[tuple[str, str]] = Counter()
        # Of each thread, the modules of its frames, and whether these are no leaves, as far as is known.
        self._stacks: defaultdict[int, list[tuple[str, bool]]] = defaultdict(list)

    def __call__(self, frame: FrameType, event: str, _: object) -> None:
        """Takes an event of any thread."""
        module = frame.f_globals.get("__name__") or ""
        if event not in ("call", "return") or not is_within(module, OURS):
            return
        stack = self._stacks[threading.get_ident()]
        if event == "call":
            stack.append((module, False))
            if not is_within(module, MODEL):
                self._count(stack)
        elif stack.pop()[1] and stack:
            self._entered.append((stack[-1][0], "back"))

    def _count(self, stack: list[tuple[str, bool]]) -> None:
        for place, (module, is_counted) in enumerate(stack):
            if not is_counted:
                stack[place] = module, True
                caller = stack[place - 1][0] if place else ""
                self._entered.append((module, "call" if caller == module else "crossing"))
                if caller not in ("", module):
                    self._calls[caller, module] += 1

    def result(self) -> Object:
        """The figures, the walks and the calls."""
        walks = {
            name: [module for module, _ in groupby(module for module, kind in self._entered if kind in kinds)]
            for name, kinds in KINDS.items()
        }
        modules = len(set(walks["crossing"]))
        returns = {name: len(walk) - modules for name, walk in walks.items()}
        calls = {f"{caller} -> {module}": times for (caller, module), times in self._calls.most_common()}
        return {"modules": modules, "returns": returns, "walks": walks, "calls": calls}


def is_within(module: str, names: tuple[str, ...]) -> bool:
    """Whether a module is one of those named, or lies in one."""
    return any(module == name or module.startswith(f"{name}.") for name in names)


@contextmanager
def traced() -> Iterator[Trace]:
    """Follows whatever is done meanwhile."""
    trace = Trace()
    threading.setprofile(trace)
    sys.setprofile(trace)
    try:
        yield trace
    finally:
        sys.setprofile(None)
        threading.setprofile(None)


async def measure(*, news: bool) -> dict[str, Object]:
    """The figures of both, once all has been done untraced."""
    server = await scenario()
    if not news:
        await one_reconcile(controller_at(server))
    reconcile = CALLER_OF_RECONCILE.reconcile
    with mock.patch.object(CALLER_OF_RECONCILE, "reconcile", wraps=reconcile) as called:
        await one_reconcile(controller_at(ApiServer(server.objects)))
    controller = controller_at(server)
    with traced() as whole:
        await one_reconcile(controller)
    with traced() as inner:
        reconcile(*called.call_args.args, **called.call_args.kwargs)
    chunks = server.objects[f"{RENDER_JOBS}/teaser"]["status"]["chunkMap"]
    assert (chunks, len(server.all_in(JOBS))) == ("#aa", 3), "one is done, and two are at work, one of them as a Job"
    return {"controller": whole.result(), "reconcile": inner.result()}


def main() -> None:
    """Prints what was found."""
    parser = argparse.ArgumentParser(description="Through which modules a RenderJob goes.")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--news", action="store_true", help="follow the reconcile that hears of success and failure")
    options = parser.parse_args()
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    found = asyncio.run(measure(news=options.news))
    if options.json:
        print(json.dumps(found, indent=2))
        return
    for name, told in found.items():
        crossing, call, back = told["returns"].values()
        print(f"{name}: {told['modules']} modules, {crossing} returns ({call} by call, {back} by back)")
        print("  walk:", *told["walks"]["crossing"], sep="\n    ")
        print("  calls:", *(f"{times} {pair}" for pair, times in told["calls"].items()), sep="\n    ")


if __name__ == "__main__":
    main()
