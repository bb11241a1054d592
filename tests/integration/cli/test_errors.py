"""Everything that can be wrong with a page, an option or a machine: one message with cause and remedy, the right
exit code, and nothing lost.

Long, because it is one list of what can be wrong.
"""

import os
import subprocess
from pathlib import Path

import pytest

from helios_worker.capture.devtools.process import find_browser
from tests.integration.cli.conftest import BODY, Cli, html, slow, wait_for

THROWS_AT_40 = """<script>(function draw(time) {
  if (time > 1333) throw new Error("the bar is closed");
  requestAnimationFrame(draw);
})(0)</script>"""


@pytest.mark.parametrize(
    ("page", "said"),
    [
        pytest.param(html('<img src="gone.png">'), ["gone.png", "404", "--page-errors warn"], id="404 asset"),
        pytest.param(
            html("<script>\nundefinedThing()</script>"),
            ["while loading", "undefinedThing is not defined", "index.html:4"],
            id="script error at load",
        ),
        pytest.param(
            html(THROWS_AT_40),
            ["frame 40 (t = 1.333 s)", "the bar is closed", "index.html:4"],
            id="script error at frame 40",
        ),
        pytest.param(
            '<!doctype html><html data-width="160" data-height="90">',
            ["The film has no length", "--duration", "--frames", "data-duration"],
            id="no length",
        ),
        pytest.param(html(width=161), ["idth 161", "odd", "160"], id="odd width declared"),
        pytest.param(html(fps="0"), ["0 frames per second"], id="fps 0 declared"),
        pytest.param(html(fps="soon"), ["'soon'", 'data-fps="30"'], id="fps that is none"),
        pytest.param(html(frames=10**9), ['data-frames="1000000000"', "from 1 to 10000000"], id="10^9 frames declared"),
    ],
)
def test_a_page_that_cannot_be_rendered(cli: Cli, page: str, said: list[str]):
    assert refused(cli, page, said) == 64


@pytest.mark.parametrize(
    ("page", "said"),
    [
        pytest.param(
            html("<script>window.__HELIOS_READY__ = new Promise(() => {})</script>"),
            ["not ready after 5 s", "__HELIOS_READY__", "--frame-timeout", "The report is"],
            id="promise never kept",
        ),
        pytest.param(
            html("<script>\nfor (;;);</script>"),
            ["not ready after 5 s", "does not return", "--frame-timeout"],
            id="endless loop while loading",
        ),
        pytest.param(
            html("<script>\nsetTimeout(function spin() { for (;;); }, 500)</script>"),
            ["rame 15 was not ready after 5 s", "does not return", "spin"],
            id="endless loop at frame 15",
        ),
        pytest.param(
            html("<script>(function again() { Promise.resolve().then(again) })()</script>"),
            ["not ready after 5 s", "does not return"],
            id="endless promise chain",
        ),
    ],
)
def test_a_page_that_is_never_ready(cli: Cli, page: str, said: list[str]):
    assert refused(cli, page, said, "--frame-timeout", "5") in (1, 64)


def refused(cli: Cli, page: str, said: list[str], *options: str) -> int:
    """The exit code of a render that must fail, by one error, and leave neither a film nor a process."""
    cli.page(page)
    done = cli.run("render", "page", "-o", "out.mp4", "--retries", "0", *options)
    told_once(done.err, *said)
    assert not (cli.folder / "out.mp4").exists()
    cli.leaves_no_process()
    return done.code


def test_an_endless_chain_of_timers_is_no_error(cli: Cli):
    """Timers have their own times: a chain of them runs on between frames, and frames come all the same."""
    cli.page(html(f"{BODY}<script>(function again() {{ setTimeout(again, 0) }})()</script>", frames=6))
    assert cli.render("page")["frames"] == 6


