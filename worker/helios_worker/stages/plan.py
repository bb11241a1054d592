"""Settles what is to be rendered: snapshot, size, rate, length, whether the page can be cut, and the chunks.

The plan opens the page, tests that a frame reached by jumping looks like the same frame reached by walking
there, measures what frames cost, cuts the film into chunks on the encoder's unit grid and writes job.json. The
same request finds its job again, so a plan is made once.
"""

import asyncio
import hashlib
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError

from helios_crds.request import MAX_FRAMES, RenderRequest
from helios_worker.capture.page import Declared, Page, PageSettings
from helios_worker.capture.studio import Studio
from helios_worker.capture.walk import pictures, way_to
from helios_worker.encode.settings import EncoderSettings, default_unit_frames
from helios_worker.errors import CorruptArtifact, UserError
from helios_worker.job import (
    Chunk,
    CostPoint,
    Engine,
    Film,
    HeliosJob,
    JobSpec,
    Metadata,
    chunk_key,
    manifest_key,
)
from helios_worker.machine import cpu_class, package_version
from helios_worker.snapshot import load_snapshot, take_snapshot
from helios_worker.store import ArtifactStore, json_digest, local_path

FALLBACK_SIZE = (1920, 1080)
DEFAULT_TARGET_SECONDS = 60.0
# Frames that are compared, jumped to against walked to: early ones, where pages start up, and a second on.
COMPARED = (1, 9, 24, 41)
COST_SAMPLES = 8
COST_SECONDS = 1.5
# x264 veryfast takes about 25 ms for a 1080p frame on one processor here; only its share beside capture counts.
ENCODE_SECONDS_PER_MEGAPIXEL = 0.012


class PlanResult(BaseModel):
    """What the plan tells the operator: small, for it travels in a termination message.

    cached: a hexadecimal bitmap of the chunks that are in the store, chunk 0 in the lowest bit.
    """

    model_config = ConfigDict(frozen=True)

    jobPath: str
    jobId: str
    frames: int
    chunks: int
    cached: str
    stateful: bool
    warnings: tuple[str, ...] = ()


async def plan(
    request: RenderRequest, store: ArtifactStore, studio: Studio, *, exclude: Iterable[Path] = ()
) -> PlanResult:
    """Writes job.json for a request, or finds the one that is there.

    exclude: files and folders beside the page that are no part of it.

    Raises:
        UserError: the request or the page is wrong; the message says what to change.
    """
    engine = await current_engine(studio)
    snapshot, url = await resolve(request, store, exclude)
    asked = request.model_dump(
        mode="json", exclude={"output": True, "composition": {"url": True, "entry": True}}
    )
    job_id = json_digest({"asked": asked, "snapshot": snapshot, "url": url, "engine": engine.model_dump()})[
        :20
    ]
    key = f"jobs/{job_id}/job.json"
    job = await asyncio.to_thread(_existing, store, key)
    if job is None:
        job = await make_job(job_id, request, store, studio, engine, snapshot, url)
        data = orjson.dumps(job.model_dump(mode="json", exclude_none=True), option=orjson.OPT_INDENT_2)
        if not await asyncio.to_thread(store.create, key, data):
            job = await asyncio.to_thread(_existing, store, key) or job
    cached = await asyncio.to_thread(cached_bitmap, store, job.chunks)
    film = job.ours.film
    return PlanResult(
        jobPath=store.url + key,
        jobId=job.id,
        frames=film.end - film.first,
        chunks=len(job.chunks),
        cached=f"{cached:x}",
        stateful=film.stateful,
        warnings=job.ours.warnings,
    )


async def current_engine(studio: Studio) -> Engine:
    """What renders here: package, browser, encoder library and processor class."""
    return Engine(
        package=package_version(),
        browser=await studio.version(),
        codec=f"PyAV {version('av')}",
        cpu=cpu_class(),
    )


async def resolve(request: RenderRequest, store: ArtifactStore, exclude: Iterable[Path]) -> tuple[str, str]:
    """The composition's snapshot digest, or the address of a page on the network: the other one is empty."""
    url = request.composition.url
    path = local_path(url)
    if path is not None:
        page = path / request.composition.entry if path.is_dir() else path
        snapshot = await asyncio.to_thread(take_snapshot, store, page, exclude=frozenset(exclude))
        return snapshot.digest, ""
    if urlsplit(url).scheme in ("http", "https"):
        return "", url
    raise UserError(
        f"{url}: sources are files, folders, http:// and https:// pages", remedy="check the address"
    )


