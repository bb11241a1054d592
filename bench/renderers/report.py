"""The results as Markdown tables, ready for docs/performance.md."""

from collections.abc import Iterable
from statistics import median

from bench.renderers.runs import Results, Run

LABELS = {
    "ours": "this project",
    "ours-canvas": "this project, on a canvas",
    "remotion": "Remotion",
    "hyperframes": "HyperFrames",
    "helios": "Helios, on a canvas",
}
COLUMNS = (
    "page",
    "renderer",
    "workers",
    "wall s",
    "fps",
    "CPU ms/frame",
    "peak MiB",
    "first frame s",
    "kB",
    "SSIM mean (lowest)",
    "exact",
    "× ours",
)
SETTING_TITLES = {"same": "crf 18, x264 medium for all", "defaults": "each renderer's own defaults"}


def markdown(results: Results) -> str:
    """One section a size and setting, and the cold starts."""
    films = [run for run in results.runs if run.kind == "film"]
    parts = [_head(results, films)]
    for size, setting in dict.fromkeys((run.size, run.setting) for run in films):
        chosen = [run for run in films if (run.size, run.setting) == (size, setting)]
        parts.append(f"### {size.replace('x', '×')}, {SETTING_TITLES[setting]}\n\n{_table(chosen)}")
    cold = [run for run in results.runs if run.kind == "cold"]
    if cold:
        parts.append(f"### Cold start: the wall time of a film of one frame\n\n{_cold_table(cold)}")
    failed = [run for run in results.runs if run.error]
    if failed:
        lines = [f"- {run.peer}, {run.page} {run.size}, {run.setting}: {run.error.splitlines()[-1]}" for run in failed]
        parts.append("### Failed\n\n" + "\n".join(lines))
    return "\n\n".join(parts) + "\n"


def _head(results: Results, films: list[Run]) -> str:
    versions = ", ".join(f"{LABELS[peer]}: {version}" for peer, version in results.versions.items())
    machine = ", ".join(f"{name} {value}" for name, value in results.machine.items())
    rounds = 1 + max((run.round for run in films), default=-1)
    frames = "/".join(str(count) for count in dict.fromkeys(run.frames for run in films))
    lines = [
        f"{frames} frames a film, {rounds} rounds with the renderers in turn; medians of the rounds.",
        f"Machine: {machine}.",
        f"Versions: {versions}.",
    ]
    bundling = results.prepare.get("remotion")
    if bundling:
        lines.append(f"Remotion's bundling, once before all its films and in none of the figures: {bundling:.1f} s.")
    return "\n".join(lines)


def _table(runs: list[Run]) -> str:
    lines = [f"| {' | '.join(COLUMNS)} |", "|---" * len(COLUMNS) + "|"]
    for page, peer in dict.fromkeys((run.page, run.peer) for run in sorted(runs, key=_order)):
        group = [run for run in runs if (run.page, run.peer) == (page, peer)]
        lines.append(_row(group, runs))
    return "\n".join(lines)


def _order(run: Run) -> tuple[int, int]:
    pages = ["heavy", "kinetic", "canvas", "still"]
    return pages.index(run.page), list(LABELS).index(run.peer)


def _row(group: list[Run], runs: list[Run]) -> str:
    good = [run for run in group if not run.error]
    label = LABELS[group[0].peer]
    if not good:
        return f"| {group[0].page} | {label} | " + " | ".join(["failed"] + ["–"] * 9) + " |"
    first = good[0]
    starts = [run.first_frame for run in good if run.first_frame is not None]
    # The worst round counts: a renderer that is exact twice of three times is not exact.
    worst = min(good, key=lambda run: run.exact)
    exact = f"{worst.exact}/{worst.frames}" + ("" if worst.decoded == worst.frames else f" of {worst.decoded}")
    cells = [
        first.page,
        label,
        str(first.workers or "own"),
        f"{median(run.wall for run in good):.2f}",
        f"{median(run.frames / run.wall for run in good):.1f}",
        f"{median(1000 * run.cpu / run.frames for run in good):.0f}",
        f"{median(run.peak_memory for run in good) / 2**20:.0f}",
        f"{median(starts):.2f}" if starts else "–",
        f"{median(run.bytes for run in good) / 1000:.0f}",
        f"{first.ssim:.4f} ({first.ssim_lowest:.4f})" if first.ssim is not None else "–",
        exact,
        _against_ours(good, runs),
    ]
    return "| " + " | ".join(cells) + " |"


def _against_ours(group: list[Run], runs: list[Run]) -> str:
    """Wall time over ours on the very same page, round by round; the median of those ratios."""
    ours = {run.round: run for run in runs if _is_ours_for(run, group[0]) and not run.error}
    ratios = [run.wall / ours[run.round].wall for run in group if run.round in ours]
    return f"{median(ratios):.2f}" if ratios else "–"


def _is_ours_for(run: Run, peer: Run) -> bool:
    return run.peer.startswith("ours") and (run.page, run.surface) == (peer.page, peer.surface)


def _cold_table(runs: Iterable[Run]) -> str:
    lines = ["| size | renderer | wall s | first frame s | CPU s |", "|---|---|---|---|---|"]
    groups: dict[tuple[str, str], list[Run]] = {}
    for run in runs:
        if not run.error:
            groups.setdefault((run.size, run.peer), []).append(run)
    for (size, peer), group in sorted(groups.items(), key=lambda item: (item[0][0], _order(item[1][0]))):
        starts = [run.first_frame for run in group if run.first_frame is not None]
        lines.append(
            f"| {size} | {LABELS[peer]} | {median(run.wall for run in group):.2f}"
            f" | {f'{median(starts):.2f}' if starts else '–'} | {median(run.cpu for run in group):.2f} |"
        )
    return "\n".join(lines)