def test_a_page_may_be_rendered_with_its_errors(cli: Cli):
    cli.page(html('<img src="gone.png">', frames=3))
    report = cli.render("page", "--page-errors", "warn")
    assert report["frames"] == 3
    assert "gone.png" in report["warnings"][0]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        pytest.param(["--fps", "29.97"], ["--fps 29.97 is not exact", "30000/1001"], id="inexact fps"),
        pytest.param(["--fps", "0"], ["--fps 0 is out of range"], id="fps 0"),
        pytest.param(["--duration", "10"], ["--duration 10 has no unit", "10s", "--frames 10"], id="no unit"),
        pytest.param(["--frames=0-60"], ["--frames 0-60 is not a number", "--range 0:60"], id="frames as a range"),
        pytest.param(["--width=0-60"], ["0-60 is not a whole number"], id="number with a dash"),
        pytest.param(["--range", "30-60"], ["--range 30-60 is not", "--range 30:60"], id="range with a dash"),
        pytest.param(["--artifacts", "/proc/x"], ["cannot be kept in /proc/x", "--artifacts"], id="no such folder"),
        pytest.param(["--frames", "0"], ["--frames 0 must be at least 1"], id="no frames"),
        pytest.param(["--frames", "1000000000"], ["must be at most 10000000"], id="10^9 frames"),
        pytest.param(["--frames", "many"], ["--frames"], id="frames that are no number"),
        pytest.param(["--width", "161"], ["idth 161", "odd"], id="odd width"),
        pytest.param(["--crf", "99"], ["rf 99 is out of range", "0 to 51"], id="crf"),
        pytest.param(["--preset", "fastest"], ["'fastest'", "ultrafast"], id="preset"),
        pytest.param(["--range", "60:90"], ["60:90", "60 frames", "within"], id="range beyond the end"),
        pytest.param(["--lanes", "0"], ["--lanes"], id="no lanes"),
        pytest.param(["--no-such-option"], ["No such option"], id="unknown option"),
        pytest.param(
            ["--artifacts", "s4://bucket"], ["s4://bucket/ is not the address of a store", "s3://"], id="store"
        ),
    ],
)
def test_an_option_that_cannot_be(cli: Cli, options: list[str], said: list[str]):
    cli.page()
    done = cli.run("render", "page", "-o", "out.mp4", *options)
    assert done.code == 64
    told_once(done.err, *said)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(["render", "gone.html", "-o", "out.mp4"], ["Page gone.html not found"], id="page missing"),
        pytest.param(["render", "page"], ["No output file given", "-o out.mp4"], id="no output"),
        pytest.param(["render", "page", "-o", "out.avi"], ["does not end in .mp4"], id="another container"),
        pytest.param(["render", "page", "-o", "page"], ["is a folder"], id="output is a folder"),
        pytest.param(["render", "page", "-o", "page/index.html/out.mp4"], ["cannot be written"], id="output in a file"),
        pytest.param(["render", "http://127.0.0.1:1/", "-o", "out.mp4"], ["cannot be opened"], id="address"),
        pytest.param(["rendr"], ["No such command", "render"], id="misspelt command"),
        pytest.param(["still", "page", "--at", "60", "-o", "a.png"], ["no frame 60", "0 to 59"], id="no such frame"),
        pytest.param(
            ["render", "page/index.html", "-o", "a.mp4", "--entry", "other.html"],
            ["--entry other.html would be ignored", "eave out --entry"],
            id="entry of a file",
        ),
        pytest.param(
            ["jobs", "list", "--artifacts", "mistyped"], ["no folder", "mistyped", "--artifacts"], id="no artifacts"
        ),
        pytest.param(["verify", "gone.mp4"], ["Film gone.mp4 not found"], id="film missing"),
        pytest.param(["jobs", "show", "zz"], ["There is no job zz", "heliosctl jobs list"], id="no such job"),
    ],
)
def test_what_is_not_there(cli: Cli, arguments: list[str], said: list[str]):
    cli.page()
    done = cli.run(*arguments)
    assert done.code == 64
    told_once(done.err, *said)


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        (["--fps", "x"], "UserError", "--fps x"),
        (["--frames", "x"], "UserError", "--frames"),
        (["--width", "x"], "UsageError", "--width"),
        (["--props", "@gone.json"], "UserError", "gone.json"),
    ],
)
def test_with_json_an_error_is_json_too(cli: Cli, options: list[str], error: str, said: str):
    cli.page()
    done = cli.run("render", "page", "-o", "out.mp4", "--json", *options)
    assert done.code == 64
    assert done.report["error"] == error
    assert said in done.report["message"]
    assert done.report["exitCode"] == 64


