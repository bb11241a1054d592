"""`heliosctl render`: the film, and that nothing is lost or done twice whatever happens on the way."""

import hashlib
import json
import os
import re
import signal

import pytest

from helios_worker.encode.proof.verify import verify_video
from tests.integration.cli.conftest import BODY, Cli, html, serve, slow, wait_for

CUT = ("--unit-frames", "10", "--frames-per-chunk", "10", "--lanes", "1")
"""Six chunks of a page of 60 frames."""
SLOW = ("--seeking", "Seekable", *CUT)
"""For pages that take their time: without the plan's trial."""


def sha256(path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_page_becomes_the_film_that_the_report_tells_of(cli: Cli):
    cli.page()
    done = cli.run_program("render", "page/index.html", "-o", "films/out.mp4", "--json", *CUT)
    assert done.code == 0, done.err
    film = cli.folder / "films/out.mp4"
    report = done.report
    assert report["output"] == str(film)
    assert (report["frames"], report["duration"], report["fps"]) == (60, 2.0, "30")
    assert (report["width"], report["height"]) == (160, 90)
    assert (report["chunks"], report["cachedChunks"], report["renderedFrames"]) == (6, 0, 60)
    assert report["bytes"] == film.stat().st_size
    assert report["sha256"] == sha256(film)
    assert set(report["seconds"]) == {"plan", "chunk", "stitch", "all"}
    assert verify_video(film, frames=60, width=160, height=90).ok
    assert list((cli.folder / "films").iterdir()) == [film]
    cli.leaves_no_process()
    assert list((cli.folder / "tmp").iterdir()) == []


def test_progress_is_plain_lines_where_nobody_watches(shared: Cli):
    done = shared.run("render", "page", "-o", "again.mp4", "--unit-frames", "15", "--frames-per-chunk", "30")
    lines = done.err.splitlines()
    assert lines[0] == "Planning."
    assert lines[1] == "Rendering: 0 of 60 frames, 0 of 2 chunks done."
    assert lines[-2] == "Joining."
    assert re.match(r"again\.mp4: 2\.0 s, 60 frames of 160×90 at 30 fps, .* kB, took .* s \(.* fps\)$", lines[-1])
    assert "\x1b" not in done.err
    assert done.out == ""


def test_the_same_command_finds_everything_and_another_output_uses_the_same_chunks(shared: Cli):
    committed = shared.manifests()
    for output in ("out.mp4", "other.mp4"):
        report = shared.render("page", "--unit-frames", "15", "--frames-per-chunk", "15", output=output)
        assert report["cachedChunks"] == 4
        assert report["output"] == str(shared.folder / output)
        assert report["sha256"] == sha256(shared.folder / "out.mp4")
    assert shared.manifests() == committed


def test_an_artifact_folder_beside_the_page_is_no_part_of_it(cli: Cli):
    cli.page()
    first, second = (cli.render("page", "--artifacts", "page/artifacts", output="page/out.mp4") for _ in range(2))
    assert second["jobId"] == first["jobId"]
    assert second["cachedChunks"] == first["chunks"]


def test_html_on_standard_input(cli: Cli):
    for cached in (0, 1):
        done = cli.run_program("render", "-", "-o", "out.mp4", "--json", stdin=html(frames=6))
        assert done.code == 0, done.err
        assert (done.report["frames"], done.report["cachedChunks"]) == (6, cached)


def test_a_range_in_seconds_by_the_pages_own_rate(cli: Cli):
    cli.page(html(fps="24", frames=48))
    report = cli.render("page", "--range", "0.5s:1s")
    assert (report["frames"], report["fps"]) == (12, "24")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["ctrl-c", "sigterm"])
def test_a_stopped_render_goes_on_where_it_was(cli: Cli, number: signal.Signals, code: int):
    cli.page(html(slow(2)))
    command = ("render", "page", "-o", "out.mp4", "--json", *SLOW)
    process = cli.start(*command)
    wait_for(lambda: len(cli.manifests()) >= 2, "two chunks")
    process.send_signal(number)
    out, err = process.communicate(timeout=20)
    assert process.returncode == code, err
    cli.leaves_no_process()
    committed = cli.manifests()
    assert f"{len(committed)} of 6 chunks are finished and kept" in out
    assert "run the same command again" in out
    assert not (cli.folder / "out.mp4").exists()

    done = cli.run(*command)
    assert done.report["cachedChunks"] == len(committed)
    assert committed.items() <= cli.manifests().items()
    assert verify_video(cli.folder / "out.mp4", frames=60).ok


