"""Renders compositions with HyperFrames and with heliosctl, and compares the pictures.

    python -m bench.compat [FOLDER] [--only NAME...] [--fps 10] [--out out/compat]

FOLDER holds one folder for each composition, with its index.html; by default pages/ beside this. Each film is compared
at 20 frames, spread over it, by the luma's PSNR: 30 dB at each are right. Prints a table, writes it to
OUT/table.md with a picture of each film's worst frame (HyperFrames' left, ours right), and exits with 1 if a film that
HyperFrames renders is not right. HyperFrames comes from npm as bench/renderers pins it, and needs ffmpeg; GSAP and
Lottie are the tests' own.
"""

from __future__ import annotations

import argparse
import math
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bench.renderers.peers import HyperFrames, Tools, npm_install
from helios_worker.capture.devtools.process import find_browser
from tests.barcode import write_counting_video

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[1]
LIBRARIES = {"gsap.js": "gsap/dist/gsap.min.js", "lottie.js": "lottie-web/build/player/lottie.min.js"}
FRAMES = 20
RIGHT_DB = 30.0
LONGEST_SECONDS = 180
Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class Outcome:
    """One composition. worst: the frame that differs most, and its PSNR in dB; None if there is nothing to compare."""

    name: str
    verdict: str
    said: str = ""
    worst: tuple[int, float] | None = None

    @property
    def row(self) -> str:
        worst = "" if self.worst is None else f"{self.worst[1]:.1f} dB at frame {self.worst[0]}"
        return f"| {self.name} | {self.verdict} | {worst} | {self.said} |"


def project(composition: Path, folder: Path) -> Path:
    """A copy of a composition with the libraries and the video that it may ask for."""
    shutil.copytree(composition, folder)
    for name, file in LIBRARIES.items():
        shutil.copy(REPOSITORY / "tests/node_modules" / file, folder / name)
    if "clip.mp4" in (folder / "index.html").read_text() and not (folder / "clip.mp4").exists():
        write_counting_video(folder / "clip.mp4", frames=90, fps=30, codec="libx264")
    return folder


def rendered(argv: list[str], output: Path, env: dict[str, str] | None = None) -> str:
    """Runs a renderer; its last words if it made no film."""
    try:
        done = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=LONGEST_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return f"did not end within {LONGEST_SECONDS} s"
    if done.returncode == 0 and output.exists():
        return ""
    lines = [line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    return next((line for line in lines if line.startswith("Error:")), lines[-1] if lines else "no film")


def pictures(film: Path) -> list[Picture]:
    with av.open(film) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def psnr(first: Picture, second: Picture) -> float:
    """Of the luma, in dB; 99 where nothing differs."""
    weights = np.array([0.2126, 0.7152, 0.0722])
    error = float((((first.astype(float) - second) @ weights) ** 2).mean())
    return 99.0 if error == 0 else min(99.0, 10 * math.log10(255**2 / error))


def compared(name: str, theirs: Path, ours: Path, out: Path) -> Outcome:
    first, second = pictures(theirs), pictures(ours)
    if len(first) != len(second):
        return Outcome(name, "differs", f"{len(first)} frames there, {len(second)} here")
    if first[0].shape != second[0].shape:
        return Outcome(name, "differs", f"{first[0].shape[1::-1]} there, {second[0].shape[1::-1]} here")
    chosen = sorted({round(index * (len(first) - 1) / (FRAMES - 1)) for index in range(FRAMES)})
    worst = min(((frame, psnr(first[frame], second[frame])) for frame in chosen), key=lambda each: each[1])
    Image.fromarray(np.concatenate([first[worst[0]], second[worst[0]]], axis=1)).save(out / f"{name}.png")
    return Outcome(name, "right" if worst[1] >= RIGHT_DB else "differs", worst=worst)


def outcome(composition: Path, peer: HyperFrames, options: argparse.Namespace) -> Outcome:
    work = options.out / "work" / composition.name
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    folder = project(composition, work / "project")
    theirs, ours = work / "theirs.mp4", work / "ours.mp4"
    cli = peer.folder / "node_modules/hyperframes/bin/hyperframes.mjs"
    browser = {"HYPERFRAMES_BROWSER_PATH": peer.tools.browser, "PRODUCER_HEADLESS_SHELL_PATH": peer.tools.browser}
    fps = ["--fps", str(options.fps)]
    their_command = [peer.tools.node, str(cli), "render", str(folder), "--output", str(theirs), *fps, "--workers", "1"]
    refused = rendered(their_command, theirs, {**peer.env(), **browser, "HYPERFRAMES_NO_TELEMETRY": "1"})
    heliosctl = str(Path(sys.executable).with_name("heliosctl"))
    our_command = [heliosctl, "render", str(folder / "index.html"), "-o", str(ours), *fps]
    failed = rendered([*our_command, "--artifacts", str(work / "artifacts")], ours)
    if refused:
        return Outcome(composition.name, "no reference", f"HyperFrames: {refused}; here: {failed or 'a film'}")
    if failed:
        return Outcome(composition.name, "differs", failed)
    return compared(composition.name, theirs, ours, options.out)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=HERE / "pages")
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--fps", type=int, default=10)
    parser.add_argument("--out", type=Path, default=Path("out/compat"))
    options = parser.parse_args()
    options.out = options.out.resolve()
    options.out.mkdir(parents=True, exist_ok=True)
    npm_install(REPOSITORY / "tests")
    peer = HyperFrames(Tools(browser=str(find_browser()), work=options.out))
    peer.prepare()
    found = [each for each in sorted(options.folder.iterdir()) if (each / "index.html").exists()]
    rows = ["| composition | verdict | worst frame | said |", "|---|---|---|---|"]
    print("\n".join(rows))
    outcomes = []
    for composition in found:
        if options.only and composition.name not in options.only:
            continue
        outcomes.append(outcome(composition, peer, options))
        rows.append(outcomes[-1].row)
        print(rows[-1], flush=True)
    right = sum(each.verdict == "right" for each in outcomes)
    there = sum(each.verdict != "no reference" for each in outcomes)
    rows.append(f"\n{right} of {there} that HyperFrames renders are right.")
    print(rows[-1])
    (options.out / "table.md").write_text("\n".join(rows) + "\n")
    return 0 if right == there else 1


if __name__ == "__main__":
    sys.exit(main())
