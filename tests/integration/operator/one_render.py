"""A RenderJob in a namespace of its own, with its own operator and the operator's own way to the API server."""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from tests.cluster.control_plane import ControlPlane
from tests.integration.operator.api import RENDER, Api, Object, is_complete
from tests.integration.operator.operator_process import OperatorProcess
from tests.integration.operator.proxy import Proxy, proxy
from tests.integration.operator.renders import render_job, target

CHUNKS = 6
PLAIN = {"plan-a1": 1, **{f"c0000{index}-a1": 1 for index in range(CHUNKS)}, "stitch-a1": 1}


@dataclass
class Render:
    """A RenderJob `film` and what is around it."""

    api: Api
    where: str
    way: Proxy
    operator: OperatorProcess

    @property
    def path(self) -> str:
        """Of the RenderJob."""
        return f"{RENDER}/namespaces/{self.where}/renderjobs/film"

    async def apply(self, name: str = "film", **execution: Any) -> None:
        """Makes a RenderJob."""
        body = render_job(name, self.where, **execution)
        await self.api.create(f"{RENDER}/namespaces/{self.where}/renderjobs", body)

    async def until(self, is_so: Callable[[Object], bool], what: str, name: str = "film") -> Object:
        """The RenderJob's status, once it is so."""
        return (await self.api.until(self.where, name, is_so, what))["status"]  # type: ignore[no-any-return]

    async def rest(self) -> Object:
        """The status as it is."""
        return (await self.api.get(self.path))["status"]  # type: ignore[no-any-return]

    async def rendering(self) -> Object:
        """The status in mid-render."""
        return await self.until(lambda status: (status.get("chunks") or {}).get("active", 0) > 0, "the first chunks")

    async def ends_well(self, expected: Mapping[str, int] | None = None) -> None:
        """Waits for the film; every Job was made once, or as often as is expected."""
        status = await self.until(is_complete, "the film")
        assert (status["chunkMap"], status["failures"]) == ("#" * CHUNKS, 0), status
        assert status["retries"] == [], status
        assert await self.made() == (expected or PLAIN)
        self.is_well()

    async def made(self) -> Counter[str]:
        """Its Jobs, by the end of their names."""
        found = [job["metadata"]["name"] for job in await self.api.jobs(self.where)]
        return Counter(name.split("-", 2)[2] for name in found if name.startswith("film-"))

    def is_well(self) -> None:
        """The operator still runs, and took nothing for a mistake of its own."""
        said = self.operator.log.read_text()
        assert self.operator.process is not None
        assert self.operator.process.returncode is None, said[-3000:]
        assert "a reconcile failed" not in said, said[-6000:]


class Rendering(Protocol):
    """`rendering` on the control plane that the tests share."""

    def __call__(
        self, where: str, *, run: str = ..., told: Mapping[str, str] | None = ..., **process: Any
    ) -> AbstractAsyncContextManager[Render]: ...


@asynccontextmanager
async def rendering(
    plane: ControlPlane,
    api: Api,
    folder: Path,
    where: str,
    *,
    run: str = "1s",
    told: Mapping[str, str] | None = None,
    **process: Any,
) -> AsyncIterator[Render]:
    """A namespace, a target and an operator of one name. run: how long a chunk takes; told: what else."""
    await api.namespace(where)
    await api.create(f"{RENDER}/rendertargets", target(where, CHUNKS, told, run=run))
    async with proxy(plane, where) as way, OperatorProcess(folder / where, way.url, where, **process) as operator:
        yield Render(api, where, way, operator)