def test_a_page_error_as_json(cli: Cli):
    cli.page(html('<img src="gone.png">'))
    done = cli.run("render", "page", "-o", "out.mp4", "--json")
    assert done.code == done.report["exitCode"] == 64
    assert done.report["error"] == "PageError"
    assert "gone.png" in done.report["message"]
    assert "--page-errors warn" in done.report["remedy"]


@pytest.mark.parametrize("chromium", ["/nowhere/chromium", "/bin/false"], ids=["missing", "does not start"])
def test_no_browser(cli: Cli, chromium: str):
    cli.page()
    done = cli.run("render", "page", "-o", "out.mp4", "--retries", "0", HELIOS_CHROMIUM=chromium)
    assert done.code == (64 if "nowhere" in chromium else 1)
    told_once(done.err, chromium)


def unsteady_browser(cli: Cli, failures: int) -> str:
    """A browser that ends at once the first times that it is started, as one does whose machine is too slow."""
    real = find_browser()
    script = cli.folder / "browser"
    script.write_text(
        f"""#!/bin/sh
echo start >> {cli.folder}/starts
if [ $(wc -l < {cli.folder}/starts) -le {failures} ]; then
  echo "[1:ERROR:dbus/bus.cc(408)] Failed to connect to the bus: no /run" >&2
  echo "the display is away" >&2
  exit 3
fi
exec {real} "$@"
"""
    )
    script.chmod(0o755)
    return str(script)


def starts(cli: Cli) -> int:
    return len((cli.folder / "starts").read_text().splitlines())


def test_a_browser_that_does_not_start_is_started_again(cli: Cli):
    cli.page()
    done = cli.run("still", "page", "-o", "a.png", HELIOS_CHROMIUM=unsteady_browser(cli, 2))
    assert done.code == 0, done.err
    assert starts(cli) == 3


def test_a_browser_that_never_starts_is_given_up_with_the_cause(cli: Cli):
    cli.page()
    done = cli.run("still", "page", "-o", "a.png", HELIOS_CHROMIUM=unsteady_browser(cli, 9))
    assert done.code == 1
    assert starts(cli) == 3
    told_once(done.err, "did not start: it ended with exit code 3: the display is away (after 3 attempts)")
    assert "dbus" not in done.err  # which never is the reason


def test_a_browser_that_cannot_start_here_is_not_tried_again(cli: Cli):
    cli.page()
    script = Path(unsteady_browser(cli, 9))
    script.write_text(script.read_text().replace("the display is away", "error while loading shared libraries: libx"))
    done = cli.run("render", "page", "-o", "a.mp4", HELIOS_CHROMIUM=str(script))
    assert done.code == 64
    assert starts(cli) == 1
    told_once(done.err, "cannot start on this machine", "shared libraries: libx", "nstall")


@pytest.mark.parametrize(
    "options", [["--crf", "99"], ["--preset", "fastest"], ["--width", "161"], ["--height", "91"]], ids=lambda o: o[0]
)
def test_no_browser_is_started_for_what_cannot_be_encoded(cli: Cli, options: list[str]):
    """There is none to be started: a message about it would come first."""
    cli.page()
    done = cli.run("render", "page", "-o", "out.mp4", *options, HELIOS_CHROMIUM="/nowhere/chromium")
    assert done.code == 64
    told_once(done.err, options[0], options[1])
    assert not list(cli.artifacts.glob("requests/*"))