async def make_job(
    job_id: str,
    request: RenderRequest,
    store: ArtifactStore,
    studio: Studio,
    engine: Engine,
    snapshot: str,
    url: str,
) -> JobSpec:
    """Opens the page, settles the film and cuts it."""
    draft = Film(
        snapshot=snapshot,
        entry=(await asyncio.to_thread(load_snapshot, store, snapshot)).entry if snapshot else "",
        url=url,
        props=request.composition.props,
        frames=1,
        first=0,
        end=1,
        capture=request.video.capture,
        quality=request.video.quality,
        stateful=False,
        page_errors=request.composition.pageErrors,
        encoder=_settings(request, *_first_guess(request, await _page_text(store, snapshot)), Fraction(30)),
    )
    address = await studio.address(store, draft)
    film, page, warnings = await settle(request, draft, address, studio)
    try:
        trial = Trial(film, address, studio, request.frameTimeout)
        stateful = await trial.needs_history(request.composition.seeking, page)
        film = film.model_copy(update={"stateful": stateful})
        costs = await trial.costs(stateful)
        warnings += trial.warnings
    finally:
        await page.close()
    if url:
        warnings.append(
            f"{url} is fetched anew by every chunk; what it answers must not change during the render"
        )
    chunks = cut_chunks(film, costs, request, engine)
    encoder = film.encoder
    return JobSpec(
        id=job_id,
        metadata=Metadata(
            totalFrames=film.frames,
            fps=float(encoder.fps),
            width=encoder.width,
            height=encoder.height,
            duration=float(film.frames / encoder.fps),
        ),
        chunks=tuple(chunks),
        helios=HeliosJob(
            engine=engine,
            film=film,
            frameTimeout=request.frameTimeout,
            output=request.output,
            warnings=tuple(dict.fromkeys(warnings)),
            costs=tuple(costs),
        ),
    )


# -- size, rate and length ---------------------------------------------------------------------------------


async def settle(
    request: RenderRequest, draft: Film, address: str, studio: Studio
) -> tuple[Film, Page, list[str]]:
    """The film by the request first and the page's own word second, and the page open at that size.

    Raises:
        UserError: neither says how long the film is, or what they say cannot be rendered.
    """
    settings = PageSettings(
        width=draft.encoder.width,
        height=draft.encoder.height,
        fps=Fraction(request.video.fps or 30),
        props=draft.props,
        seed=draft.seed,
        picture=draft.capture,
        quality=draft.quality,
        frame_timeout=request.frameTimeout,
        page_errors=draft.page_errors,
    )
    for _ in range(2):
        page = await Page.open(await studio.browser(0), settings)
        try:
            await page.load(address)
            declared = await page.declared()
            film, warnings = film_of(request, declared, draft)
        except BaseException:
            await page.close()
            raise
        if (film.encoder.width, film.encoder.height, film.encoder.fps) == (
            settings.width,
            settings.height,
            settings.fps,
        ):
            return film, page, [*warnings, *page.console.warnings]
        await page.close()
        settings = PageSettings(
            **{
                **settings.__dict__,
                "width": film.encoder.width,
                "height": film.encoder.height,
                "fps": film.encoder.fps,
            }
        )
    raise UserError(
        f"the page declares another size each time it is opened: {film.encoder.width}x{film.encoder.height} at last",
        remedy="give --width and --height",
    )


def film_of(request: RenderRequest, declared: Declared, draft: Film) -> tuple[Film, list[str]]:
    """The film that request and page agree on."""
    video, warnings = request.video, []
    fps_text = video.fps or declared.fps
    if fps_text is None:
        fps_text = "30"
        warnings.append("neither the request nor the page gives a frame rate; 30 is used")
    fps = exact_fps(fps_text)
    width, height = video.width or declared.width, video.height or declared.height
    if width is None or height is None:
        width, height = width or FALLBACK_SIZE[0], height or FALLBACK_SIZE[1]
        warnings.append(f"neither the request nor the page gives a size; {width}x{height} is used")
    frames = (
        video.frames or _frames(video.duration, fps) or declared.frames or _frames(declared.duration, fps)
    )
    if frames is None:
        raise UserError(
            "how long is the film? Neither the request nor the page says",
            remedy='give --duration 10 or --frames 300, or write data-duration="10" on the page\'s <html>',
        )
    if not 0 < frames <= MAX_FRAMES:
        raise UserError(f"a film of {frames} frames cannot be rendered: 1 to {MAX_FRAMES} can be")
    first, end = video.range or (0, frames)
    if end > frames:
        raise UserError(
            f"the range ends at frame {end}, but the film has {frames}", remedy="choose a range within it"
        )
    encoder = _settings(request, width, height, fps)
    return draft.model_copy(
        update={"frames": frames, "first": first, "end": end, "encoder": encoder}
    ), warnings


