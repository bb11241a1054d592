"""An API server in memory, as far as the controller speaks to it: objects by path, versions, conflicts.

It stands where a real one would make a test of single writes slow and its faults hard to place; tests/e2e has one.
"""

import asyncio
import copy
from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from helios_crds.base import API_VERSION
from helios_operator.control.controller import Controller
from helios_operator.kube import paths
from helios_operator.kube.client import ApiError, Object
from helios_operator.model.config import Config
from helios_operator.offload.connections import Connections
from tests.unit.operator.builders import NOW, UID


class ApiServer:
    """calls: every write as (verb, path, body). refuse: may raise for a call."""

    def __init__(self) -> None:
        self.objects: dict[str, Object] = {}
        self.calls: list[tuple[str, str, Object]] = []
        self.refuse: Callable[[str, str], None] = lambda verb, path: None
        self.now = NOW
        self._version = 0

    def put(self, path: str, body: Object) -> Object:
        """Somebody else writes an object."""
        self._version += 1
        body = copy.deepcopy(body)
        body["metadata"] = {"uid": f"uid-{self._version}", **body["metadata"], "resourceVersion": str(self._version)}
        body["metadata"].setdefault("creationTimestamp", "2026-01-01T12:00:00Z")
        self.objects[path] = body
        return copy.deepcopy(body)

    def written(self, verb: str, part: str) -> list[Object]:
        """Bodies of writes to paths that have this part."""
        return [body for found, path, body in self.calls if found == verb and part in path]

    async def create(self, path: str, body: Object) -> Object:
        self._call("create", path, body)
        meta = body["metadata"]
        name = meta.get("name") or f"{meta['generateName']}{self._version}"
        if f"{path}/{name}" in self.objects:
            raise ApiError(409, "AlreadyExists", name)
        return self.put(f"{path}/{name}", {**body, "metadata": {**meta, "name": name}})

    async def get(self, path: str) -> Object:
        self._call("get", path, {})
        return copy.deepcopy(self._found(path))

    async def patch(self, path: str, body: Object) -> Object:
        self._call("patch", path, body)
        path = path.removesuffix("/status")
        found = self._found(path)
        version = body.get("metadata", {}).get("resourceVersion", found["metadata"]["resourceVersion"])
        if version != found["metadata"]["resourceVersion"]:
            raise ApiError(409, "Conflict", path)
        return self.put(path, {**found, **{key: value for key, value in body.items() if key != "metadata"}})

    async def delete(self, path: str, uid: str) -> None:
        self._call("delete", path, {})
        self.objects.pop(path, None)

    def _call(self, verb: str, path: str, body: Object) -> None:
        self.calls.append((verb, path, copy.deepcopy(body)))
        self.refuse(verb, path)

    def _found(self, path: str) -> Object:
        if path not in self.objects:
            raise ApiError(404, "NotFound", path)
        return self.objects[path]


class Operator:
    """A controller at its server; what changes in the server is told to it at once."""

    def __init__(self, server: ApiServer, config: Config | None = None, connections: Connections | None = None) -> None:
        self.server = server
        self.controller = Controller(server, config or Config(), connections)  # type: ignore[arg-type]
        self._looks: Counter[str] = Counter()
        self._answer, self._done = self.controller.queue.take_request, self.controller.queue.done
        self._answered: set[str] = set()
        self.controller.queue.take_request = self._note_answer  # type: ignore[method-assign]
        self.controller.queue.done = self._note_done  # type: ignore[method-assign]

    def apply(self, name: str = "teaser", *, uid: str = UID, status: Any = None, **spec: Any) -> str:
        """A RenderJob, new or changed. Returns its path."""
        path = f"{paths.render_jobs('films')}/{name}"
        before = self.server.objects.get(path, {})
        meta = {"name": name, "namespace": "films", "uid": uid}
        generation = before.get("metadata", {}).get("generation", 0) + 1
        body = {
            "apiVersion": API_VERSION,
            "kind": "RenderJob",
            "metadata": {**meta, "generation": generation},
            "spec": {"composition": {"inline": "<p>"}, **spec},
            "status": status or before.get("status") or {},
        }
        self.controller.put_render_job(self.server.put(path, body))
        return path

    async def until(self, condition: Callable[[], Any], what: str) -> None:
        """Waits until something holds while the controller works."""
        for _ in range(3000):  # 30 s: the machine may be busy
            if condition():
                return
            await asyncio.sleep(0.01)
        raise AssertionError(f"not seen: {what}")

    async def looks(self, *uids: str) -> None:
        """Has the controller look at RenderJobs, and waits until it has: what it would have done of it is done."""
        for uid in uids or (UID,):
            for _ in range(2):  # the first may have been under way already
                before = self._looks[uid]
                self.controller.queue.add(uid)
                await self.until(partial(self._has_had_more, uid, before), f"a look at {uid}")

    def _has_had_more(self, uid: str, looks: int) -> bool:
        return self._looks[uid] > looks

    def _note_answer(self, key: str) -> float | None:
        self._answered.add(key)
        return self._answer(key)

    def _note_done(self, key: str) -> None:
        """One that came too early has answered nothing, and comes again."""
        self._looks[key] += key in self._answered
        self._answered.discard(key)
        self._done(key)

    async def works(self, during: Callable[[], Awaitable[None]]) -> None:
        """Runs the controller while something goes on."""
        running = asyncio.create_task(self.controller.run())
        try:
            await during()
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


def condition(body: Object, kind: str) -> tuple[str, str]:
    """Status and reason of a condition; empty where there is none."""
    found = (body.get("status") or {}).get("conditions") or ()
    return next(((item["status"], item["reason"]) for item in found if item["type"] == kind), ("", ""))
