"""Checks a page in this process, with one browser."""

from helios_crds.request import RenderRequest
from helios_worker.artifacts.store import ArtifactStore
from helios_worker.artifacts.urls import local_path
from helios_worker.capture.browser_pool import BrowserPool
from helios_worker.stages.check import CheckResult, check
from heliosctl.local.lock import planning


async def check_page(request: RenderRequest, store: ArtifactStore, browsers: BrowserPool) -> CheckResult:
    """What a check of a page finds."""
    root = local_path(store.url)
    async with planning(store):
        return await check(request, store, browsers, exclude=[root] if root is not None else [])
