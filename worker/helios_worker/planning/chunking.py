"""Cuts a film into chunks, always on the encoder's unit grid, by frames, by count or by estimated time."""

import math
from bisect import bisect_left
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from itertools import pairwise

from helios_crds.remedies import setting
from helios_crds.request import MAX_CHUNKS, RenderRequest
from helios_worker.errors import UserError
from helios_worker.jobs.spec import Chunk, CostPoint, Engine, FilmSpec, chunk_keys

DEFAULT_TARGET_SECONDS = 60.0
# x264 veryfast takes about 25 ms for a 1080p frame on one processor. Only its ratio to capture matters here.
ENCODE_SECONDS_PER_MEGAPIXEL = 0.012
# A chunk with less than this share of the target is not worth a start of its own, and joins a neighbour.
LEAST_SHARE = 0.25


def cut_chunks(film: FilmSpec, costs: list[CostPoint], request: RenderRequest, engine: Engine) -> list[Chunk]:
    """The film's chunks, in order, each cut on the unit grid.

    Raises:
        UserError: there would be more chunks than a job may have.
    """
    bounds = chunk_bounds(film, costs, request)
    curve = frame_costs(film, costs)
    key = chunk_keys(engine, film)
    return [
        Chunk(
            id=index,
            startFrame=start,
            frameCount=end - start,
            outputFile=f"segment-{index:05d}.mp4",
            key=key(start, end - start),
            cost=round(curve.between(start, end), 3),
        )
        for index, (start, end) in enumerate(pairwise(bounds))
    ]


def chunk_bounds(film: FilmSpec, costs: list[CostPoint], request: RenderRequest) -> list[int]:
    """The first frame of each chunk, and the frame after the last. Takes a time by the chunks, not by the frames.

    Raises:
        UserError: there would be more chunks than a job may have.
    """
    chunking = request.chunking
    if chunking.frames is not None:
        return _equal(film, chunking.frames)
    curve = frame_costs(film, costs)
    total = curve.between(film.first, film.end)
    if chunking.count is not None:
        return _cuts(film, curve, total / chunking.count)
    return _cuts(film, curve, max(chunking.targetSeconds or DEFAULT_TARGET_SECONDS, total / MAX_CHUNKS))


def _equal(film: FilmSpec, frames: int) -> list[int]:
    inner = _grid(film, max(1, -(-frames // film.encoder.unit_frames)))
    if len(inner) + 1 > MAX_CHUNKS:
        raise UserError(
            f"the film would be cut into {len(inner) + 1} chunks; a job has at most {MAX_CHUNKS}",
            remedy=f"ask for longer ones, with {setting('chunking.frames')} or {setting('chunking.targetDuration')}",
        )
    return [film.first, *inner, film.end]


def _grid(film: FilmSpec, units: int = 1) -> range:
    """The frames within the film where each so many units begin."""
    step = film.encoder.unit_frames * units
    return range(-(-(film.first + 1) // step) * step, film.end, step)


def _cuts(film: FilmSpec, curve: "CostCurve", target: float) -> list[int]:
    """Cuts where the work so far passes a multiple of the target, so that rounding does not add up from chunk to chunk.

    One unit may cost more than several targets; the multiples within it are skipped.
    """
    grid = _grid(film)
    bounds, due, passed = [film.first], target, 0
    while True:
        passed = bisect_left(grid, due - 1e-9, lo=passed, key=lambda frame: curve.between(film.first, frame))
        if passed == len(grid):
            break
        bounds.append(grid[passed])
        due = target * (math.floor(curve.between(film.first, grid[passed]) / target + 1e-9) + 1)
        passed += 1
    bounds.append(film.end)
    return join_small(bounds, [curve.between(*ends) for ends in pairwise(bounds)], LEAST_SHARE * target)


def join_small(bounds: list[int], work: list[float], least: float) -> list[int]:
    """Joins each chunk of less work than `least` with the neighbour that has less, the smallest first.

    work: of the chunk between each bound and the next.
    """
    work, count = list(work), len(work)
    # A chunk goes by the number of the first that is in it.
    before, behind = list(range(-1, count - 1)), list(range(1, count + 1))
    smallest = [(cost, chunk) for chunk, cost in enumerate(work)]
    heapify(smallest)
    joined: set[int] = set()
    while len(joined) < count - 1:
        cost, small = heappop(smallest)
        if small in joined or cost != work[small]:
            continue  # it has grown or gone since
        if cost >= least:
            break
        left, right = before[small], behind[small]
        is_left = left >= 0 and (right == count or work[left] <= work[right])
        first, second = (left, small) if is_left else (small, right)
        work[first] += work[second]
        joined.add(second)
        behind[first] = behind[second]
        if behind[first] < count:
            before[behind[first]] = first
        heappush(smallest, (work[first], first))
    return [bound for chunk, bound in enumerate(bounds) if chunk not in joined]


@dataclass(frozen=True)
class CostCurve:
    """Estimated seconds of work for each frame. Capture is interpolated between samples; encoding is per pixel."""

    points: tuple[CostPoint, ...]
    encode: float

    def at(self, frame: int) -> float:
        """Seconds for one frame."""
        points = self.points
        if not points:
            return self.encode + 0.03
        if frame <= points[0].frame:
            return self.encode + points[0].seconds
        for before, after in pairwise(points):
            if frame <= after.frame:
                share = (frame - before.frame) / (after.frame - before.frame)
                return self.encode + before.seconds + share * (after.seconds - before.seconds)
        return self.encode + points[-1].seconds

    def between(self, start: int, end: int) -> float:
        """Seconds for a run of frames. Frames between samples are summed at once, since a film may have millions."""
        ends = [point.frame + 1 for point in self.points if start < point.frame + 1 < end]
        return sum(
            (stop - first) * (self.at(first) + self.at(stop - 1)) / 2 for first, stop in pairwise([start, *ends, end])
        )


def frame_costs(film: FilmSpec, costs: list[CostPoint]) -> CostCurve:
    """The film's cost curve from its samples."""
    megapixels = film.encoder.width * film.encoder.height / 1e6
    return CostCurve(tuple(costs), ENCODE_SECONDS_PER_MEGAPIXEL * megapixels)
