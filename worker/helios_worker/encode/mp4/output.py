"""MP4 output whose bytes depend only on its packets: no dates, no versions of libraries."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from math import lcm
from pathlib import Path
from typing import BinaryIO

import av
from av.container import OutputContainer

from helios_worker.errors import HeliosError, ResourceError

MAX_TIMESCALE = 2**31 - 1


def open_output(
    target: Path | BinaryIO, fps: Fraction, *, faststart: bool, sample_rate: int | None = None
) -> OutputContainer:
    """A new MP4 file.

    faststart: writes the index before the media, so that a browser plays while it loads. Needs a Path.
    sample_rate: of an audio track beside the video, in Hz.
    """
    options = {
        "fflags": "+bitexact",
        "movie_timescale": str(movie_timescale(fps, sample_rate)),
    }
    if faststart:
        options["movflags"] = "+faststart"
    return av.open(str(target) if isinstance(target, Path) else target, "w", format="mp4", options=options)


def movie_timescale(fps: Fraction, sample_rate: int | None) -> int:
    """Ticks per second of durations and edit lists, so that frames and samples last whole numbers of ticks.

    FFmpeg's default of 1,000 rounds the length of the video to milliseconds.
    """
    if sample_rate is None:
        return fps.numerator
    both = lcm(fps.numerator, sample_rate)
    return both if both <= MAX_TIMESCALE else fps.numerator


@contextmanager
def write_errors(target: Path | BinaryIO) -> Iterator[None]:
    """Turns errors of FFmpeg or the system about writing `target` into ours.

    Raises:
        ResourceError: the disk is full.
        HeliosError: `target` cannot be written for another reason.
    """
    name = str(target) if isinstance(target, Path) else "memory"
    try:
        yield
    except (av.FFmpegError, OSError) as error:
        problem = f"cannot write {name}: {error.strerror}"
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.ENOMEM):
            raise ResourceError(problem, remedy="free some space or use another disk") from error
        raise HeliosError(problem) from error
