"""A browser in this process, for a command that takes a few pictures of a page."""

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from helios_worker.capture.browser_pool import BrowserPool
from helios_worker.errors import HeliosError
from helios_worker.network.addresses import AddressRule
from helios_worker.network.origin_headers import NO_HEADERS, OriginHeaders
from helios_worker.workspace import Workspace


@asynccontextmanager
async def browsers_here(headers: OriginHeaders = NO_HEADERS) -> AsyncIterator[BrowserPool]:
    """One browser in this process, which starts while the command imports and checks the rest.

    headers: what the page's server is sent in addition.
    """
    workspace = Workspace(Path(tempfile.gettempdir()))
    rule = AddressRule.from_environment(loopback=True)
    browsers = BrowserPool(workspace.path, lanes=1, rule=rule, headers=headers)
    try:
        with suppress(HeliosError):  # said when the browser is needed
            browsers.launch(0)
        yield browsers
    finally:
        await browsers.stop()
        workspace.close()
