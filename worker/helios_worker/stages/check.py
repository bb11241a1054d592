"""Checks a page before any render: plans it, watches what it uses in a few frames, and reads its files."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from helios_crds.request import RenderRequest
from helios_worker.artifacts.blobs import Blobs
from helios_worker.artifacts.snapshot import Snapshot, load_snapshot
from helios_worker.artifacts.store import ArtifactStore
from helios_worker.capture.browser_pool import BrowserPool
from helios_worker.checking.findings import SEVERITIES, Finding
from helios_worker.checking.rules import RULES
from helios_worker.checking.sources import mentioned, place_of, read_sources, search
from helios_worker.checking.usage import Usage
from helios_worker.checking.videos import probe, videos
from helios_worker.errors import UserError
from helios_worker.jobs.spec import JobSpec
from helios_worker.planning.asked_film import AskedFilm
from helios_worker.planning.film import NO_RATE, NO_SIZE
from helios_worker.rendering.departures import naming_departures
from helios_worker.rendering.engine import current_engine
from helios_worker.rendering.page_settings import open_composition, page_settings
from helios_worker.rendering.seams import STATEFUL
from helios_worker.stages.plan import make_plan, resolve


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
    texts = await asyncio.to_thread(read_sources, store, snapshot) if snapshot else {}
    usage, job, refusal = Usage(), None, None
    try:
        job = await make_plan(AskedFilm(request, engine, digest, entry, url), store, browsers)
        await _use(usage, job, store, browsers)
    except UserError as error:
        refusal = error
    findings = [*_observed(usage, texts), *_planned(job, texts)]
    if snapshot:
        findings += await _videos(snapshot, texts, store, browsers.scratch)
    findings += _in_sources(texts, findings, usage, is_loaded=job is not None)
    if refusal is not None:
        findings.append(RULES["refused"].found(*_blamed(refusal, texts), refusal.message))
    ordered = sorted(findings, key=lambda finding: (SEVERITIES.index(finding.severity), finding.file, finding.line))
    return CheckResult(tuple(ordered), refusal)


async def _use(usage: Usage, job: JobSpec, store: ArtifactStore, browsers: BrowserPool) -> None:
    """Opens the planned page once more, and watches what it uses at the beginning, in the middle and at the end."""
    film = job.ours.film
    settings = page_settings(film, job.ours.frameTimeout)
    frames = {0, 1, film.frames // 2, film.frames - 1} if not film.stateful else {0, 1}
    frames &= set(range(film.frames))
    async with (
        open_composition(browsers.compositions, store, film) as composition,
        naming_departures(browsers, composition, settings),
    ):
        page = await browsers.blank(0, settings, composition)
        try:
            await usage.watch(page)
            with composition.blaming():
                await page.load(composition.address)
                await usage.look(page, sorted(frames))
        finally:
            await page.close()


def _observed(usage: Usage, texts: dict[str, str]) -> list[Finding]:
    """What the page was seen to use."""
    entry = next(iter(texts), "")
    found = [RULES[name].found(file or entry, line) for name, (file, line) in usage.places.items() if name in RULES]
    for host, address in usage.hosts.items():
        found.append(RULES["host"].found(*place_of(texts, host), f"the page loads from another host: {address}"))
    return found


def _planned(job: JobSpec | None, texts: dict[str, str]) -> list[Finding]:
    """What the plan says about the page."""
    if job is None:
        return []
    at = place_of(texts, "<html")
    found: list[Finding] = []
    if job.ours.film.stateful:
        found.append(RULES["stateful"].found(at[0], 0))
    undeclared = False
    for warning in job.ours.warnings:
        if warning.startswith((NO_SIZE, NO_RATE)):
            undeclared = True
        elif not warning.startswith(STATEFUL):
            found.append(RULES["warning"].found(at[0], 0, warning))
    if undeclared:
        found.append(RULES["undeclared"].found(*at))
    return found


async def _videos(snapshot: Snapshot, texts: dict[str, str], store: ArtifactStore, scratch: Path) -> list[Finding]:
    """What there is to say about the videos whose names the page's files contain."""
    found: list[Finding] = []
    blobs = Blobs(scratch)
    for path in videos(mentioned(texts, snapshot)):
        file = await blobs.file(store, snapshot.files[path], path)
        found += await asyncio.to_thread(probe, path, file)
    return found


def _in_sources(texts: dict[str, str], known: Iterable[Finding], usage: Usage, *, is_loaded: bool) -> list[Finding]:
    """What the page's files name that was not seen in use."""
    names = {finding.rule for finding in known}
    found = [finding for finding in search(texts) if finding.rule not in names]
    # A small filter costs little.
    return [finding for finding in found if finding.rule != "filter" or usage.has_large_filter or not is_loaded]


def _blamed(refusal: UserError, texts: dict[str, str]) -> tuple[str, int]:
    """The first place of the page that a message names, such as film.js:12:5."""
    for path in texts:
        _, name, rest = refusal.message.partition(f"{path}:")
        number = rest.partition(":")[0].partition(")")[0]
        if name and number.isdigit():
            return path, int(number)
    return next(iter(texts), ""), 0
