"""What the sound of a film is compared with."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ExpectedSound:
    """The mix of a film. samples: its length. levels: file of encode.audio.levels.

    peak: its highest true peak, linear; None where it is encoded too poorly to keep it.
    """

    samples: int
    levels: Path
    peak: float | None
