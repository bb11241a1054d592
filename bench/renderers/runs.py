"""What one run of the comparison leaves behind: every render with its figures, as JSON."""

import json
import os
import platform
import subprocess
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path


@dataclass
class Run:
    """One render. kind: film, cold (one frame only) or tune (a short one to choose the number of workers).

    Seconds and bytes. workers is None where the renderer chose. SSIM is measured in the first round only.
    """

    kind: str
    round: int
    peer: str
    page: str
    size: str
    surface: str
    setting: str
    frames: int
    workers: int | None = None
    wall: float = 0.0
    cpu_user: float = 0.0
    cpu_system: float = 0.0
    peak_memory: int = 0
    first_frame: float | None = None
    leftovers: int = 0
    bytes: int = 0
    decoded: int = 0
    exact: int = 0
    first_wrong: tuple[int, int | None] | None = None
    fps: str = ""
    pixels: str = ""
    range: str = ""
    matrix: str = ""
    ssim: float | None = None
    ssim_lowest: float | None = None
    ssim_matrix: str = ""
    error: str = ""

    @property
    def cpu(self) -> float:
        return self.cpu_user + self.cpu_system


@dataclass
class Results:
    """Every run, and what made them. prepare: seconds each renderer needs once before any film (bundling)."""

    machine: dict[str, str] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    prepare: dict[str, float] = field(default_factory=dict)
    runs: list[Run] = field(default_factory=list)

    def save(self, file: Path) -> None:
        part = file.with_suffix(".part")
        part.write_text(json.dumps(asdict(self), indent=1))
        part.replace(file)

    @classmethod
    def load(cls, file: Path) -> "Results":
        raw = json.loads(file.read_text())
        return cls(**{**raw, "runs": [Run(**run) for run in raw["runs"]]})


def describe_machine(browser: str, node: str | None) -> dict[str, str]:
    """Processor, memory and the programs that every renderer shares."""
    models = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    machine = {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "processor": models[0].partition(":")[2].strip() if models else platform.machine(),
        "cores": str(len(os.sched_getaffinity(0))),
        "memory": f"{memory:.0f} GiB",
        "load before": f"{os.getloadavg()[0]:.2f}",
        "browser": _first_line([browser, "--version"]),
        "commit": _first_line(["git", "describe", "--always", "--dirty"]),
    }
    return machine | ({"node": _first_line([node, "--version"])} if node else {})


def _first_line(argv: list[str]) -> str:
    try:
        output = subprocess.run(argv, check=False, capture_output=True, text=True, timeout=30).stdout
    except OSError:
        return "unknown"
    return (output.splitlines() or ["unknown"])[0].strip()
