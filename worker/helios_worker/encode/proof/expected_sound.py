"""What the sound of a film is compared with."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ExpectedSound:
    """The mix of a film. samples: its length. levels: file of encode.audio.levels. peak: highest true peak, linear."""

    samples: int
    levels: Path
    peak: float
