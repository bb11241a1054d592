"""Sound files for tests: clicks, tones and silence in every format."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from helios_worker.encode.audio.mixer import Mixer
from helios_worker.encode.audio.sound_plan import Piece, SoundPlan, SoundSource

Stereo = NDArray[np.float32]

# Name, container, codec, samples a second.
KINDS = (
    ("u8.wav", "wav", "pcm_u8", 8_000),
    ("s16.wav", "wav", "pcm_s16le", 44_100),
    ("s24.wav", "wav", "pcm_s24le", 48_000),
    ("s32.wav", "wav", "pcm_s32le", 96_000),
    ("float.wav", "wav", "pcm_f32le", 192_000),
    ("double.wav", "wav", "pcm_f64le", 22_050),
    ("a.mp3", "mp3", "libmp3lame", 44_100),
    ("a.m4a", "mp4", "aac", 44_100),
    ("opus.webm", "webm", "libopus", 48_000),
    ("opus.ogg", "ogg", "libopus", 48_000),
    ("vorbis.webm", "webm", "vorbis", 44_100),
    ("vorbis.ogg", "ogg", "vorbis", 44_100),
    ("a.flac", "flac", "flac", 44_100),
    ("mp3.mkv", "matroska", "libmp3lame", 44_100),
    ("aac.mkv", "matroska", "aac", 48_000),
)


def clicks(rate: int, seconds: float, at: Sequence[float], channels: int = 2) -> Stereo:
    samples = np.zeros((channels, round(rate * seconds)), np.float32)
    samples[:, [round(time * rate) for time in at]] = 0.9
    return samples


def tone(rate: int, seconds: float, hertz: float = 440, level: float = 0.5, channels: int = 1) -> Stereo:
    wave = level * np.sin(2 * np.pi * hertz * np.arange(round(rate * seconds)) / rate)
    return np.repeat(wave[np.newaxis].astype(np.float32), channels, axis=0)


def write(
    path: Path, samples: Stereo, rate: int, *, kind: str = "wav", codec: str = "pcm_f32le", layout: str = ""
) -> Path:
    """Writes channels × samples to a file."""
    layout = layout or {1: "mono", 2: "stereo", 6: "5.1"}[len(samples)]
    with av.open(str(path), "w", format=kind) as container:
        stream: Any = container.add_stream(codec, rate=rate, layout=layout, options={"strict": "experimental"})
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), format="fltp", layout=layout)
        frame.sample_rate, frame.pts = rate, 0
        resampler = av.AudioResampler(stream.codec_context.format.name, layout, rate)
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))
    return path


def plan_of(files: Sequence[Path], *pieces: Piece, seconds: int = 10, **more: Any) -> SoundPlan:
    sources = [SoundSource(sha256=f"{place:064x}", name=file.name) for place, file in enumerate(files)]
    return SoundPlan(**({"fps": 30, "end": 30 * seconds} | more), sources=tuple(sources), pieces=pieces)


def mixed(
    files: Sequence[Path], *pieces: Piece, block: int = 48_000, threads: int = 1, seconds: int = 10, **more: Any
) -> Stereo:
    """The mix of pieces of files: samples × 2."""
    plan = plan_of(files, *pieces, seconds=seconds, **more)
    return np.concatenate(list(Mixer(plan.score(files), block=block, threads=threads).blocks()))


def peak_near(samples: Stereo, at: int, reach: int = 2400) -> int:
    """How many samples after `at` the loudest sample near it is."""
    near = np.abs(samples[max(0, at - reach) : at + reach]).max(axis=1)
    assert near.max() > 0.05, f"nothing is heard near sample {at}"
    return int(near.argmax()) - min(reach, at)
