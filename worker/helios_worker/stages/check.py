"""Checks a page before any render: plans it, watches what it uses in a few frames, and reads its files."""

import asyncio
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from helios_crds.request import RenderRequest
from helios_worker.artifacts.blobs import Blobs
from helios_worker.artifacts.snapshot import load_snapshot
from helios_worker.artifacts.store import ArtifactStore
from helios_worker.capture.browser_pool import BrowserPool
from helios_worker.capture.messages import ANOTHER_WINDOW
from helios_worker.checking.findings import SEVERITIES, Finding
from helios_worker.checking.rules import RULES
from helios_worker.checking.sources import (
    Sources,
    is_minified,
    place_of,
    search,
    sources_of_folder,
    sources_of_recording,
)
from helios_worker.checking.usage import Usage
from helios_worker.checking.videos import probe
from helios_worker.errors import UserError
from helios_worker.jobs.spec import JobSpec
from helios_worker.planning.asked_film import AskedFilm
from helios_worker.rendering.departures import naming_departures
from helios_worker.rendering.engine import current_engine
from helios_worker.rendering.page_settings import open_composition, page_settings
from helios_worker.stages.plan import MadePlan, make_plan, resolve

LOOKS, PLAYED = 9, 600
"""How often a film is looked into, and in how many of its first frames where the page has to be played up to them."""
SAID_OTHERWISE = frozenset({"undeclared", "stateful", "drawn"})
"""Kinds of the plan's warnings that a rule of the check says with a place."""
OPENS = ("window.open(", "open(")
"""What opens a window, the likeliest first."""
MAKES_FRAMES = ("requestAnimationFrame(", "setInterval(", "setTimeout(", "scrollTo(", "scroll-behavior", "transition")
"""What a page that keeps state has most often, the likeliest first."""
_FILE = re.compile(r"[^\s\"'()<>,;]+\.[A-Za-z0-9]{2,5}\b")


@dataclass(frozen=True)
class CheckResult:
    """What a check has found. refusal: why a render would be refused, in its words; None where it would not."""

    findings: tuple[Finding, ...]
    refusal: UserError | None


async def check(
    request: RenderRequest, store: ArtifactStore, browsers: BrowserPool, *, exclude: Iterable[Path] = ()
) -> CheckResult:
    """Finds what a page uses that a film makes something else of than its author may expect. Takes seconds.

    exclude: files and folders beside the page that do not belong to it.

    Raises:
        UserError: the request cannot be carried out at all: there is no such page.
        HeliosError: the page could not be checked now; another attempt may succeed.
    """
    engine = await current_engine(browsers)
    digest, entry, url = await resolve(request, store, browsers, exclude)
    snapshot = await asyncio.to_thread(load_snapshot, store, digest) if digest else None
    sources = await asyncio.to_thread(sources_of_folder, store, snapshot) if snapshot else Sources({}, {})
    usage, made, refusal = Usage(), None, None
    try:
        made = await make_plan(AskedFilm(request, engine, digest, entry, url), store, browsers)
        if url and made.job.ours.film.recording:
            sources = await asyncio.to_thread(sources_of_recording, store, made.job.ours.film.recording, url)
        await _use(usage, made.job, store, browsers)
    except UserError as error:
        refusal = error
    texts = sources.texts
    findings = [*_observed(usage, texts, url), *_planned(made, texts, usage)]
    findings += await _videos(sources, store, browsers.scratch)
    findings += _in_sources(texts, findings, usage, is_loaded=made is not None)
    if refusal is not None:
        findings.append(RULES["refused"].found(*_named_place(refusal.message, texts), refusal.message))
    ordered = sorted(findings, key=lambda finding: (SEVERITIES.index(finding.severity), finding.file, finding.line))
    return CheckResult(tuple(ordered), refusal)


async def _use(usage: Usage, job: JobSpec, store: ArtifactStore, browsers: BrowserPool) -> None:
    """Opens the planned page once more, and watches what it uses in frames all over the film.

    A page that keeps state goes through all frames, as far as that takes seconds: it does not come elsewhere otherwise.
    """
    film = job.ours.film
    settings = page_settings(film, job.ours.frameTimeout)
    frames = frames_to_look_at(film.frames, stateful=film.stateful)
    async with (
        open_composition(browsers.compositions, store, film) as composition,
        naming_departures(browsers, composition, settings),
    ):
        page = await browsers.blank(0, settings, composition)
        try:
            await usage.watch(page)
            with composition.blaming():
                await page.load(composition.address)
                await usage.look(page, frames, stateful=film.stateful)
        finally:
            await page.close()


