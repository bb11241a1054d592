"""How fast sound is mixed, as a multiple of real time, and how much memory that takes.

    python -m bench.sound.mix [--tracks 1,10,100] [--seconds 60] [--minutes 1,10,60] [--memory-tracks 3]
                              [--rates pitch-kept|pitch-free]

Tracks are MP3 of 44.1 kHz, AAC of 48 kHz and FLAC of 44.1 kHz in turn, of noise and tones, and loop where the film is
longer. With --rates, the rate of each changes at each frame from 5 s on, between 0.7 and 1.3. Each mix runs in its own
process, as in a stitch, with all that belongs to it, from decoding to AAC.
"""

import argparse
import resource
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from helios_worker.encode.audio.mix import mix_sound
from helios_worker.encode.audio.sound_plan import Envelope, Loop, Piece, RateCurve, SoundPlan, SoundSource

KINDS = (("mp3", "libmp3lame", 44_100), ("mp4", "aac", 48_000), ("flac", "flac", 44_100))
SOURCE_SECONDS = 60
FPS = 30


def main() -> None:
    options = _options()
    with tempfile.TemporaryDirectory(prefix="helios-bench-") as name:
        folder = Path(name)
        files = [_source(folder, index) for index in range(len(KINDS))]
        print("tracks seconds  wall s   CPU s  × real time (wall)  MiB")
        for tracks in options.tracks:
            _row(files, tracks, options.seconds, folder, options.rates)
        for minutes in options.minutes:
            _row(files, options.memory_tracks, minutes * 60, folder, options.rates)


def _row(files: list[Path], tracks: int, seconds: int, folder: Path, rates: str) -> None:
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    plan, sources = _plan(files, tracks, seconds, rates)
    report = mix_sound(plan, sources, folder).report
    wall = time.monotonic() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(f"{tracks:6} {seconds:7} {wall:7.2f} {cpu:7.2f} {seconds / wall:19.1f}  {report.memory >> 20}")


def _plan(files: list[Path], tracks: int, seconds: int, rates: str = "") -> tuple[SoundPlan, list[Path]]:
    frames = seconds * FPS
    fade = [(n, 0.5 + 0.5 * abs(np.sin(n / 20))) for n in range(frames)]
    turns = tuple((n, round((1 + 0.3 * np.sin(n / 6)) * 10**6)) for n in range(5 * FPS, seconds * FPS))
    pieces = [
        Piece(
            source=index % len(files),
            start=Fraction(index, 7) % 5,
            duration=Fraction(seconds),
            rates=RateCurve(tick=Fraction(1, FPS), points=turns) if rates else None,
            preservesPitch=rates != "pitch-free",
            loop=Loop(),
            gain=1 / tracks,
            envelope=0,
        )
        for index in range(tracks)
    ]
    sources = [SoundSource(sha256=f"{index:064x}", name=file.name) for index, file in enumerate(files)]
    plan = SoundPlan(
        fps=Fraction(FPS),
        end=frames,
        sources=tuple(sources),
        pieces=tuple(pieces),
        envelopes=(Envelope.through(fade, Fraction(1, FPS)),),
    )
    return plan, files


def _source(folder: Path, index: int) -> Path:
    kind, codec, rate = KINDS[index]
    path = folder / f"track-{index}.{kind}"
    times = np.arange(rate * SOURCE_SECONDS) / rate
    noise = np.random.default_rng(index).normal(0, 0.1, (2, len(times)))
    samples = (noise + 0.3 * np.sin(2 * np.pi * 220 * (index + 1) * times)).astype(np.float32)
    with av.open(str(path), "w", format=kind) as container:
        stream = container.add_stream(codec, rate=rate, layout="stereo")
        frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="stereo")
        frame.sample_rate, frame.pts = rate, 0
        resampler = av.AudioResampler(stream.codec_context.format.name, "stereo", rate)
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))
    return path


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    numbers = lambda text: [int(each) for each in text.split(",") if each]  # noqa: E731
    parser.add_argument("--tracks", type=numbers, default=[1, 10, 100])
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--minutes", type=numbers, default=[1, 10, 60])
    parser.add_argument("--memory-tracks", type=int, default=3)
    parser.add_argument("--rates", choices=("pitch-kept", "pitch-free"), default="")
    return parser.parse_args()


if __name__ == "__main__":
    main()
