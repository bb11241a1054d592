"""What the driver asks for, and what it asks for again, of a target that answers as the test says."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from helios_adapters import CloudAdapter, Deployment
from helios_crds.backoff import Backoff
from helios_crds.request import CompositionRequest, RenderRequest
from helios_crds.wire import Payload, Reply, Stage, chunk_bitmap
from helios_worker.artifacts.store import ArtifactStore
from heliosctl.errors import StageFailed
from heliosctl.local import chunks, fleet
from heliosctl.local.driver import STITCH_ROUNDS, Driver, worth_another
from heliosctl.local.fleet import Fleet
from heliosctl.terminal.progress import Silent
from tests.unit.cli.builders import commit, job, store_job

DONE = Reply(exitCode=0, result={"output": "/out.mp4"})
DIED = Reply(exitCode=1, stderr="the worker died")
WRONG = Reply(exitCode=64, stderr="the page is wrong; mend it", result={"error": "PageError", "remedy": "mend it"})
FULL = Reply(exitCode=75, stderr="the disk is full", result={"error": "ResourceError"})
STUCK = Reply(exitCode=1, stderr="frame 3 was not ready", result={"error": "FrameNeverReady"})
SEAM = Reply(exitCode=64, stderr="frame 60 looks different", result={"error": "SeamMismatch", "seeking": "Stateful"})
DRAWN = Reply(exitCode=64, stderr="frame 60 is different in two runs", result={"error": "SeamMismatch"})
REQUEST = RenderRequest(composition=CompositionRequest(url="/page.html"), output="/out.mp4")


def bad(*chunks: int) -> Reply:
    return Reply(exitCode=1, stderr="damaged", result={"error": "BadChunks", "badChunks": chunk_bitmap(chunks)})


class Target(CloudAdapter[None]):
    """Answers by a script, one list of replies for each thing asked for; what is not in it is done at once."""

    def __init__(self, store: ArtifactStore, job_path: str, **script: list[Reply]) -> None:
        self.asked: list[str] = []
        self.requests: list[bytes] = []
        self._script = {key: list(replies) for key, replies in script.items()}
        self._store = store
        self._job_path = job_path
        self.active = self.most_active = 0

    async def deploy(self, config: None) -> Deployment:
        return Deployment("fake", 1)

    async def invoke(self, payload: Payload, key: str = "") -> Reply:
        name = f"c{payload.chunkIndex}" if payload.stage is Stage.CHUNK else payload.stage.value
        self.asked.append(name)
        self.active += 1
        self.most_active = max(self.most_active, self.active)
        await asyncio.sleep(0)
        self.active -= 1
        if self._script.get(name):
            return self._script[name].pop(0)
        if payload.stage is Stage.PLAN:
            self.requests.append(self._store.get(payload.jobPath.removeprefix(self._store.url)) or b"")
            return Reply(exitCode=0, result={"jobPath": self._job_path})
        return DONE


class Heard(Silent):
    """Remembers what was said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, line: str) -> None:
        self.said.append(line)


@pytest.fixture
def store(tmp_path) -> ArtifactStore:
    return ArtifactStore(tmp_path.as_uri())


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch):
    at_once = Backoff(base=0)
    monkeypatch.setattr(chunks, "BACK_OFF", at_once)
    monkeypatch.setattr(chunks, "CONFIG", replace(chunks.CONFIG, backoff=at_once))


@pytest.fixture
def make(store) -> Callable[..., tuple[Driver, Target, Heard]]:
    def build(*, slots: int = 1, retries: int = 2, chunks: int = 3, **script: list[Reply]):
        spec = job(frames=60 * chunks, per_chunk=60)
        target = Target(store, store_job(store, spec), **script)
        heard = Heard()
        return Driver(Fleet.of_one(target, slots, heard), store, heard, retries), target, heard

    return build


async def test_plan_then_every_chunk_then_stitch(make):
    driver, target, _ = make()
    outcome = await driver.render(REQUEST)
    assert target.asked == ["plan", "c0", "c1", "c2", "stitch"]
    assert outcome.cached == set()


async def test_plan_and_stitch_stay_at_home(store):
    spec = job(frames=60)
    home, away = (Target(store, store_job(store, spec)) for _ in range(2))
    made = Fleet([fleet.Target("a", away, 5)], home, Silent())
    await Driver(made, store, Silent(), 0).render(REQUEST)
    assert home.asked == ["plan", "stitch"]
    assert away.asked == ["c0"]


async def test_what_is_committed_is_not_asked_for(make, store):
    driver, target, _ = make()
    commit(store, job(frames=180, per_chunk=60).chunks[1])
    outcome = await driver.render(REQUEST)
    assert target.asked == ["plan", "c0", "c2", "stitch"]
    assert outcome.cached == {1}


@pytest.mark.parametrize("slots", [1, 2, 5])
async def test_as_many_at_once_as_the_target_takes(make, slots):
    driver, target, _ = make(slots=slots, chunks=12)
    await driver.render(REQUEST)
    assert target.most_active == slots
    assert len(target.asked) == 14


