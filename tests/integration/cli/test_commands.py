"""The commands beside render: plan, still, contact-sheet, verify, jobs, doctor, and command jobs.

Long, because all of them look at one rendered film.
"""

import json
import re
import signal
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests.integration.cli.conftest import Cli, html, slow, wait_for

SLOW = ("--seeking", "Seekable", "--unit-frames", "10", "--frames-per-chunk", "10", "--lanes", "1")
# The bar of the page is 20 px wide and moves 70 px a second.
ORANGE, BLUE = (255, 170, 0), (17, 34, 51)


def bar(picture: Image.Image) -> int:
    """The first column of the bar."""
    row = [picture.getpixel((x, picture.height // 2)) for x in range(picture.width)]
    return row.index(ORANGE)


# -- stills ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("at", "frame", "column"), [("30", 30, 70), ("1.5s", 45, 105), ("0", 0, 0)])
def test_a_still_is_exactly_its_frame(shared: Cli, at: str, frame: int, column: int):
    done = shared.run("still", "page", "--at", at, "-o", "still.png", "--json")
    assert done.code == 0, done.err
    assert (done.report["frame"], done.report["time"]) == (frame, frame / 30)
    picture = Image.open(shared.folder / "still.png").convert("RGB")
    assert picture.size == (160, 90)
    assert bar(picture) == column
    assert {color for _, color in picture.getcolors(maxcolors=1000) or []} == {ORANGE, BLUE}


def test_a_contact_sheet_of_a_page_and_of_its_film(shared: Cli):
    for source, output in (("page", "pages.png"), ("out.mp4", "films.png")):
        done = shared.run("contact-sheet", source, "-o", output, "--count", "4", "--columns", "2", "--json")
        assert done.code == 0, done.err
        assert done.report["frames"] == [0, 20, 39, 59]
    page, film = (Image.open(shared.folder / name).convert("RGB") for name in ("pages.png", "films.png"))
    assert page.size == film.size
    for x, y in ((480, 200), (1440, 200), (480, 800), (1440, 800)):
        difference = max(
            abs(a - b)
            for a, b in zip(page.getpixel((x, y)), film.getpixel((x, y)), strict=True)  # type: ignore[arg-type]
        )
        assert difference < 40, (x, y)


def test_a_still_leaves_no_job_to_be_finished(cli: Cli):
    cli.page()
    assert cli.run("still", "page", "-o", "still.png").code == 0
    assert cli.run("contact-sheet", "page", "-n", "4", "-o", "sheet.png").code == 0
    assert cli.run("jobs", "list", "--json").report["jobs"] == []
    assert len(list(cli.artifacts.glob("plans/*.json"))) == 1  # both used one plan, which a render finds too


# -- plan and verify ---------------------------------------------------------------------------------------


def test_a_plan_says_what_a_render_would_do(shared: Cli):
    options = ("--unit-frames", "15", "--frames-per-chunk", "15")
    done = shared.run("plan", "page", *options, "--json")
    assert done.code == 0, done.err
    plan = done.report
    assert (plan["frames"], plan["fps"], plan["stateful"]) == (60, "30", False)
    assert [chunk["startFrame"] for chunk in plan["chunks"]] == [0, 15, 30, 45]
    assert all(chunk["cached"] for chunk in plan["chunks"])
    assert plan["estimatedSeconds"] > 0
    assert plan["costs"]

    told = shared.run("plan", "page", *options).out
    assert "estimated between them. Nothing was measured after frame 41" in told
    assert "160×90, 30 fps" in told
    assert "seekable" in told
    assert "█" in told
    assert told.count("already rendered") == 4


def test_a_plan_shows_that_a_page_gets_heavy_late_and_why(cli: Cli):
    """The page is light for five seconds; then four panes blur what moves behind them."""
    cli.page(
        html(
            """<style>body { margin: 0 } i { position: absolute; inset: 0; backdrop-filter: blur(30px);
              visibility: hidden; animation: come 0.1s 5s forwards } @keyframes come { to { visibility: visible } }
              b { position: absolute; width: 200px; height: 720px; background: #fa0; animation: move 6s linear }
              @keyframes move { to { transform: translateX(500px) } }</style><b></b><i></i><i></i><i></i><i></i>""",
            width=1280,
            height=720,
            frames=180,
        )
    )
    told = cli.run("plan", "page")
    assert told.code == 0, told.err
    assert "estimated between them" in told.out
    assert "Nothing was measured after" not in told.out
    assert "CSS backdrop-filter on 4 elements costs" in told.out
    costs = {cost["frame"]: cost["seconds"] for cost in cli.run("plan", "page", "--json").report["costs"]}
    assert max(costs) > 135
    assert costs[max(costs)] > 2 * max(seconds for frame, seconds in costs.items() if frame < 42)


def test_a_film_is_verified_against_its_plan(shared: Cli):
    job = shared.run("jobs", "list", "--json").report["jobs"]
    job_id = next(found["jobId"] for found in job if found["final"] and found["output"].endswith("/out.mp4"))
    path = shared.artifacts / "jobs" / job_id / "job.json"
    for plan in (job_id[:8], str(path), path.as_uri()):
        done = shared.run("verify", "out.mp4", "--plan", plan)
        assert done.code == 0, done.err
        assert "no problems found" in done.out
        assert "against its plan" in done.out


def test_a_film_of_another_job_is_not_taken_for_this_one(shared: Cli):
    """Two films of one length, size and rate: only the SHA-256 on the job's record tells them apart."""
    shared.page(html("<body style='background: #0a0'>"), "other")
    other = shared.render("other", output="other.mp4")
    right = shared.run("verify", "other.mp4", "--plan", other["jobId"], "--json")
    assert right.code == 0
    assert right.report["sha256"] == right.report["jobSha256"] == other["sha256"]
    mixed_up = shared.run("verify", "out.mp4", "--plan", other["jobId"])
    assert mixed_up.code == 1
    assert f"SHA-256 {right.report['sha256'][:12]}" not in mixed_up.out
    assert f"not the {other['sha256'][:12]}… of the film that the job made" in mixed_up.out


def test_a_plan_without_a_film_on_record_says_so(shared: Cli):
    planned = shared.run("plan", "page", "--unit-frames", "15", "--json").report["jobId"]
    done = shared.run("verify", "out.mp4", "--plan", planned)
    assert done.code == 0
    assert "no finished film is on the job's record" in done.out


def test_a_picture_is_no_film(shared: Cli):
    shared.run("contact-sheet", "out.mp4", "-n", "2", "-o", "sheet.png")
    done = shared.run("verify", "sheet.png")
    assert done.code == 64
    assert "sheet.png is not a film: it is a picture (png)" in done.err


def test_what_is_wrong_with_a_film_is_told(shared: Cli):
    whole = (shared.folder / "out.mp4").read_bytes()
    (shared.folder / "cut.mp4").write_bytes(whole[: len(whole) * 2 // 3])
    told = shared.run("verify", "cut.mp4")
    assert told.code == 1
    assert "problem" in told.out
    report = shared.run("verify", "cut.mp4", "--json")
    assert report.code == 1
    assert report.report["ok"] is False
    assert report.report["problems"]


def test_what_is_no_film_is_said_so(shared: Cli):
    done = shared.run("verify", "page/index.html", "--json")
    assert done.code == 1
    assert "not a readable video" in done.report["message"]


# -- jobs --------------------------------------------------------------------------------------------------


def test_a_job_is_listed_shown_resumed_and_removed(cli: Cli):
    cli.page(html(slow(2)))
    process = cli.start("render", "page", "-o", "out.mp4", *SLOW)
    wait_for(lambda: len(cli.manifests()) >= 2, "two chunks")
    process.send_signal(signal.SIGSTOP)
    busy = cli.run("jobs", "list", "--json").report["jobs"][0]
    assert busy["state"] == f"rendering (pid {process.pid})"
    refused = cli.run("jobs", "rm", busy["jobId"])
    assert refused.code == 64
    assert "is being rendered" in refused.err
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGCONT)
    process.communicate()
    done = len(cli.manifests())

    (found,) = cli.run("jobs", "list", "--json").report["jobs"]
    assert (found["state"], found["finishedChunks"], found["chunks"]) == ("unfinished", done, 6)
    job_id = found["jobId"]
    assert job_id[:10] in cli.run("jobs", "list").out
    assert "#" * done + "." * (6 - done) in cli.run("jobs", "show", job_id[:6]).out

    resumed = cli.run("jobs", "resume", job_id[:6], "--json")
    assert resumed.code == 0, resumed.err
    assert resumed.report["cachedChunks"] == done
    assert (cli.folder / "out.mp4").is_file()
    assert "finished, 6 of 6 chunks" in cli.run("jobs", "show", job_id).out

    removed = cli.run("jobs", "rm", job_id[:6], "--json")
    assert removed.code == 0, removed.err
    assert removed.report["bytes"] > 0
    assert cli.run("jobs", "list", "--json").report == {"jobs": []}
    kept = [path for path in cli.artifacts.rglob("*") if path.is_file() and path.parent.name != "requests"]
    assert [path.name for path in kept] == ["planning.lock"]
    assert (cli.folder / "out.mp4").is_file()


def test_pruning_leaves_what_was_kept(cli: Cli):
    cli.page(html(frames=3))
    kept = cli.render("page", "--keep")["jobId"]
    gone = cli.render("page", output="other.mp4")["jobId"]
    assert cli.run("jobs", "prune", "--older-than", "0s", "--dry-run", "--json").report == {"jobs": [gone]}
    assert cli.run("jobs", "prune", "--older-than", "0s", "--json").report["jobs"] == [gone]
    assert [job["jobId"] for job in cli.run("jobs", "list", "--json").report["jobs"]] == [kept]
    assert cli.render("page")["cachedChunks"] == 1


# -- this machine ------------------------------------------------------------------------------------------


def test_a_machine_that_can_render_is_well(cli: Cli):
    done = cli.run("doctor", "--json")
    assert done.code == 0, done.out
    assert done.report["ok"]
    checks = {check["name"]: check["detail"] for check in done.report["checks"]}
    assert "x264" in checks["encoder"]
    assert "3 frames" in checks["trial render"]
    assert list((cli.folder / "tmp").iterdir()) == []


def test_a_machine_without_a_browser_is_told_what_to_do(cli: Cli):
    done = cli.run("doctor", HELIOS_CHROMIUM="/nowhere/chromium")
    assert done.code == 1
    assert "✗ browser" in done.out
    assert "/nowhere/chromium" in done.out
    assert "✗ trial render" in done.out
    assert "✓ encoder" in done.out


def test_help_and_version(cli: Cli):
    assert cli.run_program("--version").out.startswith("heliosctl 0.")
    told = cli.run_program("--help")
    assert told.code == 0
    for command in ("render", "plan", "still", "contact-sheet", "verify", "jobs", "doctor"):
        assert command in told.out


# -- command jobs ------------------------------------------------------------------------------------------

WRITE = "import sys; open(sys.argv[1], 'w').write('x'); open('log', 'a').write(sys.argv[1] + ' ')"
MERGE = "import sys; open('film.bin', 'w').write(''.join(open(name).read() for name in sys.argv[1:]))"


def command_job(folder: Path, *commands: str, merge: str | None) -> None:
    """A job.json as Helios writes it, three frames in each chunk."""
    chunks = [
        {"id": index, "startFrame": 3 * index, "frameCount": 3, "outputFile": f"{index}.bin", "command": command}
        for index, command in enumerate(commands)
    ]
    metadata = {"totalFrames": 3 * len(chunks), "fps": 30, "width": 160, "height": 90, "duration": 0.1 * len(chunks)}
    job = {"id": "theirs", "metadata": metadata, "chunks": chunks, "mergeCommand": merge, "cloud": {"region": "x"}}
    (folder / "job.json").write_text(json.dumps(job))


def python(code: str, *arguments: str) -> str:
    return f'{sys.executable} -c "{code}" {" ".join(arguments)}'


def test_a_job_of_helios_runs_by_its_own_commands(cli: Cli):
    writes = [python(WRITE, f"{index}.bin") for index in range(3)]
    command_job(cli.folder, *writes, merge=python(MERGE, "0.bin", "1.bin", "2.bin"))
    first = cli.run("render", "job.json", "--json")
    assert first.code == 0, first.err
    assert (first.report["chunks"], first.report["cachedChunks"]) == (3, 0)
    assert (cli.folder / "film.bin").read_text() == "xxx"

    (cli.folder / "1.bin").write_text("damaged")
    second = cli.run("render", "job.json", "--json")
    assert second.report["cachedChunks"] == 2
    assert (cli.folder / "film.bin").read_text() == "xxx"
    assert (cli.folder / "log").read_text().split() == ["0.bin", "1.bin", "2.bin", "1.bin"]


@pytest.mark.parametrize(
    ("command", "code", "said"),
    [
        pytest.param(python("raise SystemExit(3)"), 1, "ended with 3", id="fails"),
        pytest.param("true", 1, "did not write 0.bin", id="makes nothing"),
        pytest.param("no-such-program --fast", 64, "no-such-program", id="no such program"),
        pytest.param("'unclosed", 64, "cannot be read", id="no command line"),
    ],
)
def test_a_command_that_fails(cli: Cli, command: str, code: int, said: str):
    command_job(cli.folder, command, merge=None)
    done = cli.run("render", "job.json", "--retries", "0")
    assert done.code == code, done.err
    assert said in done.err
    assert "hunk 0" in done.err


def test_a_stopped_command_is_ended(cli: Cli):
    command_job(cli.folder, python("import time; open('on', 'w'); time.sleep(600)"), merge=None)
    process = cli.start("render", "job.json")
    wait_for((cli.folder / "on").exists, "the command")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "Stopped" in err
    cli.leaves_no_process()


def test_a_json_that_is_no_job(cli: Cli):
    (cli.folder / "job.json").write_text("{}")
    done = cli.run("render", "job.json")
    assert done.code == 64
    assert "is not a valid Helios job" in done.err


# -- JSON --------------------------------------------------------------------------------------------------


def names(value: object) -> set[str]:
    """Every key in a JSON value."""
    if isinstance(value, dict):
        return set(value) | {name for inner in value.values() for name in names(inner)}
    return {name for inner in value for name in names(inner)} if isinstance(value, list) else set()


def test_names_in_json_are_in_camel_case(shared: Cli):
    job = shared.run("jobs", "list", "--json").report["jobs"][0]["jobId"]
    for command in (
        ["plan", "page", "--unit-frames", "15", "--frames-per-chunk", "15"],
        ["verify", "out.mp4", "--plan", job],
        ["verify", "gone.mp4"],
        ["jobs", "show", job],
    ):
        report = dict(shared.run(*command, "--json").report)
        wrong = [name for name in names(report) if not re.fullmatch("[a-z][a-zA-Z0-9]*", name)]
        assert [name for name in wrong if not name.isdigit()] == [], command  # chunks go by their numbers
