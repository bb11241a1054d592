"""Where the time of a frame goes, how far a whole chunk is from that, and what a second lane brings.

    PYTHONPATH=. .venv/bin/python bench/frame/run.py heavy,kinetic,canvas,still 1280x720 --preset medium

For each page of the renderers' benchmark, in one run:
- capture alone, one lane: CPU of the page's process (scripts, layout, raster), of the browser's (draw, readback, JPEG),
  and of our own driver, in ms per frame;
- x264 alone, one thread, from decoded pictures;
- a whole chunk (plan left out): CPU per frame of everything, and frames per second with one lane on one processor, one
  lane on two, and two lanes on two.
The ratio is the chunk's CPU over the sum of the two parts. A lane is more than one thread (browser, compositor,
encoder), so one lane uses a second processor in part: cores says how many two lanes kept busy, and the speed-up is two
lanes on two processors over one on one.
"""

import argparse
import asyncio
import os
import resource
import tempfile
import time
from fractions import Fraction
from pathlib import Path

from bench.memory.run import family
from bench.renderers.films import VISUALS, Film
from helios_crds.request import ChunkingRequest, CompositionRequest, RenderRequest, VideoRequest
from helios_crds.wire import Payload, Stage
from helios_worker.artifacts.store import ArtifactStore
from helios_worker.capture.content.site import Mount, Site
from helios_worker.capture.devtools.process import Browser, launch
from helios_worker.capture.page.page import Page
from helios_worker.capture.page.settings import PageSettings
from helios_worker.encode.video.picture import PictureDecoder
from helios_worker.encode.video.settings import EncoderSettings, default_unit_frames
from helios_worker.encode.video.unit import StillUnits, UnitEncoder
from helios_worker.network.addresses import AddressRule
from helios_worker.network.proxy import Proxy
from helios_worker.runtime import WorkerRuntime

PARTS = ["page", "browser", "driver", "x264"]
COLUMNS = [*PARTS, "sum", "chunk", "ratio", "1/1 fps", "1/2 fps", "2/2 fps", "cores", "speed-up"]
TICK = os.sysconf("SC_CLK_TCK")
KINDS = {"--type=renderer": "page"}


def spent() -> dict[str, float]:
    """CPU seconds so far of this process and of all below it, by kind."""
    found: dict[str, float] = {}
    for pid in family(os.getpid()):
        try:
            stat = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            line = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
        except OSError:
            continue
        kind = "driver" if pid == os.getpid() else next((k for flag, k in KINDS.items() if flag in line), "browser")
        # Children that ended are in their parent's account.
        found[kind] = found.get(kind, 0.0) + sum(map(int, stat[11:15] if kind == "browser" else stat[11:13])) / TICK
    return found


def since(before: dict[str, float], frames: int) -> dict[str, float]:
    """Milliseconds per frame since `before`."""
    return {kind: (value - before.get(kind, 0.0)) / frames * 1000 for kind, value in spent().items()}


async def capture_alone(film: Film, folder: Path) -> tuple[list[bytes], dict[str, float]]:
    """The film's pictures, and what they took."""
    root = film.write_page(VISUALS / "plain.html", folder).parent
    site = Site()
    await site.start()

    async def locate(path: str) -> Path | None:
        return root / path

    mount = Mount("frame", locate)
    site.show(mount)
    browser = await Browser.connect(launch(site_port=site.port, proxy=Proxy(AddressRule(loopback=True))))
    page = await Page.open(browser, PageSettings(film.width, film.height, Fraction(film.fps), quality=95))
    await page.load(mount.address + "index.html")
    await page.show(0)
    pictures = [await page.capture()]
    before = spent()
    for number in range(1, film.frames):
        await page.show(number)
        pictures.append(await page.capture())
    costs = since(before, film.frames - 1)
    await page.close()
    browser.stop()
    await site.stop()
    return pictures, costs


