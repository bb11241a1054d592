"""The pages on which capture must be exact, and what each must show at frame n.

A page counts in *ticks* of an eighth of a frame: an exact clock shows 8 n at frame n. Times of the page's
own (a timer of 775 ms) are turned into ticks with exact fractions here; they are chosen to lie well
between two frames at every rate, and well between two ticks, so that neither rounding nor luck decides.

The rule for anything begun by a timer: it begins at the timer's due time, not at the frame that first
shows it. A timer, an iteration or a picture of a video due at the very time of a frame belongs to that
frame.

Long, because the corpus is one table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil, floor
from typing import NamedTuple

TICKS_PER_FRAME = 8
LEAST_MARGIN = Fraction(2, 25)
"""How near, in ticks, an expected value may come to the border between two; 0.3 ms at 30 fps."""


class Moment(NamedTuple):
    """Frame n of a film."""

    frame: int
    fps: Fraction

    @property
    def ms(self) -> Fraction:
        """Time of the frame in milliseconds."""
        return 1000 * self.frame / self.fps


Expected = Callable[[Moment], int]
Position = Callable[[Moment], float]
Pace = Callable[[Fraction], Fraction]
"""A time as a function of the page's, both in milliseconds."""


def ticks(ms: Fraction | int, fps: Fraction) -> int:
    """A time in ticks, to the nearest one."""
    value = ms * fps * TICKS_PER_FRAME / 1000
    nearest = floor(value + Fraction(1, 2))
    assert abs(value - nearest) <= Fraction(1, 2) - LEAST_MARGIN, (
        f"{float(ms)} ms are {float(value)} ticks: choose another time"
    )
    return nearest


def exact(at: Moment) -> int:
    """The clock itself."""
    return TICKS_PER_FRAME * at.frame


def frame_number(at: Moment) -> int:
    return at.frame


def always(value: int) -> Expected:
    return lambda at: value


def elapsed(pace: Pace) -> Expected:
    """Ticks of a time that is a function of the page's, both in milliseconds; 0 where that is negative."""
    return lambda at: max(0, ticks(pace(at.ms), at.fps))


def since(start: int) -> Expected:
    """A clock begun at a time of its own, 0 before."""
    return elapsed(lambda t: t - start)


def since_frame_from(start: int) -> Expected:
    """A clock begun in the first frame at or after a time."""
    return lambda at: TICKS_PER_FRAME * max(0, at.frame - ceil(start * at.fps / 1000))


def count(period: int, start: int = 0) -> Expected:
    """How often a timer of this period has fired, set at a time of its own."""
    return lambda at: max(0, floor((at.ms - start) / period))


def steps(values: Mapping[int, int], before: int = 0) -> Expected:
    """What the latest of some events set, by due time."""
    return lambda at: next((value for due, value in sorted(values.items(), reverse=True) if due <= at.ms), before)


def scrolls(*moves: tuple[float, int, int]) -> Expected:
    """Where smooth scrolls lead, in pixels: when each begins, from where and to where. The latest counts."""

    def place(at: Moment) -> int:
        begun = [move for move in moves if move[0] <= at.ms]
        if not begun:
            return 0
        start, source, target = begun[-1]
        share = (float(at.ms) - start) / (min(1500, 1000 / 60 * abs(target - source) ** 0.5) or 1)
        return round(source + (target - source) * ease(min(1, share)))

    return place


def ease(share: float) -> float:
    """cubic-bezier(0.4, 0, 0, 1), by which Chromium scrolls."""
    low, high = 0.0, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        across = 1.2 * (1 - middle) ** 2 * middle + middle**3
        low, high = (middle, high) if across < share else (low, middle)
    return low * low * (3 - 2 * low)


def there_and_back(at: Moment, length: int = 160, start: int = 0) -> int:
    """Two alternating iterations of so many ticks, then held at the beginning."""
    run = min(2 * length, max(0, ticks(at.ms - start, at.fps)))
    return run if run <= length else 2 * length - run


def paused(t: Fraction) -> Fraction:
    """Stopped at 475 ms, resumed at 975 ms."""
    return t if t < 475 else max(Fraction(475), t - 500)


