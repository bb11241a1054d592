"""Checks a page in this process, with one browser."""

from helios_crds.request import RenderRequest
from helios_worker.artifacts.store import ArtifactStore
from helios_worker.artifacts.urls import local_path
from helios_worker.network.origin_headers import OriginHeaders
from helios_worker.stages.check import CheckResult, check
from heliosctl.local.lock import planning
from heliosctl.local.stills import browsers_here


async def check_page(request: RenderRequest, store: ArtifactStore, headers: OriginHeaders) -> CheckResult:
    """What a check of a page finds. headers: for the page's own server."""
    root = local_path(store.url)
    async with browsers_here(headers) as browsers, planning(store):
        return await check(request, store, browsers, exclude=[root] if root is not None else [])
