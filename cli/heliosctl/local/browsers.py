"""A browser in this process, for a command that takes a few pictures of a page."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from helios_worker.capture.browser_pool import BrowserPool
from helios_worker.network.origin_headers import NO_HEADERS, OriginHeaders
from heliosctl.local import early


@asynccontextmanager
async def browsers_here(headers: OriginHeaders = NO_HEADERS) -> AsyncIterator[BrowserPool]:
    """One browser in this process, which starts while the command imports and checks the rest.

    headers: what the page's server is sent in addition.
    """
    workspace, browsers = early.take_browsers()
    browsers.headers = headers
    try:
        yield browsers
    finally:
        await browsers.stop()
        workspace.close()
