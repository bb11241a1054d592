"""Renders pages again and again on a busy machine: each must come to one outcome, a film or a sentence.

    python -m tests.integration.repeat [FOLDER...] [--times 10] [--others 20] [--load 4] [--seed 1]

FOLDER: pages, or folders with an index.html, one level below; by default the exact pages. A page that waits for
something is rendered `--times` times, and so many of the others, drawn by the seed. Each time in 3 chunks on 2 lanes,
with nothing in the store, while `--load` processes compute. Prints a table; exits with 1 if a page had two outcomes.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from helios_crds.text import one_line
from heliosctl.errors import StageFailed
from tests.integration.compositions import compose
from tests.integration.corpus import PAGES
from tests.integration.origin import origin
from tests.rendering import WarmRenderer

CHUNKS, LANES, FRAMES, FPS = 3, 2, 48, 30
ORIGINS = {"server": "127.0.0.1", "other": "localhost"}
"""Hosts of the two servers of other origins that the exact pages use, by prop."""
WAITS = re.compile(
    r"await\b|\.then\(|\bfetch\(|\bonload|\.onmessage|new Image|createImageBitmap|import\(|Worker\(|FileReader"
    r"|indexedDB|Decoder|toBlob|<(?:video|audio|img|image|iframe|object|embed)\b|@font-face|url\("
)


@contextmanager
def busy(processes: int) -> Iterator[None]:
    """So many processes compute meanwhile."""
    running = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(processes)]
    try:
        yield
    finally:
        for each in running:
            each.kill()
            each.wait()


def corpus(folder: Path) -> dict[str, Path]:
    """The exact pages, by name."""
    pages = {}
    for page in PAGES:
        compose(page.name, folder / page.name, cache=folder / "videos")
        pages[page.name] = folder / page.name
    return pages


def pages_below(folders: list[Path]) -> dict[str, Path]:
    """Pages of other folders, by name."""
    found = [each for folder in folders for each in sorted(folder.iterdir())]
    return {each.name: each for each in found if each.suffix == ".html" or (each / "index.html").exists()}


def waits(page: Path) -> bool:
    """Whether a page's own files name something that answers later."""
    files = [page] if page.is_file() else [each for each in page.iterdir() if each.suffix in (".html", ".js", ".css")]
    return any(WAITS.search(file.read_text(errors="replace")) for file in files)


def outcome(renderer: WarmRenderer, page: Path, props: Mapping[str, str]) -> str:
    """A film's digest, or what a user would read."""
    with TemporaryDirectory() as folder:
        film = Path(folder, "film.mp4")
        try:
            renderer.render(
                page,
                film,
                artifacts=Path(folder, "store"),
                fps=str(FPS),
                duration=FRAMES / FPS,
                chunks=CHUNKS,
                unit_frames=2,
                props=props,
            )
        except StageFailed as error:
            return one_line(re.sub(r"\d+%", "N%", str(error)), 200)
        return hashlib.sha256(film.read_bytes()).hexdigest()[:12]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folders", nargs="*", type=Path)
    for name, default in {"times": 10, "others": 20, "load": 4, "seed": 1}.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    differing = 0
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        props = {"fps": str(FPS), **{k: stack.enter_context(origin(v)) for k, v in ORIGINS.items()}}
        pages = pages_below(options.folders) if options.folders else corpus(folder)
        waiting = [name for name, page in pages.items() if waits(page)]
        others = [name for name in pages if name not in waiting]
        drawn = random.Random(options.seed).sample(others, min(options.others, len(others)))
        (folder / "workspace").mkdir()
        renderer = stack.enter_context(WarmRenderer(folder / "workspace", lanes=LANES))
        stack.enter_context(busy(options.load))
        print("| page | waits | outcomes |\n|---|---|---|")
        for name in (*waiting, *drawn):
            seen = Counter(outcome(renderer, pages[name], props) for _ in range(options.times))
            differing += len(seen) > 1
            said = "; ".join(f"{count} × {text}" for text, count in seen.most_common())
            print(f"| {name} | {'yes' if name in waiting else 'no'} | {said} |", flush=True)
    print(f"\n{len(waiting)} pages that wait and {len(drawn)} of {len(others)} others: {differing} with two outcomes")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