def frames_to_look_at(frames: int, *, stateful: bool) -> list[int]:
    """The frames of a film in which a check looks at its page, in order.

    >>> frames_to_look_at(901, stateful=False)
    [0, 1, 100, 200, 300, 400, 500, 600, 700, 800, 900]
    """
    last = (min(frames, PLAYED) if stateful else frames) - 1
    return sorted({0, min(1, last), *(last * step // LOOKS for step in range(1, LOOKS + 1))})


def _observed(usage: Usage, texts: Mapping[str, str], url: str) -> list[Finding]:
    """What the page was seen to use. url: of a page on the web."""
    entry = next(iter(texts), "")
    found = [RULES[name].found(file or entry, line) for name, (file, line) in usage.places.items() if name in RULES]
    others = {host: address for host, address in usage.hosts.items() if host != urlsplit(url).netloc}
    return [
        *found,
        *(
            RULES["host"].found(*place_of(texts, host), f"the page loads from another host: {address}")
            for host, address in others.items()
        ),
    ]


def _planned(made: MadePlan | None, texts: Mapping[str, str], usage: Usage) -> list[Finding]:
    """What the plan says about the page."""
    if made is None:
        return []
    found: list[Finding] = []
    if made.job.ours.film.stateful:
        found.append(RULES["stateful"].found(*_first_place(texts, MAKES_FRAMES)))
    kinds = {warning.kind for warning in made.warnings}
    if "undeclared" in kinds:
        found.append(RULES["undeclared"].found(*place_of(texts, "<html")))
    others = dict.fromkeys(each.text for each in made.warnings if each.kind not in SAID_OTHERWISE)
    if ANOTHER_WINDOW in others:
        del others[ANOTHER_WINDOW]
        if "window" not in usage.places:
            found.append(RULES["window"].found(*_first_place(texts, OPENS)))
    return [*found, *(RULES["warning"].found(*_named_place(text, texts), text) for text in others)]


def _first_place(texts: Mapping[str, str], parts: Iterable[str]) -> tuple[str, int]:
    """The place of the first of some texts that is in the page's own files; the page, without a line, if none is."""
    own = {path: text for path, text in texts.items() if not is_minified(path, text)}
    places = (place_of(own, part) for part in parts)
    return next((place for place in places if place[1]), (next(iter(texts), ""), 0))


async def _videos(sources: Sources, store: ArtifactStore, scratch: Path) -> list[Finding]:
    """What there is to say about the page's videos."""
    found: list[Finding] = []
    blobs = Blobs(scratch)
    for path, digest in sorted(sources.videos.items()):
        file = await blobs.file(store, digest, path)
        place = place_of(sources.texts, _file_name(path))
        found += await asyncio.to_thread(probe, path, file, place)
    return found


def _in_sources(texts: Mapping[str, str], known: Iterable[Finding], usage: Usage, *, is_loaded: bool) -> list[Finding]:
    """What the page's files name that was not seen in use."""
    names = {finding.rule for finding in known}
    found = [finding for finding in search(texts) if finding.rule not in names]
    # A small filter costs little.
    return [finding for finding in found if finding.rule != "filter" or usage.has_large_filter or not is_loaded]


def _named_place(message: str, texts: Mapping[str, str]) -> tuple[str, int]:
    """The place that a message is about: one that it names, such as film.js:12:5, else where a file in it is named."""
    for path in texts:
        place = re.search(rf"(?<![^\s(\"'@]){re.escape(path)}:([0-9]+)", message)
        if place is not None:
            return path, int(place[1])
    names = (PurePosixPath(urlsplit(name).path).name for name in _FILE.findall(message))
    return _first_place(texts, [name for name in names if name and name not in map(_file_name, texts)])


def _file_name(path: str) -> str:
    return PurePosixPath(urlsplit(path).path).name