def exact_fps(text: str) -> Fraction:
    """A declared rate, exact: 30, "30.0", "30000/1001", and 29.97 and its kin as what they stand for.

    Raises:
        UserError: it is no rate, or out of range.
    """
    try:
        fps = Fraction(text)
    except (ValueError, ZeroDivisionError):
        raise UserError(
            f"the page declares a frame rate of {text!r}", remedy='write data-fps="30" or "30000/1001"'
        ) from None
    for whole in (24, 30, 48, 60, 120):
        ntsc = Fraction(whole * 1000, 1001)
        if fps != ntsc and abs(fps - ntsc) < Fraction(1, 200) and fps != whole:
            fps = ntsc
    if not 0 < fps <= 240:
        raise UserError(
            f"{text} frames per second cannot be rendered", remedy="choose a rate above 0 and up to 240"
        )
    return fps


def _frames(duration: float | None, fps: Fraction) -> int | None:
    return None if duration is None else round(Fraction(str(duration)) * fps)


def _settings(request: RenderRequest, width: int, height: int, fps: Fraction) -> EncoderSettings:
    try:
        return EncoderSettings(
            codec=request.video.codec,
            width=width,
            height=height,
            fps=fps,
            crf=request.video.crf,
            preset=request.video.preset,
            unit_frames=default_unit_frames(fps),
        )
    except ValidationError as error:
        raise UserError(error.errors()[0]["msg"].removeprefix("Value error, ")) from None


def _first_guess(request: RenderRequest, html: str) -> tuple[int, int]:
    """The size to open the page at: most pages write theirs plainly, which saves opening them twice."""

    def attribute(name: str) -> int | None:
        found = re.search(rf'\bdata-{name}\s*=\s*"?(\d{{2,4}})\b', html)
        return int(found.group(1)) if found else None

    width = request.video.width or attribute("width") or FALLBACK_SIZE[0]
    height = request.video.height or attribute("height") or FALLBACK_SIZE[1]
    # What cannot be encoded is refused once the page has been heard, with its own numbers.
    return (
        (width + width % 2, height + height % 2)
        if not (request.video.width or request.video.height)
        else (width, height)
    )


async def _page_text(store: ArtifactStore, snapshot: str) -> str:
    if not snapshot:
        return ""
    loaded = await asyncio.to_thread(load_snapshot, store, snapshot)
    return (await asyncio.to_thread(store.get, f"blobs/{loaded.files[loaded.entry]}") or b"").decode(
        errors="replace"
    )


# -- can it be cut, and what does it cost ------------------------------------------------------------------


@dataclass
class Trial:
    """A page on trial: walked and jumped through a few of its frames."""

    film: Film
    address: str
    studio: Studio
    frame_timeout: float

    def __post_init__(self) -> None:
        self.warnings: list[str] = []
        self._costs: list[CostPoint] = []

    async def needs_history(self, seeking: str, page: Page) -> bool:
        """Whether frames depend on the frames before them.

        seeking: "Seekable" and "Stateful" are taken at their word. page: a fresh one, to be walked.

        Raises:
            UserError: two identical walks differ, so that no two renders would agree.
        """
        if seeking != "Auto":
            return seeking == "Stateful"
        compared = [frame for frame in COMPARED if frame < self.film.frames]
        if not compared:
            return False
        walked = await self._digests(page, compared, stateful=True)
        async with self.studio.page(0, self.address, page.settings) as fresh:
            jumped = await self._digests(fresh, compared[-2:], stateful=False)
        if all(walked[frame] == digest for frame, digest in jumped.items()):
            return False
        async with self.studio.page(0, self.address, page.settings) as fresh:
            again = await self._digests(fresh, compared, stateful=True)
        differing = [frame for frame in compared if walked[frame] != again[frame]]
        if differing:
            raise UserError(
                f"the page is not repeatable: frames {', '.join(map(str, differing))} differ between two identical runs",
                remedy="look for what the clock cannot rule: answers from the network, a SharedWorker, media of real time",
            )
        self.warnings.append(
            "the page keeps state from frame to frame, so each chunk walks through all the frames before it"
        )
        return True

    async def _digests(self, page: Page, frames: list[int], *, stateful: bool) -> dict[int, str]:
        found = {}
        for frame in frames:
            for stop in way_to(frame, at=page.frame, stateful=stateful):
                await page.show(stop)
            started = time.perf_counter()
            await page.show(frame)
            picture = await page.capture()
            self._costs.append(CostPoint(frame=frame, seconds=time.perf_counter() - started))
            found[frame] = hashlib.sha256(picture).hexdigest()
        return found

    async def costs(self, stateful: bool) -> list[CostPoint]:
        """Seconds per frame at places spread over the film, the first picture of a page left out: it is dearer."""
        measured = {point.frame: point for point in self._costs[1:]}
        film = self.film
        if not stateful and film.end - film.first > 4 * COMPARED[-1]:
            wanted = sorted(
                {
                    film.first + (2 * k + 1) * (film.end - film.first) // (2 * COST_SAMPLES)
                    for k in range(COST_SAMPLES)
                }
            )
            deadline = time.perf_counter() + COST_SECONDS
            settings = PageSettings(
                width=film.encoder.width,
                height=film.encoder.height,
                fps=film.encoder.fps,
                props=film.props,
                seed=film.seed,
                picture=film.capture,
                quality=film.quality,
                frame_timeout=self.frame_timeout,
                page_errors="warn",
            )
            async with self.studio.page(0, self.address, settings) as page:
                for frame in wanted:
                    if time.perf_counter() > deadline:
                        break
                    async for _ in pictures(page, frame - 1, frame, stateful=False):
                        pass
                    started = time.perf_counter()
                    await page.show(frame)
                    await page.capture()
                    measured[frame] = CostPoint(frame=frame, seconds=time.perf_counter() - started)
        return sorted(measured.values(), key=lambda point: point.frame)


