"""Command line of the comparison."""

import argparse
import os
import shutil
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from bench.renderers.films import PAGES, Film
from bench.renderers.peers import PEER_TYPES, SETTINGS, BenchError, Tools
from bench.renderers.report import markdown
from bench.renderers.rounds import Comparison
from bench.renderers.runs import Results

BROWSERS = ("chromium-headless-shell", "chrome-headless-shell")


def main() -> int:
    options = _parser().parse_args()
    if options.report:
        print(markdown(Results.load(options.report)))
        return 0
    try:
        tools = Tools(browser=_browser(options.browser), work=options.out.resolve())
        peers = [PEER_TYPES[name](tools) for name in options.peers]
        films = [
            Film(page, width, height, options.fps, options.frames).on("dom")
            for width, height in options.size
            for page in options.pages
        ]
        comparison = Comparison(peers, films, [SETTINGS[name] for name in options.settings], tools)
        results = comparison.run(repeat=options.repeat, tune=options.tune, cold=options.cold, timeout=options.timeout)
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    table = options.out / "results.md"
    table.write_text(markdown(results))
    print(f"\n{table.read_text()}\nTables: {table}\nEvery run: {options.out / 'results.json'}")
    return 1 if any(run.error for run in results.runs) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bench/renderers/run", description="Renders the same visuals with every renderer and compares."
    )
    parser.add_argument("--pages", type=_names(PAGES), default=list(PAGES), help=f"of {', '.join(PAGES)}; default: all")
    parser.add_argument(
        "--size",
        type=_sizes,
        default=[(1920, 1080), (1280, 720)],
        help="WIDTHxHEIGHT, several by commas; default: 1920x1080,1280x720",
    )
    parser.add_argument("--fps", type=int, default=30)
    parser.add_argument("--frames", type=int, default=300, help="length of each film, at most 4095; default: 300")
    parser.add_argument(
        "--settings",
        type=_names(SETTINGS),
        default=list(SETTINGS),
        help="same: crf 18 and x264 medium for all; defaults: each renderer's own; default: both",
    )
    parser.add_argument(
        "--peers",
        type=_names(PEER_TYPES),
        default=list(PEER_TYPES),
        help=f"of {', '.join(PEER_TYPES)}; default: all",
    )
    parser.add_argument(
        "--repeat",
        type=int,
        default=3,
        help="rounds; each renders every film once with every renderer, in turn",
    )
    parser.add_argument(
        "--no-tune",
        dest="tune",
        action="store_false",
        help="same settings: keep each renderer's own number of workers instead of trying them",
    )
    parser.add_argument(
        "--no-cold",
        dest="cold",
        action="store_false",
        help="leave out the one-frame renders that show the cold start",
    )
    parser.add_argument("--timeout", type=float, default=1800, help="seconds for one render")
    parser.add_argument(
        "--browser",
        help="a Chrome headless shell; default: HELIOS_CHROMIUM, else chromium-headless-shell on PATH",
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("out/bench/renderers"),
        help="results and everything made on the way; default: out/bench/renderers",
    )
    parser.add_argument("--report", type=Path, metavar="RESULTS.json", help="only print the tables of an earlier run")
    return parser


def _names(known: Iterable[str]) -> Callable[[str], list[str]]:
    def parse(text: str) -> list[str]:
        names = text.split(",")
        unknown = [name for name in names if name not in known]
        if unknown:
            raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: not one of {', '.join(known)}")
        return names

    return parse


def _sizes(text: str) -> list[tuple[int, int]]:
    try:
        return [(int(width), int(height)) for width, height in (size.split("x") for size in text.split(","))]
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text}: sizes look like 1920x1080,1280x720") from None


def _browser(chosen: str | None) -> str:
    chosen = chosen or os.environ.get("HELIOS_CHROMIUM")
    for name in (chosen,) if chosen else BROWSERS:
        found = shutil.which(name)
        if found:
            return str(Path(found).resolve())
    raise BenchError(f"{chosen or BROWSERS[0]} is not there. On Debian: apt-get install chromium-headless-shell")


if __name__ == "__main__":
    sys.exit(main())