def x264_alone(film: Film, pictures: list[bytes], preset: str) -> float:
    """CPU ms per frame of the encoder, unit by unit, pictures decoded beforehand."""
    unit_frames = default_unit_frames(Fraction(film.fps))
    settings = EncoderSettings(
        width=film.width, height=film.height, fps=Fraction(film.fps), crf=18, preset=preset, unit_frames=unit_frames
    )
    decoder, stills, total = PictureDecoder(settings), StillUnits(), 0.0
    for start in range(0, len(pictures), unit_frames):
        frames = [decoder.decode(picture) for picture in pictures[start : start + unit_frames]]
        before = cpu()
        unit = UnitEncoder(settings, stills=stills)
        for frame in frames:
            unit.encode(frame)
        unit.finish()
        total += cpu() - before
    return total / len(pictures) * 1000


def cpu() -> float:
    """Seconds of this process, all threads."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def chunk(film: Film, folder: Path, preset: str, lanes: int, processors: int) -> tuple[float, float]:
    """CPU ms per frame of a whole chunk, and its frames per second; the first browser is warm."""
    everywhere = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(everywhere)[:processors])
    try:
        return _chunk(film, folder / f"{lanes}-{processors}", preset, lanes)
    finally:
        os.sched_setaffinity(0, everywhere)


def _chunk(film: Film, folder: Path, preset: str, lanes: int) -> tuple[float, float]:
    folder.mkdir(parents=True)
    page = film.write_page(VISUALS / "plain.html", folder / "page")
    store = ArtifactStore(str(folder / "artifacts"))
    request = RenderRequest(
        composition=CompositionRequest(url=str(page), seeking="Seekable"),
        video=VideoRequest(preset=preset),
        chunking=ChunkingRequest(count=1),
        output=str(folder / "out.mp4"),
    )
    store.put("requests/bench.json", request.model_dump_json().encode())
    runtime = WorkerRuntime(folder, lanes=lanes)
    planned = runtime.process(Payload(jobPath=f"{store.url}requests/bench.json", stage=Stage.PLAN))
    if planned.result is None or "jobPath" not in planned.result:
        raise SystemExit(planned.stderr)
    runtime.initialize()
    before, started = spent(), time.perf_counter()
    reply = runtime.run(planned.result["jobPath"], 0)
    wall, costs = time.perf_counter() - started, since(before, film.frames)
    runtime.close()
    if reply.exit_code:
        raise SystemExit(reply.stderr)
    return sum(costs.values()), film.frames / wall


def main() -> None:
    """Prints a table row for each page."""
    parser = argparse.ArgumentParser()
    parser.add_argument("pages")
    parser.add_argument("size")
    parser.add_argument("--preset", default="medium")
    parser.add_argument("--frames", type=int, default=180)
    options = parser.parse_args()
    width, height = map(int, options.size.split("x"))
    print(f"{options.size}, {options.preset}, {options.frames} frames; CPU in ms per frame")
    print("|", " | ".join(["visual", *COLUMNS]), "|")
    print("|---|" + "---:|" * len(COLUMNS))
    for name in options.pages.split(","):
        film = Film(name, width, height, 30, options.frames).on("dom")
        with tempfile.TemporaryDirectory() as folder:
            pictures, costs = asyncio.run(capture_alone(film, Path(folder, "alone")))
            encoder = x264_alone(film, pictures, options.preset)
            one_cpu, alone = chunk(film, Path(folder), options.preset, 1, 1)
            _, one = chunk(film, Path(folder), options.preset, 1, 2)
            two_cpu, two = chunk(film, Path(folder), options.preset, 2, 2)
        parts = [costs.get(kind, 0.0) for kind in ("page", "browser", "driver")]
        total = sum(parts) + encoder
        figures = [*parts, encoder, total, one_cpu]
        speeds = [one_cpu / total, alone, one, two, two_cpu * two / 1000, two / alone]
        row = [name, *(f"{value:.1f}" for value in figures), *(f"{value:.2f}" for value in speeds)]
        print("|", " | ".join(row), "|", flush=True)


if __name__ == "__main__":
    main()
