"""Composition folders for the pages of the corpus: the page as index.html, the assets, and what must not be
in git.

Videos, sounds and animated images are made here, each picture with its own barcode; libraries come from
tests/node_modules (`npm ci` in tests/).
"""

from __future__ import annotations

import shutil
import wave
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tests.barcode import write_counting_image, write_counting_video

PAGES = Path(__file__).with_name("pages")
NODE_MODULES = PAGES.parents[1] / "node_modules"

LIBRARIES = {
    "gsap/gsap.min.js": "gsap/dist/gsap.min.js",
    "gsap/index.js": "gsap/index.js",
    "gsap/gsap-core.js": "gsap/gsap-core.js",
    "gsap/CSSPlugin.js": "gsap/CSSPlugin.js",
    "three/three.module.js": "three/build/three.module.js",
    "three/three.core.js": "three/build/three.core.js",
    "lottie/lottie_light.min.js": "lottie-web/build/player/lottie_light.min.js",
    "p5/p5.min.js": "p5/lib/p5.min.js",
    "pixi/pixi.min.js": "pixi.js/dist/pixi.min.js",
    "maplibre/maplibre-gl.mjs": "maplibre-gl/dist/maplibre-gl.mjs",
    "maplibre/maplibre-gl-shared.mjs": "maplibre-gl/dist/maplibre-gl-shared.mjs",
    "maplibre/maplibre-gl-worker.mjs": "maplibre-gl/dist/maplibre-gl-worker.mjs",
}
"""Path under the page's assets, and where npm put it."""


def write_sound(path: Path, *, milliseconds: int) -> None:
    """A tone of 441 Hz."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(1)
        file.setframerate(44_100)
        file.writeframes(bytes(range(78, 178)) * (441 * milliseconds // 1000))


def write_rising_sound(path: Path, *, milliseconds: int) -> None:
    """A sound whose samples rise evenly from 0 to the highest."""
    count = 48 * milliseconds
    samples = (32767 * sample // count for sample in range(count))
    with wave.open(str(path), "wb") as sound:
        sound.setparams((1, 2, 48000, 0, "NONE", ""))
        sound.writeframes(b"".join(sample.to_bytes(2, "little") for sample in samples))


MADE: dict[str, Callable[[Path], None]] = {
    "video.mp4": partial(write_counting_video, frames=100, fps=30, codec="libx264"),
    "video.webm": partial(write_counting_video, frames=100, fps=30, codec="libvpx-vp9"),
    "video-large.mp4": partial(write_counting_video, frames=100, fps=30, codec="libx264", scale=8),
    "video-live.webm": partial(write_counting_video, frames=30, fps=30, codec="libvpx-vp9", muxer={"live": "1"}),
    "video-parts.mp4": partial(
        write_counting_video,
        frames=100,
        fps=30,
        codec="libx264",
        reordered=False,
        muxer={"movflags": "frag_keyframe+empty_moov+default_base_moof"},
    ),
    "video-short.mp4": partial(write_counting_video, frames=24, fps=30, codec="libx264"),
    "video-twenty.mp4": partial(write_counting_video, frames=20, fps=30, codec="libx264"),
    "sound.wav": partial(write_sound, milliseconds=1175),
    "rising.wav": partial(write_rising_sound, milliseconds=4000),
    "counting.gif": partial(write_counting_image, frames=12, milliseconds=100),
    "counting.png": partial(write_counting_image, frames=12, milliseconds=100),
    "counting.webp": partial(write_counting_image, frames=12, milliseconds=100),
}


def compose(name: str, folder: Path, cache: Path) -> Path:
    """Makes the folder of a page and returns it; cache: where made videos are kept between pages."""
    page = (PAGES / f"{name}.html").read_text()
    shutil.copytree(PAGES / "assets", folder / "assets", ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    (folder / "index.html").write_text(page)
    for asset, source in LIBRARIES.items():
        if f"assets/{asset.split('/')[0]}/" in page:
            target = folder / "assets" / asset
            target.parent.mkdir(exist_ok=True)
            if not (NODE_MODULES / source).is_file():
                raise FileNotFoundError(f"{source} is not in tests/node_modules: run `npm ci` in tests/")
            shutil.copy(NODE_MODULES / source, target)
    for asset, make in MADE.items():
        if f"assets/{asset}" in page:
            if not (cache / asset).exists():
                cache.mkdir(parents=True, exist_ok=True)
                make(cache / f"making-{asset}")
                (cache / f"making-{asset}").rename(cache / asset)
            shutil.copy(cache / asset, folder / "assets" / asset)
    return folder