def test_a_killed_driver_takes_its_workers_along(cli: Cli):
    cli.page(html(slow(2)))
    process = cli.start("render", "page", "-o", "out.mp4", *SLOW)
    wait_for(cli.manifests, "a chunk")
    process.kill()
    process.communicate()
    cli.leaves_no_process()
    committed = cli.manifests()
    assert cli.render("page", *SLOW)["cachedChunks"] == len(committed)
    assert list((cli.folder / "tmp").iterdir()) == []


def test_two_renders_of_one_job_share_its_chunks(cli: Cli):
    cli.page(html(slow(2)))
    first = cli.start("render", "page", "-o", "out.mp4", "--json", *SLOW)
    wait_for(lambda: list(cli.artifacts.glob("jobs/*/driver.lock")), "the first one's plan")
    first.send_signal(signal.SIGSTOP)
    second = cli.start("render", "page", "-o", "out.mp4", "--json", *SLOW)
    assert second.stderr is not None
    said = [second.stderr.readline() for _ in range(2)]
    first.send_signal(signal.SIGCONT)
    reports = []
    for process in (first, second):
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        reports.append(json.loads(out))
    assert f"Another heliosctl (pid {first.pid}) is rendering this job; waiting" in said[1]
    assert [report["cachedChunks"] for report in reports] == [0, 6]
    assert reports[0]["sha256"] == reports[1]["sha256"]


@pytest.mark.parametrize("victim", ["worker", "browser"])
def test_a_death_in_the_middle_of_a_frame_costs_that_chunk(cli: Cli, victim: str):
    """At frame 35 the page fetches a file; whoever fetches it first dies of it."""
    asks = """<script>(function draw(time) {
      if (time > 1150 && !globalThis.asked) globalThis.asked = fetch("/deadly");
      requestAnimationFrame(draw);
    })(0)</script>"""
    deaths: list[int] = []

    def answer(path: str) -> str:
        if path == "/deadly" and not deaths:
            deaths.extend(cli.workers() if victim == "worker" else cli.browsers())
            os.kill(deaths[0], signal.SIGKILL)
        return html(BODY + asks) if path == "/" else ""

    with serve(answer) as address:
        done = cli.run("render", address, "-o", "out.mp4", "--json", "--no-audio", *SLOW)
    assert done.code == 0, done.err
    assert len(deaths) == 1
    again = [line for line in done.err.splitlines() if "trying again" in line and "network changed" not in line]
    assert len(again) == 1
    assert "Chunk 3 (frames 30 to 39) failed" in again[0]
    assert (done.report["frames"], done.report["cachedChunks"]) == (60, 0)
    assert verify_video(cli.folder / "out.mp4", frames=60).ok


def damage_segment(cli: Cli) -> None:
    segment = min(cli.artifacts.glob("segments/*.mp4"))
    data = bytearray(segment.read_bytes())
    data[len(data) // 2] ^= 0xFF
    segment.write_bytes(data)


def remove_segment(cli: Cli) -> None:
    min(cli.artifacts.glob("segments/*.mp4")).unlink()


def truncate_manifest(cli: Cli) -> None:
    manifest = min(cli.artifacts.glob("chunks/*.json"))
    manifest.write_bytes(manifest.read_bytes()[:40])


def test_damage_on_disk_costs_the_damaged_chunk_alone(cli: Cli):
    cli.page()
    first = cli.render("page", *CUT)
    for damage in (damage_segment, remove_segment, truncate_manifest):
        before = cli.manifests()
        damage(cli)
        again = cli.render("page", *CUT)
        assert again["cachedChunks"] == 5, damage
        assert again["sha256"] == first["sha256"]
        assert len([name for name, when in cli.manifests().items() if before.get(name) != when]) == 1


def test_a_page_that_proves_stateful_late_is_planned_again(cli: Cli):
    # The plan looks at the first frames; this page begins to count only after them.
    cli.page(
        html(
            """<style>body { margin: 0 } div { height: 90px; background: #fa0 }</style><div></div><script>
            let calls = 0;
            (function draw(t) {
              if (t > 2500) document.querySelector("div").style.width = `${4 * ++calls}px`;
              requestAnimationFrame(draw);
            })(0)</script>""",
            frames=120,
        )
    )
    done = cli.run("render", "page", "-o", "out.mp4", "--json", "--unit-frames", "30", "--frames-per-chunk", "60")
    assert done.code == 0, done.err
    assert done.err.count("planning again with --seeking Stateful") == 1
    assert done.report["frames"] == 120
