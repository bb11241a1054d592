"""The virtual clock: JavaScript that runs in every realm of a page before any script of the page's own.

The parts are one script, in the order of PARTS, and share one scope. Each says at its top what it is for. `make types`
checks them as one program (scripts/javascript/tsconfig.json).
"""

from functools import cache
from importlib.resources import files
from typing import Any

import orjson

from helios_worker.capture.playhead import START_MS

PARTS = (
    *("primordials", "native", "patching"),
    *("queue", "driver", "work", "steps", "kernel", "realm"),
    "absent",
    *("answers", "streams", "databases", "codecs"),
    *(
        "time",
        "dates",
        "performance",
        "machine",
        "timers",
        "frames",
        "images",
        "responses",
        "styled",
        "shown",
        "texts",
        "loads",
        "requests",
        "navigation",
        "random",
        "animations",
        "drawings",
        "timelines",
        "parts",
        "needs",
        "scrolls",
        "webgl",
        "limits",
    ),
    *("audio_clocks", "audio_played", "audio_graph", "audio_contexts", "audio_values", "audio_elements"),
    *("media_events", "media_sources", "players", "media_loading", "playback", "helios_sounds", "sounds"),
    *("media_api", "media_elements", "media_faults", "pictures", "media"),
    *("clips", "clip_sounds", "layout", "adapters", "composition_warnings", "hyperframes", "variables"),
    *("files", "beside", "scopes", "composition_scripts", "composition_fonts", "nested"),
    *("page", "moving_images", "carets"),
)
# 2026-01-01T00:00:00Z: what Date.now() says at frame 0.
EPOCH_MS = 1_767_225_600_000


def clock_script(
    *,
    secret: str,
    seed: int = 0,
    props: Any = None,
    wait_for: str = "",
    start_ms: float = START_MS,
    realm_name: str = "",
    hears: float = 0.0,
    hears_long: bool = False,
    looks_at_sound: bool = False,
) -> str:
    """The script for one realm. Its value is what the driver may call, for a worker; a window has a gate for that.

    secret: opens the gate of each window's clock to the clocks of its frames and to the driver. No page may learn it.
    seed: of Math.random and crypto.getRandomValues.
    props: JSON value handed to the page as window.__HELIOS_PROPS__; None leaves it unset.
    wait_for: CSS selector of an element that the page itself must have before frame 0; "" for none.
    start_ms: virtual time at which the realm begins, later for a worker made later.
    realm_name: tells the random streams of a page's workers apart.
    hears: seconds of the film, if it notes what the page plays; 0 if not.
    hears_long, looks_at_sound: see PageSettings.
    """
    config = {
        "secret": secret,
        "seed": seed,
        "startMs": start_ms,
        "stepMs": START_MS,
        "epochMs": EPOCH_MS,
        "realmName": realm_name,
        **({"waitFor": wait_for} if wait_for else {}),
        **({"hears": hears} if hears else {}),
        **({"hearsLong": True} if hears_long else {}),
        **({"looksAtSound": True} if looks_at_sound else {}),
        **({} if props is None else {"props": props}),
    }
    # The browser runs it again in a window that goes on with another document.
    once = "if (typeof __heliosClock === 'function') return;"
    return (
        f'(() => {{\n"use strict";\n{once}\nconst config = {orjson.dumps(config).decode()};\n{_source()}\n'
        "return kernel.commands;\n})();"
    )


@cache
def _source() -> str:
    folder = files(__package__)
    return "\n".join((folder / f"{part}.js").read_text(encoding="utf-8") for part in PARTS)