# -- cutting -----------------------------------------------------------------------------------------------


def cut_chunks(film: Film, costs: list[CostPoint], request: RenderRequest, engine: Engine) -> list[Chunk]:
    """The film's chunks, in order, each cut on the unit grid."""
    bounds = chunk_bounds(film, costs, request)
    curve = frame_costs(film, costs)
    return [
        Chunk(
            id=index,
            startFrame=start,
            frameCount=end - start,
            outputFile=f"segment-{index:05d}.mp4",
            key=chunk_key(engine, film, start, end - start),
            cost=round(sum(curve.between(start, end)), 3),
        )
        for index, (start, end) in enumerate(zip(bounds, bounds[1:], strict=False))
    ]


def chunk_bounds(film: Film, costs: list[CostPoint], request: RenderRequest) -> list[int]:
    """Where chunks begin, and the end of the last."""
    unit, chunking = film.encoder.unit_frames, request.chunking
    inner = range(-(-(film.first + 1) // unit) * unit, film.end, unit)
    if chunking.count is not None:
        curve = frame_costs(film, costs)
        total = sum(curve.between(film.first, film.end))
        return _cuts(film, inner, curve, total / chunking.count)
    if chunking.frames is not None:
        units = max(1, -(-chunking.frames // unit))
        return [film.first, *(frame for frame in inner if frame // unit % units == 0), film.end]
    curve = frame_costs(film, costs)
    return _cuts(film, inner, curve, chunking.targetSeconds or DEFAULT_TARGET_SECONDS)


def _cuts(film: Film, inner: range, curve: "CostCurve", target: float) -> list[int]:
    bounds, spent, since = [film.first], 0.0, film.first
    for frame in inner:
        spent += sum(curve.between(since, frame))
        since = frame
        if spent >= target * len(bounds) - 1e-9:
            bounds.append(frame)
    return [*bounds, film.end]


@dataclass(frozen=True)
class CostCurve:
    """Estimated seconds of work for each frame: captures interpolated between samples, encoding by the pixel."""

    points: tuple[CostPoint, ...]
    encode: float

    def at(self, frame: int) -> float:
        """For one frame."""
        points = self.points
        if not points:
            return self.encode + 0.03
        if frame <= points[0].frame:
            return self.encode + points[0].seconds
        for before, after in zip(points, points[1:], strict=False):
            if frame <= after.frame:
                share = (frame - before.frame) / (after.frame - before.frame)
                return self.encode + before.seconds + share * (after.seconds - before.seconds)
        return self.encode + points[-1].seconds

    def between(self, start: int, end: int) -> Iterable[float]:
        """For each frame of a run."""
        return (self.at(frame) for frame in range(start, end))


def frame_costs(film: Film, costs: list[CostPoint]) -> CostCurve:
    """The film's cost curve from its samples."""
    megapixels = film.encoder.width * film.encoder.height / 1e6
    return CostCurve(tuple(costs), ENCODE_SECONDS_PER_MEGAPIXEL * megapixels)


# -- what is there already ---------------------------------------------------------------------------------


def cached_bitmap(store: ArtifactStore, chunks: tuple[Chunk, ...]) -> int:
    """Bit i is set when chunk i has a manifest."""
    return sum(1 << chunk.id for chunk in chunks if store.exists(manifest_key(chunk.key)))


def _existing(store: ArtifactStore, key: str) -> JobSpec | None:
    data: Any = store.get(key)
    if data is None:
        return None
    try:
        return JobSpec.model_validate_json(data)
    except (ValidationError, CorruptArtifact):
        store.delete(key)
        return None
