"""Exact capture: a browser whose every frame shows the page at exactly t = n / fps.

    from helios_worker.capture import Browser, Page

Start with `page`, which drives one page from frame to frame. It holds:

- `session`: commands to the page; `cdp` speaks to the browser, `process` starts and ends it.
- `clocks`: moves the virtual clocks, `clock/`, that are injected into every realm; `realms` knows which there are.
- `compositor`: has the browser draw.
- `network`, `console`: which requests are unanswered; what the page wrote and did wrong.
- `watchdog`: ends a step that takes too long and says what it waited for.

`seek_path` chooses the frames on the way to a frame, `browser_pool` keeps browsers warm, and `site` serves them the
composition's snapshot.
"""

from helios_worker.capture.devtools.cdp import BrowserGone
from helios_worker.capture.devtools.process import Browser, BrowserMissing, find_browser
from helios_worker.capture.faults import FrameNeverReady, PageError
from helios_worker.capture.page.page import Page
from helios_worker.capture.page.settings import Declared, PageSettings
from helios_worker.capture.playhead import instant_ms

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