def bar(start: int, pace: Fraction, end: float = 320) -> Position:
    """The edge of a bar that starts at a time and moves so many pixels a millisecond."""
    return lambda at: min(end, max(0.0, float((at.ms - start) * pace)))


@dataclass(frozen=True)
class Page:
    """A page of the corpus.

    name:   of the file pages/<name>.html
    lines:  what the barcode on each line says at a moment
    bars:   where the bar on a line ends, in pixels, to within a seventh of a frame
    random: lines that show what nobody can foresee, but that must be the same in every render: whether the
            number changes from frame to frame
    everywhere: to be tested at every frame rate, not only at 30
    cut: chunks and lanes of the second render, where the page needs certain ones, or is too slow for many
    """

    name: str
    lines: Mapping[int, Expected]
    bars: Mapping[int, Position] = field(default_factory=dict)
    random: Mapping[int, bool] = field(default_factory=dict)
    everywhere: bool = False
    cut: tuple[int, int] | None = None

    def __str__(self) -> str:
        return self.name


def _picture(pace: Pace) -> Expected:
    """The picture of a video of 30 a second, by its current time."""
    return lambda at: floor(pace(at.ms) * 30 / 1000)


def _video(pace: Pace) -> Mapping[int, Expected]:
    """The three lines of a page with a video of 30 pictures a second, by its current time."""

    return {0: _picture(pace), 1: _picture(pace), 2: elapsed(pace)}


def _stalled(t: Fraction) -> Fraction:
    """Played from 475 ms on; data for 800 ms, and the rest from 1575 ms on."""
    return max(Fraction(0), min(t - 475, Fraction(800)) + max(Fraction(0), t - 1575))