def test_an_output_that_goes_away_loses_no_chunk(cli: Cli):
    cli.page(html(slow(2)))
    (cli.folder / "films").mkdir()
    process = cli.start("render", "page", "-o", "films/out.mp4", "--unit-frames", "10", "--frames-per-chunk", "10")
    wait_for(cli.manifests, "a chunk")
    (cli.folder / "films").rmdir()
    (cli.folder / "films").write_text("now a file")
    _, err = process.communicate(timeout=60)
    assert process.returncode == 64
    told_once(err, "films/out.mp4 cannot be written", "-o")
    assert cli.render("page", "--unit-frames", "10", "--frames-per-chunk", "10")["cachedChunks"] == 6


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small disk")
@pytest.mark.parametrize("place", ["artifacts", "out"])
def test_a_full_disk_loses_no_chunk(cli: Cli, place: str):
    disk = cli.folder / place
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk], capture_output=True).returncode:
        pytest.skip("a disk cannot be mounted here")
    try:
        noise = """<canvas width=160 height=90></canvas><script>(function draw(time) {
          const context = document.querySelector("canvas").getContext("2d");
          const image = context.createImageData(160, 90);
          const frame = Math.round(time * 0.03);
          for (let i = 0; i < image.data.length; i++)
            image.data[i] = Math.imul(i + 1, 0x9e3779b1 * (frame + 1)) >>> 13 & 255;
          context.putImageData(image, 0, 0);
          requestAnimationFrame(draw);
        })(0)</script>"""
        cli.page(html(f"<style>body {{ margin: 0 }}</style>{noise}", frames=20))
        command = ["page", "--seeking", "Seekable", "--retries", "0", "--unit-frames", "5", "--frames-per-chunk", "5"]
        done = cli.run("render", *command, "-o", "out/out.mp4", "--lanes", "1")
        assert done.code == 75, done.err
        told_once(done.err, "the disk is full" if place == "artifacts" else "No space left", "ree some space")
        committed = cli.manifests()
        subprocess.run(["mount", "-o", "remount,size=16m", disk], check=True)
        report = cli.render(*command, "--lanes", "1", output="out/out.mp4")
        assert report["cachedChunks"] == len(committed)
        assert committed.items() <= cli.manifests().items()
    finally:
        subprocess.run(["umount", disk], check=True)


def test_debug_shows_the_trace_and_the_workers_log(cli: Cli):
    done = cli.run("verify", "gone.mp4", "--debug")
    assert "Traceback" in done.err
    assert "Traceback" not in cli.run("verify", "gone.mp4").err


def test_a_reader_that_has_seen_enough_is_no_error(shared: Cli):
    plan = shared.start("plan", "page")
    assert plan.stdout is not None
    plan.stdout.close()
    assert plan.stderr is not None
    said = plan.stderr.read()
    assert plan.wait(timeout=60) in (0, 1)
    assert "Traceback" not in said
    assert "Error" not in said


def told_once(stderr: str, *parts: str) -> None:
    """One error, with these words in it, and no trace."""
    text = " ".join(stderr.replace("│", " ").split())
    for part in parts:
        assert part in text, f"{part!r} is not in: {stderr}"
    assert stderr.count("Error") - stderr.count("Error: ") <= 2, stderr
    assert "Traceback" not in stderr
    assert "composition.localhost" not in stderr, stderr
    assert str(Path.cwd()) not in stderr


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(["render", "nowhere.html", "-o", "out.mp4"], id="a page that is not there"),
        pytest.param(["render", "page", "--crf", "many", "-o", "out.mp4"], id="an option"),
        pytest.param(["render", "page", "--frames-per-chunk", "0", "-o", "out.mp4"], id="a value"),
        pytest.param(["still", "nowhere.html", "-o", "out.png"], id="a still's page"),
        pytest.param(["check", "page", "--width", "1"], id="a check's value"),
    ],
)
def test_what_was_started_before_a_mistake_was_seen_is_ended(cli: Cli, words: list[str]):
    cli.page()
    done = cli.run_program(*words)
    assert done.code == 64, done.err
    assert cli.processes() == {}
    assert list((cli.folder / "tmp").iterdir()) == []
