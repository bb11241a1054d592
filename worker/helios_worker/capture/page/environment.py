"""The environment that every page sees, wherever it renders: the same screen, locale and machine."""

import asyncio
import difflib
import json

from helios_crds.numbers import shown
from helios_crds.remedies import setting
from helios_crds.words import USUAL_LOCALE
from helios_worker.capture.clock import clock_script
from helios_worker.capture.devtools.cdp import CommandRefused, Message
from helios_worker.capture.devtools.session import Session
from helios_worker.capture.page.realms import AUTO_ATTACH
from helios_worker.capture.page.settings import PageSettings
from helios_worker.errors import UserError

# Bindings through which a clock calls the driver.
JOIN = "__heliosJoin"
WARN = "__heliosWarn"
TIME_ZONE = "Emulation.setTimezoneOverride"


def opening_commands(settings: PageSettings, secret: str) -> list[tuple[str, Message]]:
    """Commands for a blank page before it navigates: they enable events, and install the clock before any script.

    secret: of the page's clock.
    """
    script = clock_script(
        secret=secret,
        seed=settings.seed,
        props=settings.props,
        wait_for=settings.wait_for,
        hears=settings.hears,
        hears_long=settings.hears_long,
        looks_at_sound=settings.looks_at_sound,
    )
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
        ("Emulation.setEmulatedMedia", {"features": media_features(settings.color_scheme)}),
        (TIME_ZONE, {"timezoneId": settings.time_zone}),
        ("Emulation.setLocaleOverride", {"locale": settings.locale}),
        *language_commands(settings.locale),
        ("Emulation.setHardwareConcurrencyOverride", {"hardwareConcurrency": 4}),
        # On a busy machine a page's first scripts otherwise run before the browser has told it that it has the focus.
        ("Emulation.setFocusEmulationEnabled", {"enabled": True}),
        ("Target.setAutoAttach", AUTO_ATTACH),
    ]


def media_features(color_scheme: str) -> list[Message]:
    """What the page's media queries find."""
    return [
        {"name": "prefers-reduced-motion", "value": "no-preference"},
        {"name": "prefers-color-scheme", "value": color_scheme},
        {"name": "hover", "value": "none"},
        {"name": "pointer", "value": "none"},
    ]


def language_commands(locale: str) -> list[tuple[str, Message]]:
    """Commands for a page, and for each of its workers: navigator.languages, and what servers are told.

    The browser's own language is en-US. Any other one is followed by its language without a region.
    """
    if locale == USUAL_LOCALE:
        return []
    language = locale.partition("-")[0]
    languages = locale if language == locale else f"{locale},{language}"
    return [("Emulation.setUserAgentOverride", {"userAgent": "", "acceptLanguage": languages})]


async def open_environment(session: Session, settings: PageSettings, secret: str) -> None:
    """Sends a blank page its opening commands, and checks what only a browser can check of the settings.

    Raises:
        UserError: the browser does not know the time zone or the locale, or cannot read the selector.
    """
    commands = [_send(session, method, params, settings) for method, params in opening_commands(settings, secret)]
    await asyncio.gather(*commands, _check_locale(session, settings), _check_selector(session, settings))


async def _send(session: Session, method: str, params: Message, settings: PageSettings) -> None:
    try:
        await session.command(method, params)
    except CommandRefused:
        if method != TIME_ZONE:
            raise
        near = await _zones_near(session, settings.time_zone)
        instead = f"did you mean {near[0]}?" if near else "write it like Europe/Berlin or America/New_York"
        raise UserError(
            f"the browser knows no time zone {settings.time_zone}",
            remedy=f"{setting('composition.timeZone')}: {instead}",
        ) from None


async def _zones_near(session: Session, name: str) -> list[str]:
    """The browser's own zone whose name is most like another one."""
    asked = {"expression": "Intl.supportedValuesOf('timeZone')", "returnByValue": True}
    known = (await session.command("Runtime.evaluate", asked))["result"].get("value", [])
    zones = {zone.lower(): zone for zone in known}
    return [zones[near] for near in difflib.get_close_matches(name.lower(), zones, n=1)]


async def _check_locale(session: Session, settings: PageSettings) -> None:
    if settings.locale == USUAL_LOCALE:
        return
    asked = f"Intl.DateTimeFormat.supportedLocalesOf({json.dumps(settings.locale)}).length"
    found = await session.command("Runtime.evaluate", {"expression": asked, "returnByValue": True})
    if not found["result"].get("value"):
        raise UserError(
            f"the browser knows no language {settings.locale}",
            remedy=f"give {setting('composition.locale')} a language such as de-DE",
        )


async def _check_selector(session: Session, settings: PageSettings) -> None:
    if not settings.wait_for:
        return
    asked = f"document.querySelector({json.dumps(settings.wait_for)})"
    if "exceptionDetails" in await session.command("Runtime.evaluate", {"expression": asked}):
        raise UserError(
            f"{shown(settings.wait_for)!r} is no CSS selector",
            remedy=f"give {setting('composition.waitFor')} one such as #ready or body.loaded",
        )
