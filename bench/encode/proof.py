"""What proving a film costs: reading its packets, or decoding every frame.

python -m bench.encode.proof [--size 1920x1080] [--units 8]
"""

import argparse
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.encode.content import page, stored
from helios_worker.encode.film.concat import concatenate
from helios_worker.encode.proof.segment import inspect_segment
from helios_worker.encode.proof.verify import verify_video
from helios_worker.encode.video.picture import PictureDecoder
from helios_worker.encode.video.settings import EncoderSettings
from helios_worker.encode.video.unit import UnitEncoder


def report(name: str, frames: int, work: Callable[[], object]) -> None:
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    print(f"{name:42}{wall * 1000:9.0f}{cpu * 1000:9.0f}{cpu / frames * 1000:12.3f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", default="1920x1080")
    parser.add_argument("--units", type=int, default=8)
    given = parser.parse_args()
    width, height = (int(side) for side in given.size.split("x"))
    settings = EncoderSettings(width=width, height=height, fps=30, crf=18, preset="veryfast", unit_frames=60)
    decoder, encoder = PictureDecoder(settings), UnitEncoder(settings)
    for frame in range(60):
        picture = stored(page(width, height, frame, grain=2), "JPEG", quality=90, subsampling=2)
        encoder.encode(decoder.decode(picture))
    unit = encoder.finish()

    with TemporaryDirectory() as folder:
        segment, film = Path(folder) / "segment.mp4", Path(folder) / "film.mp4"
        frames = 60 * given.units
        print(f"{given.size}, {frames} frames".ljust(42) + "  wall ms   cpu ms  cpu ms/frame")

        def write() -> None:
            units = [BytesIO(unit.mp4) for _ in range(given.units)]
            concatenate(units, segment, settings, expected=[unit.frames] * given.units)

        steps: list[tuple[str, Callable[[], object]]] = [
            ("join units to a segment", write),
            ("inspect_segment, packets", lambda: inspect_segment(segment, settings, decode=False)),
            ("inspect_segment, decode, 1 thread", lambda: inspect_segment(segment, settings)),
            ("inspect_segment, decode, 2 threads", lambda: inspect_segment(segment, settings, threads=2)),
            ("concatenate", lambda: concatenate([segment], film, settings, expected=[frames])),
            ("verify_video, packets", lambda: verify_video(film, decode=False)),
            ("verify_video, decode, 1 thread", lambda: verify_video(film)),
            ("verify_video, decode, 2 threads", lambda: verify_video(film, threads=2)),
        ]
        for name, step in steps:
            report(name, frames, step)
        print(f"{film.stat().st_size * 8 / frames * 30 / 1e6:.1f} Mbit/s")


if __name__ == "__main__":
    main()
