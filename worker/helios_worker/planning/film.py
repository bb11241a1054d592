"""Size, rate and length of a film: from the request, or else from the page."""

import re
from dataclasses import replace
from fractions import Fraction
from math import ceil

from helios_crds.numbers import exact_number, shown
from helios_crds.remedies import setting
from helios_crds.request import MAX_FPS, MAX_FRAMES, SLOWEST, RenderRequest, VideoRequest
from helios_crds.times import broadcast_rate
from helios_worker.capture.browser_pool import BrowserPool
from helios_worker.capture.content.composition import OpenComposition
from helios_worker.capture.page.page import Page
from helios_worker.capture.page.settings import Declared
from helios_worker.errors import UserError
from helios_worker.jobs.spec import FilmSpec
from helios_worker.planning.encoder import encoder_settings
from helios_worker.planning.warnings import PlanWarning
from helios_worker.rendering.page_settings import page_settings
from helios_worker.trace import mark

FALLBACK_SIZE = (1920, 1080)
_HAIR = Fraction(1, 1_000_000)
"""So much of a frame is none: a sum of a script's may be a hair too long."""


async def open_film(
    request: RenderRequest, draft: FilmSpec, composition: OpenComposition, browsers: BrowserPool
) -> tuple[FilmSpec, Page, list[PlanWarning]]:
    """Opens the page, asks it for what the request leaves open, and keeps it open at the film's size.

    Returns:
        The film, its page before frame 0, and warnings.

    Raises:
        UserError: neither says how long the film is, or the film cannot be rendered.
    """
    settings = replace(page_settings(draft, request.frameTimeout), fps=Fraction(request.video.fps or 30))
    for _ in range(2):
        page = await browsers.blank(0, settings, composition)
        mark("page opened")
        if request.composition.seeking == "Auto":
            browsers.expect_page(0, settings)  # another one, to jump in
        try:
            with composition.blaming():
                await page.load(composition.address)
                mark("page loaded")
                declared = await page.declared()
            film, warnings = resolve_film(request, declared, draft)
        except BaseException:
            await page.close()
            raise
        wanted = page_settings(film, request.frameTimeout)
        if wanted == settings:
            return film, page, [*warnings, *(PlanWarning("page", text) for text in page.console.warnings)]
        await page.close()
        settings = wanted
    raise UserError(
        f"the page declares another size each time it is opened, the last {film.encoder.width}x{film.encoder.height}",
        remedy=f"give {setting('video.width')} and {setting('video.height')}",
    )


def resolve_film(request: RenderRequest, declared: Declared, draft: FilmSpec) -> tuple[FilmSpec, list[PlanWarning]]:
    """The film of a request and a page's declarations, and warnings. The request wins.

    Raises:
        UserError: neither says how long the film is, or the film cannot be rendered.
    """
    video = request.video
    undeclared: list[str] = []
    fps_text = video.fps or declared.fps
    if fps_text is None:
        fps_text = "30"
        undeclared.append(f"no frame rate set; using 30. Set data-fps or {setting('video.fps')}.")
    fps = exact_fps(fps_text)
    width, height = video.width or declared.width, video.height or declared.height
    if width is None or height is None:
        width, height = width or FALLBACK_SIZE[0], height or FALLBACK_SIZE[1]
        undeclared.append(
            f"no size set; using {width}x{height}. Set data-width and data-height, or {setting('video.width')} and "
            f"{setting('video.height')}."
        )
    of_page = _frames(declared.duration, fps, rounds_up=declared.is_composition)
    lengths = (video.frames, _frames(video.duration, fps), declared.frames, of_page)
    frames = next((length for length in lengths if length is not None), None)
    if frames is None:
        raise UserError(
            "the film has no length",
            remedy=f"give {setting('video.duration', '10s')} or {setting('video.frames', '300')}, or write "
            'data-duration="10" on the page\'s <html>',
        )
    if not 0 < frames <= MAX_FRAMES:
        raise UserError(f"a film of {shown(frames)} frames cannot be rendered: 1 to {MAX_FRAMES} can be")
    first, end = frame_range(video, fps, frames)
    encoder = encoder_settings(request, width, height, fps)
    film = draft.model_copy(update={"frames": frames, "first": first, "end": end, "encoder": encoder})
    return film, [PlanWarning("undeclared", text) for text in undeclared]


def frame_range(video: VideoRequest, fps: Fraction, frames: int) -> tuple[int, int]:
    """The first frame to be rendered and the one after the last, of a film of `frames`.

    Raises:
        UserError: the range does not lie within the film, or holds no frame.
    """
    first, end = video.range or (0, None)
    if video.rangeSeconds is not None:
        start, stop = (_frames(second, fps) for second in video.rangeSeconds)
        first, end = start or 0, stop
    end = frames if end is None else end
    if end > frames or first >= frames:
        raise UserError(
            f"the range {first}:{end} does not lie within the film of {frames} frames ({float(frames / fps):g} s)",
            remedy="choose a range within it",
        )
    if first >= end:
        raise UserError(f"no frame lies in the range: it is {first}:{end}", remedy="choose a longer range")
    return first, end


def exact_fps(text: str) -> Fraction:
    """A declared rate as an exact fraction: "30.0" is 30, and 29.97 and similar rates are 30000/1001 and so on.

    A long decimal is taken for a quotient that a script computed: 58.8235294117647 is 1000/17.

    Raises:
        UserError: it is not a rate, or out of range.
    """
    fps = exact_number(text)
    if fps is None:
        raise UserError(
            f"the page declares a frame rate of {shown(text)!r}", remedy='write data-fps="30" or "30000/1001"'
        )
    if "/" not in text:
        fps = broadcast_rate(fps) or fps.limit_denominator(1001)
    if not Fraction(1, SLOWEST) <= fps <= MAX_FPS:
        raise UserError(
            f"{shown(text)} frames per second cannot be rendered",
            remedy=f"choose a rate from 1/{SLOWEST} to {MAX_FPS}",
        )
    return fps


def _frames(duration: float | None, fps: Fraction, *, rounds_up: bool = False) -> int | None:
    if duration is None:
        return None
    frames = Fraction(str(duration)) * fps
    return ceil(frames - _HAIR) if rounds_up else round(frames)


def first_guess(request: RenderRequest, html: str) -> tuple[int, int]:
    """The size to open the page at. Most pages declare theirs in the HTML, and need not be opened a second time."""

    def attribute(name: str) -> int | None:
        match = re.search(rf'\bdata-{name}\s*=\s*"?(\d{{2,4}})\b', html)
        return int(match.group(1)) if match else None

    width = request.video.width or attribute("width") or FALLBACK_SIZE[0]
    height = request.video.height or attribute("height") or FALLBACK_SIZE[1]
    # A size that cannot be encoded is refused later, once the page has declared its own.
    return (
        (width + width % 2, height + height % 2)
        if not (request.video.width or request.video.height)
        else (width, height)
    )
