"""Exact capture: a browser whose every frame shows the page at exactly t = n / fps.

Start with `page/page.py`, which drives one page from frame to frame. It uses:

- `devtools/session`: sends commands to the page. `cdp` is the protocol, `process` starts and ends the browser.
- `page/clocks`: moves the virtual clocks (`clock/`) that are injected into every realm. `realms` keeps track of realms.
- `devtools/compositor`: has the browser draw.
- `page/network`, `page/console`: which requests are unanswered, what the page logged, and its errors.
- `page/watchdog`: ends a step that takes too long and says what the page waited for.

`page/seek_path` chooses the frames to pass on the way to a frame. `browser_pool` keeps browsers warm. `content` serves
them the composition's snapshot and the recorded network.
"""
