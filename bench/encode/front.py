"""Speed, size and similarity of our own settings, from which the defaults are chosen.

    PYTHONPATH=. .venv/bin/python bench/encode/front.py heavy,kinetic,canvas 1280x720

For each page, 60 frames are captured losslessly and as JPEG of each quality; each JPEG set is encoded with each
preset and crf. Printed: CPU of decoding, conversion and x264 for a frame, kilobytes, and the mean SSIM of the luma
of ten decoded frames against the lossless capture. CPU of the capture itself does not depend on preset or crf.
"""

import asyncio
import io
import resource
import sys
import tempfile
from fractions import Fraction
from pathlib import Path
from statistics import fmean

import av
import numpy as np
from numpy.typing import NDArray

from bench.renderers.films import VISUALS, Film
from bench.renderers.ssim import ssim
from helios_worker.capture.content.site import Mount, Site
from helios_worker.capture.devtools.process import Browser, launch
from helios_worker.capture.page.page import Page
from helios_worker.capture.page.settings import PageSettings
from helios_worker.encode.video.picture import PictureDecoder
from helios_worker.encode.video.settings import EncoderSettings
from helios_worker.encode.video.unit import UnitEncoder
from helios_worker.network.addresses import AddressRule
from helios_worker.network.proxy import Proxy

FRAMES = 60
SAMPLES = range(3, FRAMES, 6)
QUALITIES = (80, 90, 95, 100)
PRESETS = {"superfast": (16, 18), "veryfast": (14, 16, 18, 20), "faster": (18,), "medium": (18, 20)}
Plane = NDArray[np.float32]


async def capture(film: Film, picture: str, quality: int) -> list[bytes]:
    """The film's first frames as the product captures them."""
    with tempfile.TemporaryDirectory() as folder:
        root = film.write_page(VISUALS / "plain.html", Path(folder)).parent
        site = Site()
        await site.start()

        async def locate(path: str) -> Path | None:
            return root / path

        mount = Mount("front", locate)
        site.show(mount)
        browser = await Browser.connect(launch(site_port=site.port, proxy=Proxy(AddressRule(loopback=True))))
        settings = PageSettings(film.width, film.height, Fraction(film.fps), picture=picture, quality=quality)  # type: ignore[arg-type]
        page = await Page.open(browser, settings)
        await page.load(mount.address + "index.html")
        pictures = []
        for number in range(FRAMES):
            await page.show(number)
            pictures.append(await page.capture())
        browser.stop()
        await site.stop()
        return pictures


def luma(frame: av.VideoFrame) -> Plane:
    """The Y plane."""
    plane = frame.planes[0]
    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(frame.height, plane.line_size)
    return rows[:, : frame.width].astype(np.float32)


def cpu() -> float:
    """Seconds of this process, all threads."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def main(pages: list[str], size: str) -> None:
    """Prints a table row for each setting."""
    width, height = map(int, size.split("x"))
    print("| page | JPEG | preset | crf | CPU ms | kB | SSIM |\n|---|---|---|---|---|---|---|")
    for name in pages:
        film = Film(name, width, height, 30, 300).on("dom")
        base = EncoderSettings(
            width=width, height=height, fps=Fraction(30), crf=18, preset="medium", unit_frames=FRAMES
        )
        exact = PictureDecoder(base)
        reference = {
            n: luma(exact.decode(p)) for n, p in enumerate(asyncio.run(capture(film, "png", 95))) if n in SAMPLES
        }
        for quality in QUALITIES:
            pictures = asyncio.run(capture(film, "jpeg", quality))
            for preset, crfs in PRESETS.items():
                for crf in crfs:
                    settings = base.model_copy(update={"preset": preset, "crf": crf})
                    started, decoder, unit = cpu(), PictureDecoder(settings), UnitEncoder(settings)
                    for picture in pictures:
                        unit.encode(decoder.decode(picture))
                    encoded = unit.finish()
                    spent = (cpu() - started) / FRAMES * 1000
                    with av.open(io.BytesIO(encoded.mp4)) as container:
                        frames = list(container.decode(video=0))
                    score = fmean(ssim(luma(frames[n]), plane) for n, plane in reference.items())
                    row = (name, quality, preset, crf, f"{spent:.1f}", len(encoded.mp4) // 1000, f"{score:.4f}")
                    print("|", " | ".join(map(str, row)), "|", flush=True)


if __name__ == "__main__":
    main(sys.argv[1].split(","), sys.argv[2])
