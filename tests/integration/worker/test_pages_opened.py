"""How many pages a film takes, and which of them are opened ahead."""

from pathlib import Path

import orjson
import pytest

from helios_crds.wire import ExitCode, Payload, Stage
from helios_worker.artifacts.store import ArtifactStore
from helios_worker.capture.devtools.blank_pages import BlankPage, BlankPages
from helios_worker.runtime import WorkerRuntime
from tests.integration.worker.project import RESTLESS, page_request

FRAMES = 12


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Pages as they are opened, and as they are taken."""
    found: list[str] = []
    really_open, really_take = BlankPages._open, BlankPages.take

    async def opened(self: BlankPages, width: int, height: int) -> BlankPage:
        found.append("open")
        return await really_open(self, width, height)

    async def taken(self: BlankPages, width: int, height: int) -> BlankPage:
        found.append("take")
        return await really_take(self, width, height)

    monkeypatch.setattr(BlankPages, "_open", opened)
    monkeypatch.setattr(BlankPages, "take", taken)
    return found


def rendered(worker: WorkerRuntime, folder: Path, events: list[str], seeking: str) -> tuple[list[str], list[str]]:
    """What the plan of a film does with pages, and what its only chunk does."""
    asked = page_request(
        folder / "page",
        RESTLESS,
        frames=FRAMES,
        chunk=FRAMES,
        composition={"seeking": seeking},
        audio={"codec": "none"},
    )
    store = ArtifactStore((folder / "store").as_uri())
    store.put("requests/1.json", orjson.dumps(asked))
    planned = worker.process(Payload(jobPath=f"{store.url}requests/1.json", stage=Stage.PLAN))
    assert planned.exitCode == ExitCode.DONE, planned.stderr
    assert planned.result is not None
    plan = events.copy()
    chunk = worker.process(Payload(jobPath=planned.result["jobPath"], chunkIndex=0))
    assert chunk.exitCode == ExitCode.DONE, chunk.stderr
    return plan, events[len(plan) :]


@pytest.mark.parametrize(
    ("waited_for", "seeking", "plan", "chunk"),
    [
        # the page that is played, the one that is jumped in, and then the lane's
        pytest.param(False, "Auto", "take open take open", "take open", id="a plan in a pod"),
        pytest.param(False, "Seekable", "take open", "take open", id="a plan in a pod, without a test"),
        pytest.param(True, "Auto", "take open open take open", "take", id="somebody waits"),
        pytest.param(True, "Seekable", "take open", "take open", id="somebody waits, without a test"),
    ],
)
def test_each_page_is_opened_once(
    tmp_path: Path, events: list[str], waited_for: bool, seeking: str, plan: str, chunk: str
):
    worker = WorkerRuntime(tmp_path, lanes=1)
    try:
        if waited_for:
            worker.begin()
        assert rendered(worker, tmp_path, events, seeking) == (plan.split(), chunk.split())
    finally:
        worker.close()
    assert list(tmp_path.glob("helios-worker-*")) == []
