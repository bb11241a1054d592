"""Makes FFmpeg compute alike on every processor of a kind, so that a mix has the same bytes on all of them.

FFmpeg chooses among versions of its loops by what the processor has, and those round differently: with AVX2 masked,
decoders, resampler and encoder all give other samples (measured; masking AVX-512 alone changes nothing). PyAV has no
function for it, so FFmpeg's own is called in the library that PyAV has loaded.
"""

import ctypes
import platform
from pathlib import Path

BASELINE = 0x1 | 0x2 | 0x8 | 0x10 | 0x1000
"""MMX, MMXEXT, SSE, SSE2 and CMOV, which every x86-64 has, by libavutil/cpu.h. No mix takes longer (measured)."""


def compute_alike() -> bool:
    """Limits FFmpeg to the baseline, in this whole process.

    Returns:
        Whether that could be done: not on other kinds of processors, or where PyAV brings no such library.
    """
    if platform.machine() not in ("x86_64", "AMD64"):
        return False
    lines = Path("/proc/self/maps").read_text().splitlines()
    library = next((line.split()[-1] for line in lines if "libavutil" in line.rpartition("/")[2]), None)
    if library is None:
        return False
    ctypes.CDLL(library).av_force_cpu_flags(BASELINE)
    return True
