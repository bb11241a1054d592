"""What is rendered: one visual at one size, and what each of its frames must show."""

import json
import shutil
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from string import Template

VISUALS = Path(__file__).parent / "visuals"
PAGES = ("heavy", "kinetic", "canvas", "still")


@dataclass(frozen=True)
class Film:
    """One visual: its page of visuals.js, pixels, frames a second and number of frames.

    surface: how it is drawn, by DOM elements ("dom") or on one 2D canvas ("canvas").
    """

    page: str
    width: int
    height: int
    fps: int
    frames: int
    surface: str = "dom"

    def on(self, surface: str) -> "Film":
        """The same film drawn another way; the canvas visual has only one."""
        return replace(self, surface="canvas" if self.page == "canvas" else surface)

    @property
    def size(self) -> str:
        return f"{self.width}x{self.height}"

    def expected_number(self, frame: int) -> int:
        """What the barcode of a frame says: its number; on the still slide, the frame it last changed at."""
        if self.page != "still":
            return frame
        changes = (0, _round_half_up(self.frames * 0.3), _round_half_up(self.frames * 0.6))
        return max(change for change in changes if change <= frame)

    def sample(self, count: int) -> list[int]:
        """`count` frames spread evenly over the film."""
        return sorted({int((index + 0.5) * self.frames / count) for index in range(count)})

    def write_page(self, template: Path, folder: Path) -> Path:
        """Fills a page template into folder/index.html, with the script of the visuals beside it."""
        folder.mkdir(parents=True, exist_ok=True)
        values = {**asdict(self), "duration": self.frames / self.fps, "film": json.dumps(asdict(self))}
        page = folder / "index.html"
        page.write_text(Template(template.read_text()).substitute(values))
        shutil.copy(VISUALS / "visuals.js", folder)
        return page


def _round_half_up(value: float) -> int:
    """As JavaScript's Math.round does for positive numbers; Python's round goes to the even neighbour."""
    return int(value + 0.5)
