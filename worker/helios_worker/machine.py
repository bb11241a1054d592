"""What this machine is, as far as a render depends on it: processors, memory, instruction sets, versions."""

import hashlib
import os
import platform
from functools import cache
from pathlib import Path

# The feature levels of the x86-64 psABI; a level counts when all of its flags are there.
_X86_LEVELS = (
    ("x86-64-v4", {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}),
    ("x86-64-v3", {"avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "movbe"}),
    ("x86-64-v2", {"cx16", "popcnt", "sse4_1", "sse4_2", "ssse3"}),
)


@cache
def package_version() -> str:
    """The version of this package."""
    from importlib.metadata import version

    return version("helios-render")


@cache
def cpu_class() -> str:
    """The instruction set family that Skia, libjpeg and the codecs choose their code by, such as x86-64-v3."""
    machine = platform.machine()
    if machine not in ("x86_64", "AMD64"):
        return machine
    flags: set[str] = set()
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("flags"):
            flags = set(line.partition(":")[2].split())
            break
    return next((level for level, needed in _X86_LEVELS if needed <= flags), "x86-64-v1")


FONT_FOLDERS = ("/usr/share/fonts", "/usr/local/share/fonts")


@cache
def fonts_digest() -> str:
    """A digest of the system's fonts by name and size. Other fonts give other pictures."""
    digest = hashlib.sha256()
    for folder in FONT_FOLDERS:
        for path in sorted(Path(folder).rglob("*")):
            if path.is_file():
                digest.update(f"{path.relative_to(folder)} {path.stat().st_size}\n".encode())
    return digest.hexdigest()[:12]


def cpu_count() -> int:
    """Processors this process may use: its affinity, or less where its cgroup's quota says so; at least 1."""
    allowed = len(os.sched_getaffinity(0))
    quota = _cgroup_quota()
    return max(1, min(allowed, int(quota + 0.5)) if quota else allowed)


def memory_limit() -> int | None:
    """Bytes of memory this process's cgroup may use; None where there is no limit."""
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        text = _read(path)
        if text and text != "max" and int(text) < 1 << 60:
            return int(text)
    return None


def _cgroup_quota() -> float | None:
    text = _read("/sys/fs/cgroup/cpu.max")
    if text and not text.startswith("max"):
        quota, period = text.split()
        return int(quota) / int(period)
    quota_us = _read("/sys/fs/cgroup/cpu/cpu.cfs_quota_us")
    period_us = _read("/sys/fs/cgroup/cpu/cpu.cfs_period_us")
    if quota_us and period_us and int(quota_us) > 0:
        return int(quota_us) / int(period_us)
    return None


def _read(path: str) -> str | None:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return None
