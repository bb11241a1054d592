"""Decoded frames as stereo samples."""

from fractions import Fraction
from typing import TypeAlias

import av
import numpy as np
from av.audio.plane import AudioPlane
from numpy.typing import NDArray

Samples: TypeAlias = NDArray[np.float32]
"""Stereo sound: samples × 2, in which 1 is full scale."""
Side: TypeAlias = NDArray[np.float32]
"""One channel of it."""

CHANNELS = 2
HIGHEST = 64.0
"""36 dB above full scale."""
_HALF = 2**-0.5
_CENTRE = {"FC": 1.0, "BC": _HALF, "TC": 1.0, "TFC": 1.0, "TBC": _HALF}
_LEFT = ("SL", "BL", "FLC", "WL", "SDL", "TFL", "TBL", "TSL", "BFL", "SSL", "TTL")
_SILENT = ("LFE", "LFE2")
# The type of each format of decoders, its number for silence, and how far from that full scale is.
_FULL = {
    "u8": (np.uint8, 2.0**7, 2.0**7),
    "s16": (np.int16, 0.0, 2.0**15),
    "s32": (np.int32, 0.0, 2.0**31),
    "s64": (np.int64, 0.0, 2.0**63),
    "flt": (np.float32, 0.0, 1.0),
    "dbl": (np.float64, 0.0, 1.0),
}


def nothing() -> Samples:
    """No samples."""
    return np.zeros((0, CHANNELS), np.float32)


def silence(count: int) -> Samples:
    """So many samples of nothing."""
    return np.zeros((count, CHANNELS), np.float32)


def long_silence(count: int) -> Samples:
    """The same without memory for each, to be read only."""
    return np.broadcast_to(np.zeros((1, CHANNELS), np.float32), (count, CHANNELS))


def frame_of(samples: Samples, rate: int, at: int = 0, *, is_planar: bool = True) -> av.AudioFrame:
    """A frame of stereo samples of a rate in Hz, of which `at` came before it. is_planar: one side after the other."""
    sides = np.ascontiguousarray(samples.T) if is_planar else np.ascontiguousarray(samples).reshape(1, -1)
    frame = av.AudioFrame.from_ndarray(sides, format="fltp" if is_planar else "flt", layout="stereo")
    frame.sample_rate, frame.pts, frame.time_base = rate, at, Fraction(1, rate)
    return frame


def stereo(frame: av.AudioFrame) -> Samples:
    """A decoded frame as stereo.

    One channel is heard on both sides at its level. More than two are mixed as the Web Audio standard and ITU-R BS.775
    say: the centre and each surround channel at -3 dB, without the low-frequency one, and without turning all down.
    """
    channels = [_bounded(channel) for channel in _channels(frame)]
    if len(channels) <= 2:
        sides = np.empty((frame.samples, CHANNELS), np.float32)
        sides[:, 0], sides[:, 1] = channels[0], channels[-1]
        return sides
    names = [channel.name for channel in frame.layout.channels]
    mixed = silence(frame.samples)
    for place, name in enumerate(names):
        for side, share in enumerate(_shares(name, place)):
            if share:
                mixed[:, side] += channels[place] * np.float32(share)
    return mixed


def _shares(name: str, place: int) -> tuple[float, float]:
    """How loud a channel is left and right. place: of it in the file, for channels without a name."""
    if name in _SILENT:
        return 0.0, 0.0
    if name in _CENTRE:
        return _HALF * _CENTRE[name], _HALF * _CENTRE[name]
    if name in ("FL", "DL"):
        return 1.0, 0.0
    if name in ("FR", "DR"):
        return 0.0, 1.0
    if name in _LEFT:
        return _HALF, 0.0
    if name.replace("R", "L") in _LEFT:
        return 0.0, _HALF
    return (1.0, 0.0) if place % 2 == 0 else (0.0, 1.0)


def _channels(frame: av.AudioFrame) -> list[Side]:
    """Each channel's samples."""
    count = frame.layout.nb_channels
    if frame.format.is_planar:
        return [_scaled(frame, plane, 1) for plane in frame.planes[:count]]
    return list(_scaled(frame, frame.planes[0], count).reshape(-1, count).T)


def _scaled(frame: av.AudioFrame, plane: AudioPlane, count: int) -> Side:
    """A plane of so many channels, in which 1 is full scale."""
    kind, middle, full = _FULL[frame.format.name.removesuffix("p")]
    numbers = np.frombuffer(plane, kind, frame.samples * count)  # type: ignore[call-overload]
    with np.errstate(over="ignore"):  # a damaged double; _bounded sees to what comes of it
        samples: Side = numbers.astype(np.float32, copy=False)
    return samples if kind is np.float32 else (samples - np.float32(middle)) / np.float32(full)


def _bounded(samples: Side) -> Side:
    """Without what is no number, and within HIGHEST: a file of floating point can hold anything."""
    if np.abs(samples).max(initial=0.0) <= HIGHEST:  # not so if one is no number
        return samples
    return np.clip(np.nan_to_num(samples, nan=0.0, posinf=HIGHEST, neginf=-HIGHEST), -HIGHEST, HIGHEST)
