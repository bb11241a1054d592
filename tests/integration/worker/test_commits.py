"""Nothing counts as done that was not verified, and running any stage twice is harmless."""

import re
from pathlib import Path

import orjson
import pytest

from helios_crds.wire import ExitCode, chunks_in
from helios_worker.artifacts.digests import file_digest
from helios_worker.encode.proof.verify import verify_video
from helios_worker.runtime import WorkerRuntime
from tests.integration.worker.conftest import Hooks
from tests.integration.worker.project import MOVING, STATEFUL, Project


@pytest.fixture
def rendered(project: Project) -> Project:
    """A film of two chunks, both committed."""
    project.plan(MOVING)
    project.chunks()
    return project


def test_a_film_from_plan_to_output(project: Project):
    plan = project.plan(MOVING)
    assert (plan["frames"], plan["chunks"], plan["cached"], plan["stateful"]) == (12, 2, "0", False)
    assert [(result["cached"], result["frames"]) for result in project.chunks()] == [(False, 6), (False, 6)]
    reply = project.stitch()
    assert reply.exitCode == ExitCode.DONE, reply.stderr
    assert reply.result is not None
    assert reply.result["frames"] == 12
    assert reply.result["sha256"] == file_digest(project.output)
    fps = project.job.fps
    assert verify_video(project.output, frames=12, fps=fps, width=160, height=90).problems == ()


def test_a_second_run_finds_the_first(rendered: Project):
    before = rendered.manifest_file().read_bytes()
    found = rendered.runtime.run(rendered.job_url, 0)
    assert found.exit_code == ExitCode.DONE
    assert found.result is not None
    assert found.result["cached"] is True
    assert found.result["sha256"] == rendered.manifest()["sha256"]
    assert rendered.manifest_file().read_bytes() == before
    assert rendered.plan(MOVING)["cached"] == "3"


def test_the_same_plan_is_made_once(project: Project):
    first = project.plan(MOVING)
    written = project.store.get(f"jobs/{first['jobId']}/job.json")
    assert project.plan(MOVING)["jobId"] == first["jobId"]
    assert project.store.get(f"jobs/{first['jobId']}/job.json") == written


def test_another_output_of_the_same_film_renders_no_chunk_again(project: Project):
    """Not even where cuts follow from measured costs, which are never the same twice."""
    tiny_chunks = {"targetSeconds": 0.001}
    first = project.plan(MOVING, frames=126, chunking=tiny_chunks, output=str(project.folder / "one.mp4"))
    project.chunks()
    again = project.plan(MOVING, frames=126, chunking=tiny_chunks, output=str(project.folder / "two.mp4"))
    assert again["jobId"] != first["jobId"]
    assert again["chunks"] == first["chunks"] > 1
    assert chunks_in(again["cached"]) == list(range(again["chunks"]))
    assert project.stitch().exitCode == ExitCode.DONE
    assert (project.folder / "two.mp4").exists()