@pytest.mark.parametrize("failure", [DIED, FULL, STUCK], ids=["died", "full", "stuck once"])
async def test_a_chunk_that_failed_is_tried_again(make, failure):
    driver, target, heard = make(c1=[failure])
    await driver.render(REQUEST)
    assert target.asked == ["plan", "c0", "c1", "c1", "c2", "stitch"]
    assert "chunk 1 (frames 60 to 119) failed" in heard.said[0]


async def test_the_users_mistake_is_not_tried_again(make):
    driver, target, _ = make(c1=[WRONG])
    with pytest.raises(StageFailed) as caught:
        await driver.render(REQUEST)
    assert target.asked == ["plan", "c0", "c1"]
    assert caught.value.message == "chunk 1 (frames 60 to 119) failed: the page is wrong"
    assert caught.value.remedy == "mend it"


async def test_after_so_many_attempts_it_fails_for_good(make):
    driver, target, _ = make(retries=2, plan=[DIED] * 5)
    with pytest.raises(StageFailed, match="the plan failed 3 times: the worker died"):
        await driver.render(REQUEST)
    assert target.asked == ["plan"] * 3


async def test_a_frame_that_is_stuck_twice_is_stuck_for_good(make):
    driver, target, _ = make(retries=9, c0=[STUCK, STUCK])
    with pytest.raises(StageFailed, match="2 times"):
        await driver.render(REQUEST)
    assert target.asked == ["plan", "c0", "c0"]


async def test_damaged_chunks_are_rendered_again(make):
    driver, target, heard = make(stitch=[bad(0, 2)])
    outcome = await driver.render(REQUEST)
    assert target.asked == ["plan", "c0", "c1", "c2", "stitch", "c0", "c2", "stitch"]
    assert "damaged" in heard.said[0]
    assert outcome.cached == set()


async def test_damage_without_end_ends(make):
    driver, target, _ = make(stitch=[bad(0)] * 9)
    with pytest.raises(StageFailed, match="damaged"):
        await driver.render(REQUEST)
    assert target.asked.count("stitch") == STITCH_ROUNDS


@pytest.mark.parametrize("bitmap", [[0, 2], "0x5", None, {"0": 2}, "8"], ids=str)
async def test_bad_chunks_that_cannot_be_read_end_the_render(make, bitmap):
    reply = Reply(exitCode=1, stderr="damaged", result={"error": "BadChunks", "badChunks": bitmap})
    driver, target, _ = make(stitch=[reply])
    with pytest.raises(StageFailed, match="damaged"):
        await driver.render(REQUEST)
    assert target.asked.count("stitch") == 1


@pytest.mark.parametrize("where", ["c1", "stitch"])
async def test_a_page_that_proves_stateful_is_planned_again_as_such(make, where):
    driver, target, heard = make(**{where: [SEAM]})
    await driver.render(REQUEST)
    seeking = [RenderRequest.model_validate_json(request).composition.seeking for request in target.requests]
    assert seeking == ["Auto", "Stateful"]
    assert target.asked[-1] == "stitch"
    assert "--seeking Stateful" in heard.said[-1]


async def test_a_page_that_differs_though_all_was_drawn_is_not_planned_again(make):
    driver, target, _ = make(c1=[SEAM, DRAWN])
    with pytest.raises(StageFailed, match="two runs"):
        await driver.render(REQUEST)
    assert target.asked.count("plan") == 2


async def test_a_user_who_says_seekable_is_believed(make):
    driver, target, _ = make(c1=[SEAM])
    composition = REQUEST.composition.model_copy(update={"seeking": "Seekable"})
    with pytest.raises(StageFailed, match="looks different"):
        await driver.render(REQUEST.model_copy(update={"composition": composition}))
    assert target.asked.count("plan") == 1


async def test_one_failure_calls_off_the_others(make):
    driver, target, _ = make(slots=3, chunks=30, c2=[WRONG])
    with pytest.raises(StageFailed, match="chunk 2"):
        await driver.render(REQUEST)
    assert len(target.asked) < 10


@pytest.mark.parametrize(
    ("reply", "before", "again"),
    [
        pytest.param(DIED, None, True, id="died"),
        pytest.param(DIED, DIED, True, id="died twice"),
        pytest.param(FULL, FULL, True, id="full"),
        pytest.param(WRONG, None, False, id="user's mistake"),
        pytest.param(STUCK, None, True, id="stuck"),
        pytest.param(STUCK, STUCK, False, id="stuck at the same place"),
        pytest.param(STUCK, DIED, True, id="stuck after another failure"),
        pytest.param(bad(1), None, False, id="the stitch names chunks"),
        pytest.param(Reply(exitCode=143), None, True, id="told to stop"),
    ],
)
def test_worth_another(reply, before, again):
    assert worth_another(reply, before) == again


async def test_a_render_whose_workers_were_upgraded_is_planned_again_once(make):
    other = Reply(exitCode=1, stderr="browser 1 there, 2 here", result={"error": "OtherEngine"})
    driver, target, heard = make(c1=[other])
    await driver.render(REQUEST)
    assert (target.asked.count("plan"), target.asked[-1]) == (2, "stitch")
    assert heard.said[-1] == "the workers' software has changed since the plan; planning again"
    driver, target, _ = make(c1=[other, other])
    with pytest.raises(StageFailed, match="2 here"):
        await driver.render(REQUEST)
