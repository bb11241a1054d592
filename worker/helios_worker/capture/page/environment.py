"""The environment that every page sees, wherever it renders: the same screen, locale and machine."""

from helios_worker.capture.clock import clock_script
from helios_worker.capture.devtools.cdp import Message
from helios_worker.capture.page.realms import AUTO_ATTACH
from helios_worker.capture.page.settings import PageSettings

MEDIA_FEATURES = [
    {"name": "prefers-reduced-motion", "value": "no-preference"},
    {"name": "prefers-color-scheme", "value": "light"},
    {"name": "hover", "value": "none"},
    {"name": "pointer", "value": "none"},
]
# Bindings through which a clock calls the driver.
JOIN = "__heliosJoin"
WARN = "__heliosWarn"


def opening_commands(settings: PageSettings, secret: str) -> list[tuple[str, Message]]:
    """Commands for a blank page before it navigates: they enable events, and install the clock before any script.

    secret: of the page's clock.
    """
    script = clock_script(secret=secret, seed=settings.seed, props=settings.props)
    metrics = {"width": settings.width, "height": settings.height, "deviceScaleFactor": 1, "mobile": False}
    metrics |= {"screenWidth": settings.width, "screenHeight": settings.height}
    return [
        ("Page.enable", {}),
        ("Runtime.enable", {}),
        ("Network.enable", {"maxTotalBufferSize": 0, "maxResourceBufferSize": 0}),
        ("Log.enable", {}),
        ("Debugger.enable", {}),
        ("Animation.enable", {}),
        ("Animation.setPlaybackRate", {"playbackRate": 0}),
        ("Runtime.addBinding", {"name": JOIN}),
        ("Runtime.addBinding", {"name": WARN}),
        ("Page.addScriptToEvaluateOnNewDocument", {"source": script}),
        ("Emulation.setDeviceMetricsOverride", metrics),
        ("Emulation.setEmulatedMedia", {"features": MEDIA_FEATURES}),
        ("Emulation.setTimezoneOverride", {"timezoneId": "UTC"}),
        ("Emulation.setLocaleOverride", {"locale": "en-US"}),
        ("Emulation.setHardwareConcurrencyOverride", {"hardwareConcurrency": 4}),
        ("Target.setAutoAttach", AUTO_ATTACH),
    ]
