"""Exact capture: a browser whose every frame shows the page at exactly t = n / fps.

    from helios_worker.capture import Browser, Page

`cdp` speaks to the browser, `browser` starts and ends it, `clock/` is the virtual clock injected into every
realm, `page` drives one page from frame to frame, `site` serves the composition's snapshot to it, and `lanes`
spreads a chunk over several browsers.
"""

from helios_worker.capture.browser import Browser, BrowserMissing, find_browser
from helios_worker.capture.cdp import BrowserGone
from helios_worker.capture.page import Declared, FrameNeverReady, Page, PageError, PageSettings, instant_ms

__all__ = [
    "Browser",
    "BrowserGone",
    "BrowserMissing",
    "Declared",
    "FrameNeverReady",
    "Page",
    "PageError",
    "PageSettings",
    "find_browser",
    "instant_ms",
]
