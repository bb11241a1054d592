"""The order of the renders: rounds, each renderer in turn on each film, so that noise hits all alike."""

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from bench.renderers.films import Film
from bench.renderers.inspect_video import inspect, similarity
from bench.renderers.peers import Ours, Peer, Setting, Tools
from bench.renderers.reference import References
from bench.renderers.runs import Results, Run, describe_machine
from bench.renderers.supervise import Spec, measure

TUNE_FRAMES = 60
LOG_TAIL = 600


class Comparison:
    """Some renderers, films and settings, rendered and measured into results.json of the work folder."""

    def __init__(self, peers: Sequence[Peer], films: Sequence[Film], settings: Sequence[Setting], tools: Tools) -> None:
        self._peers = peers
        self._films = films
        self._settings = settings
        self._tools = tools
        self._work = tools.work
        self._references = References(tools.browser, tools.work / "references")
        self._results = Results()
        self._timeout = 0.0

    def run(self, *, repeat: int, tune: bool, cold: bool, timeout: float) -> Results:
        self._timeout = timeout
        self._work.mkdir(parents=True, exist_ok=True)
        results = self._results
        for peer in self._peers:
            print(f"preparing {peer.name}", flush=True)
            results.prepare[peer.name] = peer.prepare()
            results.versions[peer.name] = peer.version()
        needs_node = any(not isinstance(peer, Ours) for peer in self._peers)
        results.machine = describe_machine(self._tools.browser, self._tools.node if needs_node else None)
        workers = dict(self._choose_workers(tune))
        for number in range(repeat):
            if cold:
                self._cold_round(number)
            for setting in self._settings:
                for film in self._films:
                    for peer in self._taking_turns(number):
                        if self._applies(peer, film):
                            self._render("film", number, peer, film, setting, workers.get((peer.name, film, setting)))
        return results

    def _taking_turns(self, number: int) -> list[Peer]:
        """The renderers, starting with another one each round."""
        start = number % len(self._peers)
        return [*self._peers[start:], *self._peers[:start]]

    def _applies(self, peer: Peer, film: Film) -> bool:
        """The canvas visual is the same on both surfaces: one of two peers that differ in that is enough."""
        return not (film.page == "canvas" and isinstance(peer, Ours) and peer.surface == "canvas")

    def _cold_round(self, number: int) -> None:
        """One frame of the first film of each size: start-up, page load, capture, end of the file."""
        firsts = {film.size: film for film in reversed(self._films)}
        for film in firsts.values():
            for peer in self._taking_turns(number):
                if self._applies(peer, film):
                    self._render("cold", number, peer, replace(film, frames=1), self._settings[0], None)

    def _choose_workers(self, tune: bool) -> Iterable[tuple[tuple[str, Film, Setting], int | None]]:
        """Same settings for all: the number of workers each renderer is fastest with, by film."""
        for setting in self._settings if tune else ():
            if setting.crf is None:
                continue
            for film in self._films:
                for peer in self._peers:
                    if len(peer.workers_to_try) > 1 and self._applies(peer, film):
                        yield (peer.name, film, setting), self._fastest_workers(peer, film, setting)

    def _fastest_workers(self, peer: Peer, film: Film, setting: Setting) -> int | None:
        short = replace(film, frames=min(film.frames, TUNE_FRAMES))
        tried = [self._render("tune", 0, peer, short, setting, workers) for workers in peer.workers_to_try]
        # A number of workers that costs frames is no choice.
        good = [run for run in tried if not run.error and run.exact == run.frames] or tried
        return min(good, key=lambda run: (bool(run.error), run.wall)).workers

    def _render(self, kind: str, number: int, peer: Peer, film: Film, setting: Setting, workers: int | None) -> Run:
        film = film.on(peer.surface)
        folder = self._work / "renders" / f"{peer.name}-{film.page}-{film.size}-{setting.name}-{kind}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        run = Run(
            kind=kind,
            round=number,
            peer=peer.name,
            page=film.page,
            size=film.size,
            surface=film.surface,
            setting=setting.name,
            frames=film.frames,
            workers=workers,
        )
        self._measure(run, peer, film, setting, folder)
        self._results.runs.append(run)
        self._results.save(self._work / "results.json")
        print(_line(run), flush=True)
        return run

    def _measure(self, run: Run, peer: Peer, film: Film, setting: Setting, folder: Path) -> None:
        command = peer.command(film, setting, run.workers, folder)
        log = folder / "log.txt"
        spec = Spec(
            argv=command.argv,
            cwd=str(command.cwd),
            env=command.env,
            log=str(log),
            timeout=self._timeout,
            first_frame=command.first_frame,
        )
        usage = measure(spec, folder)
        run.wall, run.first_frame, run.leftovers = usage.wall, usage.first_frame, usage.leftovers
        run.cpu_user, run.cpu_system, run.peak_memory = usage.cpu_user, usage.cpu_system, usage.peak_memory
        if usage.exit_code != 0 or not command.output.exists():
            ended = "out of time" if usage.exit_code is None else f"exit {usage.exit_code}"
            run.error = f"{ended}: {log.read_text(errors='replace')[-LOG_TAIL:].strip()}"
            return
        found = asdict(inspect(command.output, film))
        run.decoded = found.pop("frames")
        for name, value in found.items():
            setattr(run, name, value)
        if run.kind == "film" and run.round == 0:
            close = similarity(command.output, film, self._references)
            run.ssim, run.ssim_lowest, run.ssim_matrix = close.mean, close.lowest, close.matrix


def _line(run: Run) -> str:
    head = f"{run.kind:4} {run.round} {run.setting:8} {run.size:9} {run.page:7} {run.peer:11}"
    if run.error:
        return f"{head} FAILED {run.error.splitlines()[0]}"
    workers = f" w{run.workers}" if run.workers else ""
    exact = f"exact {run.exact}/{run.frames}"
    ssim = f" ssim {run.ssim:.5f}" if run.ssim is not None else ""
    return (
        f"{head} {run.wall:7.2f} s {run.frames / run.wall:6.1f} fps cpu {run.cpu:6.1f} s"
        f" {run.peak_memory / 2**20:5.0f} MiB {run.bytes / 1000:7.0f} kB {exact}{ssim}{workers}"
    )
