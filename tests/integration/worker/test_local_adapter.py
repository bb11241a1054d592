"""The local adapter: workers that die, that say nonsense, and that must not outlive it."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import orjson
import pytest

from helios_adapters import worker_process
from helios_adapters.local import LocalAdapter, LocalConfig
from helios_crds.wire import ExitCode, Payload, Stage
from helios_worker.artifacts.store import ArtifactStore
from tests.integration.worker.project import RESTLESS, page_request
from tests.processes import browsers, command_lines, descendants, is_running, until, workers_among


class Told(list[tuple[int, int]]):
    """Chunk and count of frames, as the adapter tells them."""

    def __call__(self, chunk: int, count: int) -> None:
        self.append((chunk, count))


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
async def adapter(tmp_path: Path, told: Told) -> AsyncIterator[LocalAdapter]:
    (tmp_path / "workspace").mkdir()
    found = LocalAdapter()
    await found.deploy(LocalConfig(lanes=1, workspace=tmp_path / "workspace", on_frames=told))
    yield found
    await found.close()


def ask(folder: Path, *, frames: int = 12, chunk: int = 6) -> Payload:
    store = ArtifactStore((folder / "store").as_uri())
    store.put("requests/1.json", orjson.dumps(page_request(folder / "page", RESTLESS, frames=frames, chunk=chunk)))
    return Payload(jobPath=f"{store.url}requests/1.json", stage=Stage.PLAN)


async def plan(adapter: LocalAdapter, folder: Path, **sizes: int) -> str:
    reply = await adapter.invoke(ask(folder, **sizes))
    assert reply.exitCode == ExitCode.DONE, reply.stderr
    assert reply.result is not None
    return str(reply.result["jobPath"])


def workers() -> list[int]:
    return workers_among(command_lines(os.getpid()))


def workspaces(folder: Path) -> list[Path]:
    return list(folder.glob("helios-worker-*"))


async def test_a_film_by_payloads(adapter: LocalAdapter, tmp_path: Path):
    job = await plan(adapter, tmp_path)
    for index in (0, 1):
        assert (await adapter.invoke(Payload(jobPath=job, chunkIndex=index))).exitCode == ExitCode.DONE
    assert (await adapter.invoke(Payload(jobPath=job, stage=Stage.STITCH))).exitCode == ExitCode.DONE
    assert (tmp_path / "out.mp4").stat().st_size > 0
    assert len(workers()) == 1, "one worker stayed warm for all of it"


async def test_a_worker_that_was_started_before_is_the_first(tmp_path: Path):
    process = worker_process.start(worker_process.arguments(lanes=1, workspace=tmp_path))
    adapter = LocalAdapter(process)
    await adapter.deploy(LocalConfig(lanes=1, workspace=tmp_path))
    await plan(adapter, tmp_path)
    assert workers() == [process.pid]
    await adapter.close()
    assert process.returncode == ExitCode.DONE
    assert workspaces(tmp_path) == []


async def test_a_worker_that_was_started_before_and_is_another_one_ends(tmp_path: Path):
    process = worker_process.start(worker_process.arguments(lanes=2, workspace=tmp_path))
    adapter = LocalAdapter(process)
    await adapter.deploy(LocalConfig(lanes=1, workspace=tmp_path))
    await plan(adapter, tmp_path)
    await until(lambda: process.pid not in workers(), "the other worker to end")
    assert len(workers()) == 1
    await adapter.close()
    assert descendants(os.getpid()) == []
    assert workspaces(tmp_path) == []


async def test_frames_are_told_while_they_are_encoded(adapter: LocalAdapter, told: Told, tmp_path: Path):
    job = await plan(adapter, tmp_path)
    await adapter.invoke(Payload(jobPath=job, chunkIndex=1))
    assert {chunk for chunk, _ in told} == {1}
    assert sum(count for _, count in told) == 6


async def test_a_worker_killed_in_mid_stage_is_replaced(adapter: LocalAdapter, told: Told, tmp_path: Path):
    job = await plan(adapter, tmp_path, frames=9000, chunk=9000)
    under_way = asyncio.create_task(adapter.invoke(Payload(jobPath=job, chunkIndex=0)))
    await until(lambda: bool(told), "the first frames")
    (worker,) = workers()
    family = descendants(worker)
    os.kill(worker, signal.SIGKILL)
    reply = await under_way
    assert reply.exitCode == ExitCode.RETRYABLE
    assert "the worker died: it was killed" in reply.stderr
    await until(lambda: not any(map(is_running, family)), "its browsers to end")
    assert await plan(adapter, tmp_path)
    assert worker not in workers()


async def test_a_worker_that_died_between_two_stages_is_replaced(adapter: LocalAdapter, tmp_path: Path):
    await plan(adapter, tmp_path)
    (worker,) = workers()
    os.kill(worker, signal.SIGKILL)
    await until(lambda: not is_running(worker), "the worker to end")
    reply = await adapter.invoke(ask(tmp_path))  # the news of its death may be later than this
    assert reply.exitCode in (ExitCode.DONE, ExitCode.RETRYABLE)
    assert await plan(adapter, tmp_path)
    assert worker not in workers()


async def test_a_cancelled_stage_leaves_nothing_and_the_next_works(adapter: LocalAdapter, told: Told, tmp_path: Path):
    job = await plan(adapter, tmp_path, frames=9000, chunk=9000)
    under_way = asyncio.create_task(adapter.invoke(Payload(jobPath=job, chunkIndex=0)))
    await until(lambda: bool(told), "the first frames")
    family = [pid for worker in workers() for pid in (worker, *descendants(worker))]
    under_way.cancel()
    with pytest.raises(asyncio.CancelledError):
        await under_way
    assert await plan(adapter, tmp_path), "the next stage was given to the dying worker"
    await until(lambda: not any(map(is_running, family)), "the cancelled worker and its browsers to end")


async def test_a_stage_that_is_called_off_by_its_key_ends_and_the_next_works(
    adapter: LocalAdapter, told: Told, tmp_path: Path
):
    job = await plan(adapter, tmp_path, frames=9000, chunk=9000)
    under_way = asyncio.create_task(adapter.invoke(Payload(jobPath=job, chunkIndex=0), "chunk-0-a1"))
    await until(lambda: bool(told), "the first frames")
    family = [pid for worker in workers() for pid in (worker, *descendants(worker))]
    assert not adapter.cancel("chunk-1-a1"), "nothing of it is under way"
    assert adapter.cancel("chunk-0-a1")
    assert (await under_way).exitCode == ExitCode.RETRYABLE
    await until(lambda: not any(map(is_running, family)), "the worker and its browsers to end")
    assert await plan(adapter, tmp_path)
    assert not adapter.cancel("chunk-0-a1")


async def test_closed_at_work_no_process_is_left(told: Told, tmp_path: Path):
    (tmp_path / "workspace").mkdir()
    adapter = LocalAdapter()
    await adapter.deploy(LocalConfig(lanes=2, workspace=tmp_path / "workspace", on_frames=told))
    job = await plan(adapter, tmp_path, frames=9000, chunk=9000)
    calls = [asyncio.create_task(adapter.invoke(Payload(jobPath=job, chunkIndex=0))) for _ in range(3)]
    try:
        await until(lambda: bool(told) and len(browsers(os.getpid())) == 2, "the first frames, and two browsers")
    finally:
        family = descendants(os.getpid())
        await adapter.close()
    replies = await asyncio.gather(*calls)
    assert {reply.exitCode for reply in replies} == {ExitCode.RETRYABLE}
    await until(lambda: not any(map(is_running, family)), "workers and browsers to end")
    assert workers() == [], "a call that waited started another worker"


NONSENSE = [
    b"hello",
    b"7",
    b"null",
    b"[]",
    b"{}",
    b'{"frames": null}',
    b'{"frames": "many"}',
    b'{"reply": 7}',
    b'{"reply": {"exitCode": "x"}}',
    b"\xff\xfe",
    b"x" * (1 << 25),
]


@pytest.mark.parametrize("line", NONSENSE, ids=lambda line: line[:20].decode(errors="replace"))
async def test_a_worker_that_says_nonsense_is_replaced(line: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A program in the worker's place, for a worker of ours says no such thing."""
    (tmp_path / "line").write_bytes(line)
    liar = tmp_path / "python"
    liar.write_text(f"#!/bin/sh\nread payload\necho 'so be it' >&2\ncat {tmp_path}/line; echo\nexec sleep 60\n")
    liar.chmod(0o755)
    real = sys.executable
    monkeypatch.setattr(sys, "executable", str(liar))
    adapter = LocalAdapter()
    await adapter.deploy(LocalConfig(lanes=1))
    reply = await asyncio.wait_for(adapter.invoke(Payload(jobPath="x", chunkIndex=0)), 10)
    assert reply.exitCode == ExitCode.RETRYABLE
    assert "the worker died: its answer could not be read" in reply.stderr
    monkeypatch.setattr(sys, "executable", real)
    reply = await adapter.invoke(Payload(jobPath="x", chunkIndex=0))
    assert "does not lie in an artifact store" in reply.stderr
    await adapter.close()
    assert descendants(os.getpid()) == []


async def test_a_worker_that_does_not_start_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho 'No module named helios_worker' >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(broken))
    adapter = LocalAdapter()
    await adapter.deploy(LocalConfig())
    reply = await adapter.invoke(Payload(jobPath="x", chunkIndex=0))
    await adapter.close()
    assert reply.exitCode == ExitCode.RETRYABLE
    assert "No module named helios_worker" in reply.stderr


async def test_a_worker_that_closes_its_output_and_stays_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    mute = tmp_path / "python"
    mute.write_text("#!/bin/sh\nread payload\nexec sleep 60 >/dev/null 2>/dev/null\n")
    mute.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(mute))
    monkeypatch.setattr("helios_adapters.local.END_SECONDS", 0.5)
    adapter = LocalAdapter()
    await adapter.deploy(LocalConfig())
    reply = await asyncio.wait_for(adapter.invoke(Payload(jobPath="x", chunkIndex=0)), 10)
    assert reply.exitCode == ExitCode.RETRYABLE
    await adapter.close()
    assert descendants(os.getpid()) == []
