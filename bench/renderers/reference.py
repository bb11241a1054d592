"""Lossless pictures of single frames, from no renderer at all: one fresh browser, one page, one PNG."""

import subprocess
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bench.renderers.films import VISUALS, Film

# Both matrices that a decoder may have to assume for RGB to luma, ITU-R BT.709 and BT.601.
LUMA_WEIGHTS = {"bt709": (0.2126, 0.7152, 0.0722), "bt601": (0.299, 0.587, 0.114)}

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--hide-scrollbars",
    "--force-color-profile=srgb",
    "--force-device-scale-factor=1",
    "--font-render-hinting=none",
    "--allow-file-access-from-files",
)


def write_picture(browser: str, film: Film, frame: int, folder: Path) -> Path:
    """folder/….png: the frame as the browser draws it; kept between runs."""
    name = f"{film.page}-{film.size}-{film.fps}-{film.frames}-{film.surface}"
    picture = folder / name / f"{frame:05d}.png"
    if picture.exists():
        return picture
    page = film.write_page(VISUALS / "reference.html", folder / name)
    size = f"--window-size={film.width},{film.height}"
    url = f"{page.resolve().as_uri()}#{frame}"
    part = picture.with_suffix(".part.png")
    subprocess.run([browser, *FLAGS, size, f"--screenshot={part}", url], check=True, capture_output=True, timeout=120)
    part.rename(picture)
    return picture


@lru_cache(maxsize=32)
def read_luma(picture: Path, matrix: str) -> NDArray[np.float32]:
    """Luma of a picture from 0 to 255, by the weights of a matrix."""
    rgb = np.asarray(Image.open(picture).convert("RGB"), dtype=np.float32)
    return rgb @ np.array(LUMA_WEIGHTS[matrix], dtype=np.float32)


class References:
    """Reference pictures for the films of a run."""

    def __init__(self, browser: str, folder: Path) -> None:
        self._browser = browser
        self._folder = folder

    def luma(self, film: Film, frame: int, matrix: str) -> NDArray[np.float32]:
        """Luma of a frame, from 0 to 255. The still slide's frames between two changes share one picture."""
        if film.page == "still":
            frame = film.expected_number(frame)
        picture = write_picture(self._browser, film, frame, self._folder)
        return read_luma(picture, matrix)
