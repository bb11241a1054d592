"""Composition folders for the pages of the corpus: the page as index.html, the assets, and what must not be
in git.

Videos are made here, each picture with its own barcode; libraries come from tests/node_modules (`npm ci`
in tests/).
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tests.barcode import write_counting_video

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
}
"""Path under the page's assets, and where npm put it."""

VIDEOS: dict[str, Callable[[Path], None]] = {
    "video.mp4": partial(write_counting_video, frames=100, fps=30, codec="libx264"),
    "video.webm": partial(write_counting_video, frames=100, fps=30, codec="libvpx-vp9"),
    "video-short.mp4": partial(write_counting_video, frames=24, fps=30, codec="libx264"),
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
    for video, make in VIDEOS.items():
        if f"assets/{video}" in page:
            if not (cache / video).exists():
                cache.mkdir(parents=True, exist_ok=True)
                make(cache / f"making-{video}")
                (cache / f"making-{video}").rename(cache / video)
            shutil.copy(cache / video, folder / "assets" / video)
    return folder
