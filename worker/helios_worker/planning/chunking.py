"""Cuts a film into chunks, always on the encoder's unit grid, by frames, by count or by estimated time."""

import math
from dataclasses import dataclass
from itertools import pairwise

from helios_crds.remedies import setting
from helios_crds.request import MAX_CHUNKS, RenderRequest
from helios_worker.errors import UserError
from helios_worker.jobs.spec import Chunk, CostPoint, Engine, FilmSpec, chunk_key

DEFAULT_TARGET_SECONDS = 60.0
# x264 veryfast takes about 25 ms for a 1080p frame on one processor. Only its ratio to capture matters here.
ENCODE_SECONDS_PER_MEGAPIXEL = 0.012
# A chunk with less than this share of the target is not worth a start of its own, and joins a neighbour.
LEAST_SHARE = 0.25


def cut_chunks(film: FilmSpec, costs: list[CostPoint], request: RenderRequest, engine: Engine) -> list[Chunk]:
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
            cost=round(curve.between(start, end), 3),
        )
        for index, (start, end) in enumerate(pairwise(bounds))
    ]


def chunk_bounds(film: FilmSpec, costs: list[CostPoint], request: RenderRequest) -> list[int]:
    """The first frame of each chunk, and the frame after the last.

    Raises:
        UserError: there would be more chunks than a job may have.
    """
    bounds = _bounds(film, costs, request)
    if len(bounds) - 1 > MAX_CHUNKS:
        raise UserError(
            f"the film would be cut into {len(bounds) - 1} chunks; a job has at most {MAX_CHUNKS}",
            remedy=f"ask for longer ones, with {setting('chunking.frames')} or {setting('chunking.targetDuration')}",
        )
    return bounds


def _bounds(film: FilmSpec, costs: list[CostPoint], request: RenderRequest) -> list[int]:
    unit, chunking = film.encoder.unit_frames, request.chunking
    inner = range(-(-(film.first + 1) // unit) * unit, film.end, unit)
    if chunking.count is not None:
        curve = frame_costs(film, costs)
        total = curve.between(film.first, film.end)
        return _cuts(film, inner, curve, total / chunking.count)
    if chunking.frames is not None:
        units = max(1, -(-chunking.frames // unit))
        return [film.first, *(frame for frame in inner if frame // unit % units == 0), film.end]
    curve = frame_costs(film, costs)
    total = curve.between(film.first, film.end)
    return _cuts(film, inner, curve, max(chunking.targetSeconds or DEFAULT_TARGET_SECONDS, total / MAX_CHUNKS))


def _cuts(film: FilmSpec, inner: range, curve: "CostCurve", target: float) -> list[int]:
    """Cuts where the work so far passes a multiple of the target, so that rounding does not add up from chunk to chunk.

    One unit may cost more than several targets; the multiples within it are skipped.
    """
    bounds, work, spent, since, due = [film.first], [0.0], 0.0, film.first, target
    for frame in inner:
        cost = curve.between(since, frame)
        spent += cost
        work[-1] += cost
        since = frame
        if spent >= due - 1e-9:
            bounds.append(frame)
            work.append(0.0)
            due = target * (math.floor(spent / target + 1e-9) + 1)
    work[-1] += curve.between(since, film.end)
    return join_small([*bounds, film.end], work, LEAST_SHARE * target)


def join_small(bounds: list[int], work: list[float], least: float) -> list[int]:
    """Joins each chunk of less work than `least` with the neighbour that has less, the smallest first.

    work: of the chunk between each bound and the next.
    """
    bounds, work = list(bounds), list(work)
    while len(work) > 1 and min(work) < least:
        small = work.index(min(work))
        is_left = small > 0 and (small + 1 == len(work) or work[small - 1] <= work[small + 1])
        first = small - 1 if is_left else small
        work[first : first + 2] = [work[first] + work[first + 1]]
        del bounds[first + 1]
    return bounds


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