PAGES = (
    # Clocks
    Page("canvas-raf", {0: exact}, everywhere=True),
    Page("canvas-date-now", {0: exact}, everywhere=True),
    Page("canvas-performance-now", {0: exact, 1: always(1)}, everywhere=True),
    Page("date-variants", {0: exact, 1: exact, 2: always(0)}),
    Page("document-timeline", {0: exact, 1: exact, 2: exact}, everywhere=True),
    Page("event-timestamp", {0: exact, 1: exact, 2: steps({775: 775})}),
    # Timers and what works like one
    Page(
        "interval-counter",
        {
            0: count(10),
            1: lambda at: floor(at.ms / floor(1000 / at.fps)),
            2: lambda at: min(5, count(20)(at)),
        },
        everywhere=True,
    ),
    Page("timeout-chain", {0: count(7), 1: lambda at: 7 * count(7)(at)}, everywhere=True),
    Page("timeout-clamp", {0: lambda at: 6 + count(4)(at), 1: lambda at: 6 + count(4)(at)}),
    Page("timer-order", {0: steps({100: 0o4, 200: 0o42, 300: 0o4213})}),
    Page("first-timestamp", {0: exact, 1: exact, 2: exact}, everywhere=True),
    Page(
        "frame-zero",
        {0: exact, 1: lambda at: exact(at) - exact(Moment(15, at.fps)) + 1 if at.frame >= 15 else 0, 2: frame_number},
    ),
    Page("raf-accumulator", {0: frame_number, 1: always(0)}, everywhere=True),
    Page("random-walk", {}, random={0: True, 1: False}),
    Page("crypto-random", {2: always(1)}, random={0: True, 1: False}),
    Page("idle-callback", {0: exact, 1: always(1)}),
    Page("message-channel", {0: exact, 1: exact}),
    Page("post-task", {0: steps({775: 775}), 1: exact, 2: exact}),
    Page("abort-timeout", {0: steps({775: 775})}),
    # CSS
    Page("css-animation", {0: exact}, everywhere=True),
    Page("css-property", {0: exact}, everywhere=True),
    Page("css-delay", {0: since(775), 1: elapsed(lambda t: t + 375)}, everywhere=True),
    Page(
        "css-alternate",
        {
            0: there_and_back,
            1: lambda at: 160 - exact(at) if at.frame <= 20 else min(80, exact(at) - 160),
            2: lambda at: exact(at) % 128,
        },
        everywhere=True,
    ),
    Page(
        "css-steps",
        {
            0: exact,
            1: lambda at: round(min(Fraction(2 * exact(at)), 480 + Fraction(2 * (exact(at) - 240), 3))),
        },
    ),
    Page("css-late", {0: since(775), 1: since_frame_from(775), 2: since(475)}, everywhere=True),
    Page("css-pseudo", {0: exact, 1: since(775)}),
    Page("css-paused", {0: elapsed(paused)}),
    Page("css-events", {0: since(475), 1: count(250)}),
    Page("css-transition", {0: exact}),
    Page(
        "css-transition-late",
        {0: since(775), 1: since_frame_from(775)},
        bars={2: bar(400, Fraction(1, 5))},
        everywhere=True,
    ),
    Page("css-transition-chain", {0: exact}),
    Page("css-scroll-driven", {0: lambda at: 37 * count(100)(at), 1: exact}),
    # Web Animations
    Page("waapi", {0: exact, 1: since(775), 2: lambda at: there_and_back(at, start=375)}, everywhere=True),
    Page(
        "waapi-rate",
        {
            0: elapsed(lambda t: t / 2),
            1: elapsed(lambda t: t if t < 475 else 2 * t - 475),
            2: elapsed(lambda t: min(t, 1950 - t)),
        },
    ),
    Page("waapi-pause", {0: elapsed(paused), 1: exact, 2: elapsed(lambda t: t if t < 475 else t + 525)}),
    Page(
        "waapi-start-time",
        {0: since(375), 1: elapsed(lambda t: t - 675 if t >= 775 else Fraction(0)), 2: exact},
    ),
    Page("waapi-ready", {0: exact, 1: since(775), 2: since_frame_from(1500)}),
    Page("waapi-finished", {0: exact, 1: exact, 2: elapsed(lambda t: min(t, Fraction(475)))}),
    Page("waapi-timelines", {0: since(200), 1: since(675), 2: lambda at: min(7, floor(at.ms / 250))}),
    Page(
        "inside-elements",
        {0: since(475)},
        bars={
            1: lambda at: 320.0 if at.ms >= 1632 else float(at.ms % 816) * 320 / 816,
            2: bar(75, Fraction(1, 6)),
        },
    ),
    # SVG
    Page("svg-smil", {0: exact}, bars={2: bar(0, Fraction(3, 20), end=270)}, everywhere=True),
    Page("svg-smil-late", {0: since(775)}, bars={2: bar(475, Fraction(3, 20))}),
    Page("svg-smil-within", {0: exact, 1: exact, 2: since(475)}),
    Page("svg-use", {}, bars={2: bar(0, Fraction(3, 20))}),
    Page(
        "svg-smil-scripted",
        {0: steps({475: 114, 875: 210})},
        bars={
            1: lambda at: float(paused(at.ms) * Fraction(3, 20)),
            2: lambda at: float(at.ms * Fraction(3, 20)) if at.ms >= 775 else 0.0,
        },
    ),
    # Libraries
    Page(
        "gsap-timeline",
        {0: exact, 1: since(775), 2: there_and_back},
        everywhere=True,
    ),
    Page("gsap-global", {0: exact, 1: since(775), 2: exact}),
    Page("gsap-module", {0: exact}),
    Page("gsap-late", {0: lambda at: exact(at) - 8 * floor(775 * at.fps / 1000) if at.ms >= 775 else 0}),
    Page("three", {0: exact, 1: exact}, everywhere=True),
    Page("lottie", {}, bars={2: bar(0, Fraction(3, 20))}),
    Page("hyperframes", {0: exact, 1: steps({400: 2748, 1400: 0})}),
    Page(
        "hyperframes-times",
        {
            0: steps(
                {
                    0: 6,
                    50: 0,
                    100: 1,
                    300: 2,
                    500: 0,
                    600: 3,
                    650: 4,
                    800: 5,
                    1000: 0,
                    1200: 8,
                    1300: 7,
                    1400: 0,
                    1500: 10,
                }
            ),
            1: steps({500: 1, 800: 0, 1300: 2, 1400: 0, 1500: 3, 1700: 0}),
            2: exact,
        },
    ),
    Page(
        "hyperframes-nested",
        {
            0: lambda at: ticks(at.ms - 400, at.fps) if 400 <= at.ms < 1400 else 0,
            1: lambda at: 2 * ticks(at.ms - 800, at.fps) if at.ms >= 800 else 0,
            2: always(42),
        },
    ),
    Page(
        "hyperframes-media",
        {
            0: lambda at: _picture(lambda t: 200 + 2 * (t - 475))(at) if 475 <= at.ms < 1275 else 2748,
            1: since(400),
            2: since(400),
        },
    ),
    Page("hyperframes-blend", {0: exact}),
    Page("helios", {0: count(50), 1: lambda at: 50 * count(50)(at) if at.ms >= 500 else 0}),
    # Frames
    Page("iframe-same-origin", {0: exact, 1: exact, 2: exact}, everywhere=True),
    Page("iframe-srcdoc", {0: exact, 1: exact, 2: exact}),
    Page("iframe-nested", {0: count(10), 1: exact, 2: exact}),
    Page("iframe-cross-origin", {0: exact, 1: exact, 2: exact}),
    Page("iframe-cross-origin-worker", {0: exact, 1: count(20), 2: count(35)}),
    Page("iframe-navigation", {0: since(775), 1: since(775), 2: since(1475)}),
    Page("iframe-late", {0: lambda at: exact(at) if at.ms >= 775 else 0}),
    # The environment
    Page("charset", {0: always(ord("ш")), 1: always(ord("ж")), 2: always(ord("ю"))}),
    Page("screen", {0: always(320), 1: always(180), 2: always(7)}),
    Page("caret", {0: exact}),
    Page("paint-worklet", {0: exact}),
    # What has to load
    Page("web-font", {0: exact}),
    Page("web-font-late", {0: lambda at: exact(at) if at.ms >= 775 else 0}),
    Page("web-font-lazy", {0: lambda at: exact(at) if at.ms >= 775 else 0, 1: since(475)}),
    Page("image-lazy", {0: steps({775: 2748})}),
    Page(
        "image-late",
        {
            0: steps({475: 475, 775: 775, 1175: 1175}),
            1: lambda at: at.frame - at.frame % 16 + 1,
            2: steps({975: 3333}),
        },
    ),
    Page("image-animated", {line: lambda at: count(100)(at) % 12 for line in (0, 1, 2)}, everywhere=True),
    Page(
        "image-animated-late",
        {0: lambda at: count(100, start=400)(at) % 12, 1: lambda at: count(100, start=700)(at) % 12},
    ),
    Page("image-animated-typed", {line: lambda at: count(100)(at) % 12 for line in (0, 1, 2)}),
    Page("background-late", {0: steps({775: 2748}, before=5)}),
    Page("async-fetch", {0: exact, 1: exact}),
    Page("async-import", {0: exact, 1: exact}),
    Page("fetch-late", {0: since(475), 1: since(775), 2: since(975)}),
    Page("top-level-await", {0: exact, 1: exact}),
    Page("ready-promise", {0: exact, 1: exact, 2: always(10)}),
    # What the browser answers later
    Page("work-pictures", {0: exact, 1: exact, 2: exact}),
    Page("work-answers", {0: count(100), 1: count(150), 2: count(200)}),
    Page("work-chains", {0: frame_number, 1: exact, 2: always(0o123)}),
    Page("work-waits", {0: count(100), 1: steps({475: 7, 775: 9}), 2: exact}),
    # Workers
    Page("worker-interval", {0: count(20), 1: count(35)}, everywhere=True),
    Page("worker-module", {0: count(20), 1: count(35)}),
    Page("worker-blob", {0: count(20), 1: count(35)}),
    Page("worker-late", {0: since(475), 1: count(20, start=775), 2: count(20, start=975)}),
    Page("worker-relay", {0: count(150), 1: count(250), 2: count(60)}),
    Page("worker-clock", {0: exact, 1: exact, 2: always(1)}),
    Page("offscreen-raf", {0: exact}, everywhere=True),
    Page("offscreen-message", {0: exact}),
    # Shadow roots
    Page("shadow-closed", {0: exact, 1: since(775)}, everywhere=True),
    Page("shadow-open", {0: exact, 1: since(775), 2: exact}, cut=(3, 2)),
    Page("shadow-declarative", {0: exact}),
    # Observers, scrolling, view transitions
    Page("intersection-observer", {0: frame_number}),
    Page("resize-observer", {0: exact}),
    Page("mutation-observer", {0: exact}),
    Page("scroll-raf", {0: exact}),
    Page(
        "scroll-smooth",
        {
            0: scrolls((110, 0, 900), (610, 900, 2500), (1410, 2500, 0), (1710, 3000, 3000)),
            1: steps({610: 2, 1277: 3, 1711: 4}),
            2: scrolls((310, 0, 1600), (1210, 1600, 4000)),
        },
    ),
    Page("scroll-still", {0: steps({775: 2748}, before=5)}),
    Page("layer-history", {0: exact}, cut=(3, 2)),
    Page("view-transition", {0: always(0)}, bars={2: bar(475, Fraction(8, 25))}),
    # Video and sound
    Page("video-play", _video(lambda t: t), everywhere=True),
    Page("video-autoplay", _video(lambda t: t)),
    Page("video-late", _video(lambda t: min(max(Fraction(0), t - 775), Fraction(795))), everywhere=True),
    Page("video-loop", _video(lambda t: (t + 200) % 800)),
    Page("video-canvas", _video(lambda t: t)),
    Page("video-slow-page", _video(lambda t: t)),
    Page(
        "video-clips",
        {0: _picture(lambda t: Fraction(1000) if 475 <= t < 775 else t)},
        everywhere=True,
    ),
    Page(
        "video-shadow",
        {0: _picture(lambda t: t), 1: _picture(lambda t: max(Fraction(0), t - 475))},
    ),
    Page(
        "video-scripted",
        {
            0: _picture(lambda t: min(Fraction(799), max(Fraction(0), t - 475))),
            1: _picture(lambda t: t if t < 775 else 2 * t - 775),
            2: lambda at: 30 if at.frame % 2 else at.frame,
        },
    ),
    Page(
        "video-playlist",
        {
            0: _picture(lambda t: t if t < 800 else t - 800),
            1: _picture(lambda t: max(Fraction(0), t - 475)),
            2: elapsed(lambda t: t if t < 800 else t - 800),
        },
    ),
    Page(
        "audio-clock",
        {
            0: elapsed(lambda t: min(t, Fraction(1175))),
            1: since(1175),
            2: elapsed(lambda t: min(2 * (t - Fraction(1432, 3)), Fraction(1175))),
        },
    ),
    Page(
        "audio-shown",
        {
            0: since(0),
            1: since(250),
            2: elapsed(lambda t: min(t, max(Fraction(500), t - 500))),
        },
    ),
    Page(
        "video-sought",
        {0: lambda at: at.frame - at.frame % 2, 1: frame_number, 2: steps({775: 900})},
    ),
    Page(
        "video-moved",
        {
            0: _picture(lambda t: max(Fraction(0), t - 475) if t < 975 else t - 975),
            1: lambda at: 3 * floor(at.ms / 100),
            2: lambda at: at.frame % 20,
        },
    ),
    Page(
        "media-events",
        {
            0: elapsed(lambda t: min(t, Fraction(1175))),
            1: steps({210: 1, 410: 0, 510: 2, 710: 0, 910: 3, 1110: 0}),
            2: steps({475: 3, 775: 6, 975: 9, 1175: 12, 1575: 15}),
        },
    ),
    Page(
        "video-part",
        {0: _picture(lambda t: min(t + 410, Fraction(1410))), 1: lambda at: min(at.frame, 29)},
    ),
    Page(
        "media-source",
        {
            0: lambda at: min(_picture(_stalled)(at), 23) if at.ms < 1575 else _picture(_stalled)(at),
            1: steps({475: 1, 1275: 2, 1575: 3}),
            2: elapsed(_stalled),
        },
    ),
    # Libraries whose first drawing takes more than one animation frame by itself
    Page("p5", {0: frame_number, 1: frame_number, 2: exact}, cut=(3, 2)),
    Page("pixi", {0: frame_number, 1: exact}, cut=(3, 2)),
    Page("maplibre", {0: exact}, cut=(2, 1)),
    Page("webgl-programs", {0: exact}, cut=(3, 2)),
)
