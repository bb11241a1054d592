"""A Cloud Run job as a target: executions of a real process, found again by whoever comes after who began them."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from helios_adapters import errors
from helios_adapters.connecting import connect
from helios_adapters.google.job import CloudRunJobAdapter, CloudRunJobConfig
from helios_adapters.google.resources import CloudRunService
from helios_crds.rendertarget import RenderTargetSpec
from helios_crds.wire import ExitCode, Payload, Reply, Stage
from tests.clouds.cloud_run_server import PROJECT, REGION, CloudRunServer
from tests.integration.clouds.conftest import without_identity

NAME = "helios-chunks"
JOB = CloudRunService("image:1")
CHUNK = Payload(jobPath="gs://media/jobs/1/job.json", chunkIndex=3, attempt=2)


class Containers:
    """What an execution starts: a process of this machine that ends as the test says. arguments: of each."""

    def __init__(self) -> None:
        self.arguments: list[list[str]] = []
        self.processes: list[subprocess.Popen[bytes]] = []

    def __call__(self, arguments: list[str]) -> subprocess.Popen[bytes]:
        self.arguments.append(arguments)
        program = "import sys; sys.exit(int(sys.stdin.readline() or 0))"
        process = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE)
        self.processes.append(process)
        return process

    def end(self, code: int) -> None:
        """The last one ends with that exit code."""
        self.processes[-1].communicate(f"{code}\n".encode())

    def close(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.communicate()


@pytest.fixture
def containers() -> Iterator[Containers]:
    made = Containers()
    yield made
    made.close()


@pytest.fixture
def cloud(
    containers: Containers, tmp_path: Path, key_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[CloudRunServer]:
    without_identity(monkeypatch, tmp_path)
    with CloudRunServer(start=containers) as server:
        for name, value in server.environment(key_folder).items():
            monkeypatch.setenv(name, value)
        yield server


def config(job: CloudRunService | None = None, slots: int = 100) -> CloudRunJobConfig:
    return CloudRunJobConfig(NAME, REGION, PROJECT, job=job, slots=slots)


@pytest.fixture
async def jobs(cloud: CloudRunServer) -> CloudRunJobAdapter:
    made = CloudRunJobAdapter(poll=0.02)
    assert (await made.deploy(config(JOB))).changes == ("created",)
    return made


async def outcome(jobs: CloudRunJobAdapter, name: str) -> Reply:
    async with asyncio.timeout(30):
        while (found := await jobs.api.outcome(name)) is None:  # noqa: ASYNC110 - nothing tells of an end
            await asyncio.sleep(0.02)
    return found


async def started(containers: Containers) -> subprocess.Popen[bytes]:
    async with asyncio.timeout(20):
        while not containers.processes:  # noqa: ASYNC110 - of another thread, which sets no event
            await asyncio.sleep(0.02)
    return containers.processes[-1]


async def looked_at(cloud: CloudRunServer) -> None:
    """Somebody has found an execution and waits for it."""
    async with asyncio.timeout(30):
        while "GET /jobs/*/executions/*" not in cloud.api_calls:  # noqa: ASYNC110 - of another thread
            await asyncio.sleep(0.02)


async def test_a_job_is_made_once_and_its_task_tried_once(cloud: CloudRunServer, jobs: CloudRunJobAdapter):
    job = cloud.resource(f"jobs/{NAME}")["template"]
    assert job["taskCount"] == 1
    assert job["template"].get("maxRetries", 0) == 0
    cloud.requests.clear()
    assert (await CloudRunJobAdapter().deploy(config(JOB))).changes == ()
    assert cloud.api_calls == ["GET /jobs/*"]
    assert (await CloudRunJobAdapter().deploy(config(CloudRunService("image:2")))).changes == (
        "image image:2 instead of image:1",
    )


async def test_a_chunk_is_one_execution_and_exit_code_0_is_all_there_is_to_it(
    cloud: CloudRunServer, jobs: CloudRunJobAdapter, containers: Containers
):
    name = await jobs.api.begin(CHUNK, "render-1/c3/a2")
    assert containers.arguments == [["chunk", CHUNK.jobPath, "3", "--attempt", "2"]]
    assert await jobs.api.outcome(name) is None
    containers.end(0)
    assert await outcome(jobs, name) == Reply(exitCode=ExitCode.DONE)


@pytest.mark.parametrize("code", [1, 64, 75])
async def test_the_exit_code_of_a_failure_is_kept_and_its_log_named(
    jobs: CloudRunJobAdapter, containers: Containers, code: int
):
    name = await jobs.api.begin(CHUNK, "")
    containers.end(code)
    reply = await outcome(jobs, name)
    assert reply.exitCode == code
    assert "The container exited with an error" in reply.stderr
    assert "log: https://console.cloud.google.com/logs/" in reply.stderr


async def test_another_operator_finds_what_the_first_began(
    cloud: CloudRunServer, jobs: CloudRunJobAdapter, containers: Containers
):
    names = [await jobs.api.begin(CHUNK, key) for key in ("c1", "c2", "c2")]
    target = {"cloudRun": {"job": NAME, "region": REGION, "project": PROJECT}}
    successor, _ = await connect(RenderTargetSpec.model_validate(target))
    assert [await jobs.api.find(key) for key in ("c1", "c2", "c3")] == [names[0], names[2], None]
    assert await successor.resume("c3") is None
    containers.end(0)
    assert await outcome(jobs, names[2]) == Reply(exitCode=0)
    assert await jobs.api.outcome(names[0]) is None
    cloud.requests.clear()
    resumed = asyncio.create_task(successor.resume("c1"))
    await looked_at(cloud)
    containers.processes[0].communicate(b"64\n")
    async with asyncio.timeout(30):
        reply = await resumed
    assert reply is not None
    assert reply.exitCode == 64


async def test_a_cancelled_execution_ends(jobs: CloudRunJobAdapter, containers: Containers):
    name = await jobs.api.begin(CHUNK, "")
    await jobs.api.cancel(name)
    reply = await outcome(jobs, name)
    assert (reply.exitCode, "cancelled" in reply.stderr) == (ExitCode.TERMINATED, True)
    assert containers.processes[-1].wait(20) == -signal.SIGTERM
    await jobs.api.cancel(name)  # once more, or one that is gone, is nothing to complain of
    await jobs.api.cancel(f"projects/{PROJECT}/locations/{REGION}/jobs/{NAME}/executions/none")


async def test_one_that_waits_for_an_execution_and_is_cancelled_cancels_it(
    jobs: CloudRunJobAdapter, containers: Containers
):
    call = asyncio.create_task(jobs.invoke(CHUNK))
    await started(containers)
    call.cancel()  # while it is being begun, most likely: nobody has its name yet
    with pytest.raises(asyncio.CancelledError):
        await call
    assert await asyncio.to_thread(containers.processes[-1].wait, 20) == -signal.SIGTERM


async def test_one_that_is_called_off_by_its_key_ends_and_says_so(jobs: CloudRunJobAdapter, containers: Containers):
    assert not jobs.cancel("c1"), "nothing of it is under way"
    call = asyncio.create_task(jobs.invoke(CHUNK, "c1"))
    process = await started(containers)
    assert jobs.cancel("c1")
    async with asyncio.timeout(30):
        assert (await call).exitCode == ExitCode.TERMINATED
    assert process.wait(20) == -signal.SIGTERM


async def test_one_with_a_key_outlives_whoever_waits_for_it(
    cloud: CloudRunServer, jobs: CloudRunJobAdapter, containers: Containers
):
    call = asyncio.create_task(jobs.invoke(CHUNK, "c1"))
    process = await started(containers)
    while await jobs.api.find("c1") is None:  # noqa: ASYNC110 - its name is on the way
        await asyncio.sleep(0.02)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    cloud.requests.clear()
    resumed = asyncio.create_task(jobs.resume("c1"))
    await looked_at(cloud)
    assert process.poll() is None
    containers.end(0)
    async with asyncio.timeout(30):
        assert await resumed == Reply(exitCode=0)


async def test_a_worker_that_was_killed_is_lost(
    cloud: CloudRunServer, jobs: CloudRunJobAdapter, containers: Containers
):
    name = await jobs.api.begin(CHUNK, "")
    os.kill(containers.processes[-1].pid, signal.SIGKILL)
    with pytest.raises(errors.OutOfMemory, match="log: https://"):
        await outcome(jobs, name)
    cloud.fail_executions("The configured timeout was reached.")
    containers.processes[-1].returncode = -signal.SIGTERM
    with pytest.raises(errors.TimedOut, match="timeout was reached"):
        await outcome(jobs, name)
    cloud.fail_executions("Internal error")
    with pytest.raises(errors.Crashed, match="Internal error"):
        await outcome(jobs, name)


async def test_an_execution_that_is_gone_is_a_failed_attempt_not_a_lost_target(
    cloud: CloudRunServer, jobs: CloudRunJobAdapter, containers: Containers
):
    name = await jobs.api.begin(CHUNK, "")
    cloud.forget_executions()
    with pytest.raises(errors.Crashed, match=r"the execution .* is gone"):
        await jobs.api.outcome(name)


@pytest.mark.parametrize("stage", [Stage.PLAN, Stage.STITCH])
async def test_a_stage_with_a_result_is_refused(jobs: CloudRunJobAdapter, stage: Stage):
    with pytest.raises(errors.Unsupported, match=f"result of a {stage}"):
        await jobs.invoke(Payload(jobPath="x", chunkIndex=0, stage=stage))


async def test_an_unknown_job(cloud: CloudRunServer):
    with pytest.raises(errors.UnknownTarget, match=f"Cloud Run job {NAME}"):
        await CloudRunJobAdapter().deploy(config())


async def test_many_at_once_take_turns_at_the_api(
    cloud: CloudRunServer, jobs: CloudRunJobAdapter, containers: Containers
):
    names = await asyncio.gather(*(jobs.api.begin(CHUNK, str(number)) for number in range(20)))
    assert len(set(names)) == 20
    assert cloud.most_active <= 16