def test_a_plan_that_was_cut_short_is_made_again(project: Project):
    project.plan(MOVING)
    (key,) = project.store.keys("plans/")
    whole = project.store.get(key) or b""
    project.store.put(key, whole[: len(whole) // 2])
    project.plan(MOVING)
    assert orjson.loads(project.store.get(key) or b"")["chunks"] == orjson.loads(whole)["chunks"]


def test_a_job_file_that_was_cut_short_is_planned_again(project: Project):
    first = project.plan(MOVING)
    written = project.store.get(f"jobs/{first['jobId']}/job.json") or b""
    project.store.put(f"jobs/{first['jobId']}/job.json", written[: len(written) // 2])
    assert project.plan(MOVING)["jobId"] == first["jobId"]
    assert len(project.job.chunks) == 2


def test_losing_the_race_to_a_valid_commit_is_success(rendered: Project, hooks: Hooks):
    """Somebody else commits the chunk between our look and our own commit."""
    theirs = rendered.manifest_file().read_bytes().replace(b'"worker": "', b'"worker": "somebody else, ')
    rendered.manifest_file().unlink()
    hooks.append(lambda: rendered.manifest_file().write_bytes(theirs))
    reply = rendered.chunk()
    assert reply.exitCode == ExitCode.DONE, reply.stderr
    assert hooks, "the chunk was found, not rendered"
    assert rendered.manifest_file().read_bytes() == theirs
    assert len(rendered.store.keys("chunks/")) == 2
    assert reply.result is not None
    assert reply.result["sha256"] == rendered.manifest()["sha256"]


@pytest.mark.parametrize("left", [b"", b'{"key": "', b"null"], ids=["empty", "truncated", "null"])
def test_losing_the_race_to_a_damaged_commit_is_no_loss(rendered: Project, hooks: Hooks, left: bytes):
    """What a writer that was killed leaves on a store that shows half an object."""
    ours = rendered.manifest()
    rendered.manifest_file().unlink()
    hooks.append(lambda: rendered.manifest_file().write_bytes(left))
    assert rendered.chunk().exitCode == ExitCode.DONE
    assert rendered.manifest()["sha256"] == ours["sha256"]


def test_a_truncated_manifest_is_no_commit(rendered: Project):
    before = rendered.manifest()
    data = rendered.manifest_file().read_bytes()
    rendered.manifest_file().write_bytes(data[: len(data) // 2])
    reply = rendered.chunk()
    assert reply.result is not None
    assert reply.result["cached"] is False
    assert rendered.manifest()["sha256"] == before["sha256"]


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        pytest.param(flip, "is damaged", id="one byte"),
        pytest.param(lambda path: path.write_bytes(path.read_bytes()[:-100]), "is damaged", id="cut short"),
        pytest.param(lambda path: path.write_bytes(b""), "is damaged (0 bytes", id="empty"),
        pytest.param(Path.unlink, "is missing", id="gone"),
    ],
)
def test_a_bad_segment_is_named_and_rendered_again_to_the_same_bytes(rendered: Project, damage, said):
    good = rendered.manifest(1)
    bytes_before = rendered.segment_file(1).read_bytes()
    damage(rendered.segment_file(1))
    reply = rendered.stitch()
    assert reply.exitCode == ExitCode.RETRYABLE
    assert reply.result is not None
    assert chunks_in(reply.result["badChunks"]) == [1]
    assert "1 of the chunks must be rendered again: chunk 1: its segment " in reply.stderr
    assert said in reply.stderr
    assert not rendered.output.exists()
    assert [result["cached"] for result in rendered.chunks()] == [True, False]
    assert rendered.manifest(1)["sha256"] == good["sha256"]
    assert rendered.segment_file(1).read_bytes() == bytes_before
    assert rendered.stitch().exitCode == ExitCode.DONE


def test_what_is_not_committed_is_not_stitched(project: Project):
    project.plan(MOVING)
    project.chunk(1)
    reply = project.stitch()
    assert reply.exitCode == ExitCode.RETRYABLE
    assert reply.result is not None
    assert chunks_in(reply.result["badChunks"]) == [0]
    assert "chunk 0: it is not committed" in reply.stderr


def test_an_old_output_stays_until_the_new_one_is_proven(rendered: Project):
    rendered.output.write_bytes(b"the film of yesterday")
    flip(rendered.segment_file())
    assert rendered.stitch().exitCode == ExitCode.RETRYABLE
    assert rendered.output.read_bytes() == b"the film of yesterday"
    assert sorted(path.name for path in rendered.folder.iterdir()) == ["out.mp4", "page", "store"]


def test_an_output_that_is_a_folder(rendered: Project):
    rendered.output.mkdir()
    reply = rendered.stitch()
    assert reply.exitCode == ExitCode.USER_ERROR
    assert "is a folder; give a file name" in reply.stderr


def test_a_chunk_that_is_not_in_the_job(rendered: Project):
    reply = rendered.chunk(7)
    assert reply.exitCode == ExitCode.USER_ERROR
    assert "the job has 2 chunks; there is no chunk 7" in reply.stderr


# -- pages that keep state, rendered as if they did not ------------------------------------------------------


def test_chunks_that_disagree_at_their_seam_are_refused_by_the_stitch(project: Project):
    project.plan(STATEFUL, frames=36, chunk=18)
    project.chunks()
    reply = project.stitch()
    assert reply.exitCode == ExitCode.USER_ERROR
    assert "frame 18 looks different when the page jumps to it than when it plays up to it" in reply.stderr
    assert "composition.seeking: Stateful" in reply.stderr
    assert (reply.result or {})["seeking"] == "Stateful", "by which the render is planned again"
    assert not project.output.exists()


def test_lanes_that_disagree_are_refused_by_the_chunk(project: Project, tmp_path: Path):
    (tmp_path / "lanes").mkdir()
    worker = WorkerRuntime(tmp_path / "lanes", lanes=2)
    try:
        project.runtime = worker
        project.plan(STATEFUL, frames=36, chunk=36)
        reply = project.chunk()
    finally:
        worker.close()
    assert reply.exitCode == ExitCode.USER_ERROR
    # Wherever the second lane began: a lane that starts early takes frames of one that starts late.
    seam = re.match(r"frame (\d+) looks different when the page jumps to it", reply.stderr)
    assert seam, reply.stderr
    assert 0 < int(seam[1]) < 36
    assert project.store.keys("chunks/") == []


def test_the_trial_finds_state_and_chunks_walk(project: Project):
    plan = project.plan(STATEFUL, frames=48, chunk=24, composition={"seeking": "Auto"})
    assert plan["stateful"] is True
    assert any("keeps state from frame to frame" in warning for warning in plan["warnings"])
    project.chunks()
    assert project.stitch().exitCode == ExitCode.DONE


def test_a_page_that_scrolls_smoothly_is_sought(project: Project):
    """It moves on with the clock, and with no frame that is drawn."""
    body = """<div style="height:90px;overflow:auto"><p style="height:900px;background:linear-gradient(red,blue)"></div>
    <script>setTimeout(() => document.querySelector("div").scrollTo({top: 700, behavior: "smooth"}), 610)</script>"""
    plan = project.plan(body, frames=48, chunk=24, composition={"seeking": "Auto"})
    assert (plan["stateful"], list(plan["warnings"])) == (False, [])
    project.chunks()
    assert project.stitch().exitCode == ExitCode.DONE


def test_a_page_that_is_never_the_same_is_refused(project: Project):
    """A pair of keys that the browser makes is beyond the clock and the seed."""
    body = """<script>
    const key = crypto.subtle.generateKey({name: "ECDSA", namedCurve: "P-256"}, true, ["sign", "verify"])
      .then((pair) => crypto.subtle.exportKey("raw", pair.publicKey))
      .then((raw) => [...new Uint8Array(raw).slice(1, 4)]);
    window.__HELIOS_READY__ = key; // or a busy browser makes it after the last frame
    let shown = 0;
    const step = () => requestAnimationFrame(async () => {
      const [red, green, blue] = await key;
      document.body.style.background = `rgb(${red}, ${green}, ${blue / 2 + shown++})`;
      step();
    });
    step();</script>"""
    reply = project.try_plan(body, frames=12, composition={"seeking": "Auto"})
    assert reply.exitCode == ExitCode.USER_ERROR
    assert "the page is not repeatable: frames" in reply.stderr
