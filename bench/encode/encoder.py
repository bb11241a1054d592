"""What encoding costs per frame: threads of one encoder, encoders side by side, pictures that stand still.

    python -m bench.encode.encoder [--size 1920x1080] [--presets medium,veryfast] [--frames 60]

The page moves and has film grain. CPU is of the whole process; "two lanes" are two encoders in two threads
of one process, with as many frames each, so twice the work.
"""

import argparse
import resource
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import av

from bench.encode.content import page, stored
from helios_worker.encode.video.picture import PictureDecoder
from helios_worker.encode.video.settings import EncoderSettings
from helios_worker.encode.video.unit import EncodedUnit, StillUnits, UnitEncoder


def encode(settings: EncoderSettings, frames: Sequence[av.VideoFrame], stills: StillUnits | None = None) -> int:
    encoder = UnitEncoder(settings, stills=stills)
    for frame in frames:
        encoder.encode(frame)
    unit: EncodedUnit = encoder.finish()
    return len(unit.mp4)


def report(name: str, frames: int, work: Callable[[], int]) -> None:
    cpu, wall = time.process_time(), time.perf_counter()
    size = work()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{name:34}{wall / frames * 1000:8.1f}{cpu / frames * 1000:8.1f}{frames / wall:8.1f}"
        f"{size / 1000:9.0f}{memory:9.0f}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", default="1920x1080")
    parser.add_argument("--presets", default="medium,veryfast")
    parser.add_argument("--frames", type=int, default=60)
    given = parser.parse_args()
    width, height = (int(side) for side in given.size.split("x"))
    count: int = given.frames

    def settings(preset: str, threads: int) -> EncoderSettings:
        return EncoderSettings(
            width=width, height=height, fps=30, crf=18, preset=preset, threads=threads, unit_frames=count
        )

    def film() -> list[av.VideoFrame]:
        decoder = PictureDecoder(settings("medium", 1))
        return [
            decoder.decode(stored(page(width, height, n, grain=2), "JPEG", quality=90, subsampling=2))
            for n in range(count)
        ]

    films = [film(), film()]
    print(f"{given.size}, {count} frames".ljust(34) + " wall ms  cpu ms     fps  size kB   peak MiB")
    for preset in given.presets.split(","):
        for threads in (1, 2):
            work = partial(encode, settings(preset, threads), films[0])
            report(f"{preset}, threads={threads}", count, work)
        with ThreadPoolExecutor(2) as pool:
            lanes = partial(pool.map, partial(encode, settings(preset, 1)), films)
            report(f"{preset}, threads=1, two lanes", 2 * count, lambda lanes=lanes: sum(lanes()))
        still = partial(encode, settings(preset, 1), [films[0][0]] * count, StillUnits())
        report(f"{preset}, still picture", count, still)
        report(f"{preset}, still again", count, still)


if __name__ == "__main__":
    main()
