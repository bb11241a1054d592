"""`heliosctl render --target`: chunks in the clouds, plan and stitch here, artifacts in a bucket, and the same bytes.

The clouds are those of tests/clouds with real workers behind them; the bucket is a real S3 server's.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from tests.clouds.cloud_run_server import CloudRunServer
from tests.clouds.http_faults import Fault, FaultyServer, json_answer
from tests.clouds.lambda_server import LambdaServer, function_error, throttled
from tests.clouds.s3_server import BUCKET, s3_environment, s3_server
from tests.clouds.workers import LineWorkers
from tests.integration.cli.conftest import BODY, Cli, html, slow, wait_for
from tests.unit.encode.sounds import tone, write

CUT = ("--unit-frames", "10", "--frames-per-chunk", "10", "--seeking", "Seekable", "--lanes", "1")
"""Six chunks of a page of 60 frames."""
MOVING = BODY.replace("2s linear", "2s linear infinite")


@dataclass
class Clouds:
    """All that a laptop drives. environment: what leads it there."""

    functions: LambdaServer
    services: CloudRunServer
    workers: LineWorkers
    environment: dict[str, str]

    @property
    def function(self) -> str:
        return "lambda=helios-worker@eu-west-1"

    @property
    def service(self) -> str:
        return f"cloud-run={self.services.service_url('helios-worker')}"

    def asked(self, server: FaultyServer) -> int:
        return sum(map(server.is_faulty, server.requests))


@pytest.fixture(scope="module")
def clouds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clouds]:
    folder = tmp_path_factory.mktemp("clouds")
    with ExitStack() as stack:
        address = stack.enter_context(s3_server(folder / "s3" / "buckets"))
        # AWS_ENDPOINT_URL_LAMBDA goes before AWS_ENDPOINT_URL for Lambda's client.
        store = s3_environment(address)
        workers = LineWorkers(folder, count=2, environment=store)
        stack.callback(workers.close)
        functions = stack.enter_context(LambdaServer(workers))
        services = stack.enter_context(CloudRunServer(workers))
        environment = {**functions.environment, **services.environment(folder), **store, "NO_PROXY": "127.0.0.1"}
        yield Clouds(functions, services, workers, environment)


@pytest.fixture
def away(clouds: Clouds, cli: Cli) -> Clouds:
    """The clouds as new, with a function and a service, and heliosctl in their environment."""
    clouds.functions.reset()
    clouds.functions.create_function("helios-worker")
    clouds.services.requests.clear()
    clouds.services.faults()
    clouds.services.keep_service("helios-worker", {"template": {"containers": [{"image": "helios-worker:1"}]}})
    cli.environment.update(clouds.environment)
    cli.environment["HELIOS_ARTIFACTS"] = f"s3://{BUCKET}/{cli.tag}"
    return clouds


def test_three_targets_make_the_bytes_of_one(away: Clouds, cli: Cli):
    cli.page(html(MOVING))
    write(cli.folder / "tone.flac", tone(44_100, 3), 44_100, kind="flac", codec="flac")
    cut = (*CUT, "--audio", "tone.flac,fade-in=1s")
    targets = f"{away.function}:1,{away.service}:1,local"
    film = cli.render("page", *cut, "--target", targets)
    assert film["sound"]["sources"] == 1
    assert (film["chunks"], film["cachedChunks"]) == (6, 0)
    assert away.asked(away.functions) >= 1
    assert away.asked(away.services) >= 1
    assert away.asked(away.functions) + away.asked(away.services) <= 6
    alone = cli.render("page", *cut, "--artifacts", str(cli.folder / "here"), output="alone.mp4")
    assert alone["sha256"] == film["sha256"]
    assert (cli.folder / "alone.mp4").read_bytes() == (cli.folder / "out.mp4").read_bytes()


def test_whatever_goes_wrong_the_film_is_the_same(away: Clouds, cli: Cli):
    """Half of Lambda's calls are throttled, one answer is lost, one worker; the service is of no use; and twice."""
    cli.page(html(MOVING))
    away.functions.faults(
        Fault(instead=throttled(retry_after="0")),
        Fault(drop="after"),
        Fault(instead=throttled(retry_after="0")),
        Fault(instead=function_error("Runtime.ExitError", "exit status 1")),
        Fault(instead=throttled(retry_after="0")),
        Fault(twice=True),
    )
    away.services.invokers.clear()
    try:
        done = cli.run(
            "render", "page", *CUT, "-o", "out.mp4", "--json", "--target", f"{away.service}:1,{away.function}:1"
        )
    finally:
        away.services.invokers.add("operator@media-1234.iam.gserviceaccount.com")
    assert done.code == 0, done.err
    assert "is not used any more: Cloud Run service" in done.err
    assert "roles/run.invoker" in done.err
    assert "lambda=helios-worker is full: throttled, ConcurrentInvocationLimitExceeded" in done.err
    assert "Connection was closed" in done.err
    alone = cli.render("page", *CUT, "--artifacts", str(cli.folder / "here"), output="alone.mp4")
    assert alone["sha256"] == done.report["sha256"]


def test_without_a_target_that_can_be_used_it_ends_and_says_why(away: Clouds, cli: Cli):
    cli.page()
    done = cli.run("render", "page", "-o", "out.mp4", "--target", "lambda=nobody@eu-west-1,lambda=none@eu-west-1")
    assert done.code == 64
    assert "no target can be used any more" in done.err.lower()
    assert "lambda=nobody: Lambda function nobody in eu-west-1: ResourceNotFoundException" in done.err
    cli.leaves_no_process()


def test_a_folder_of_this_machine_is_refused_before_anything_is_done(away: Clouds, cli: Cli):
    cli.page()
    done = cli.run("render", "page", "-o", "out.mp4", "--artifacts", "here", "--target", away.function)
    assert done.code == 64
    assert "lambda=helios-worker cannot reach the artifacts" in done.err
    assert away.functions.invocations == []


def test_the_users_mistake_is_named_as_on_this_machine(away: Clouds, cli: Cli):
    cli.page(html("<script>throw new Error('oh no')</script>"))
    done = cli.run("render", "page", "-o", "out.mp4", "--target", away.function)
    assert done.code == 64
    assert "oh no" in done.err


def test_stopped_it_ends_at_once_though_calls_are_under_way(away: Clouds, cli: Cli):
    cli.page(html(slow(4)))
    away.functions.fault = lambda number: Fault(delay=30)
    process = cli.start("render", "page", *CUT, "-o", "out.mp4", "--target", away.function)
    wait_for(lambda: away.functions.invocations, "an invocation")
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=20)
    assert process.returncode == 130, said
    assert "chunks are finished and kept" in said
    cli.leaves_no_process()


def test_resumed_elsewhere(away: Clouds, cli: Cli):
    cli.page(html(MOVING, frames=20))
    done = cli.run("plan", "page", *CUT[:6], "-o", "out.mp4", "--json")
    assert done.code == 0, done.err
    resumed = cli.run("jobs", "resume", done.report["jobId"], "--json", "--target", f"{away.function}:2")
    assert resumed.code == 0, resumed.err
    assert away.asked(away.functions) == 2


# --- deploy


IMAGE = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/helios-worker:1"
ROLE = "arn:aws:iam::123456789012:role/helios-worker"


def test_a_function_is_deployed_and_how_to_use_it_is_said(away: Clouds, cli: Cli):
    command = (
        "deploy",
        "lambda",
        "films",
        "--image",
        IMAGE,
        "--role",
        ROLE,
        "--region",
        "eu-west-1",
        "--timeout",
        "60",
    )
    done = cli.run(*command, "--allow-store", "s3://media/")
    assert done.code == 0, done.err
    assert "films:\n  created\n" in done.out
    assert 'functionName: "films"' in done.out
    assert '- "s3://media/"' in done.out
    assert "--target lambda=films@eu-west-1:100" in done.out
    again = cli.run(*command, "--allow-store", "s3://media/")
    assert "no changes" in again.out
    other = cli.run(*command, "--memory", "2000", "--json")
    assert other.report["changes"] == ["memory 2000 MiB instead of 3538 MiB"]
    assert other.report["target"] == "lambda=films@eu-west-1:100"


def test_a_service_and_a_job_are_deployed(away: Clouds, cli: Cli):
    command = (
        "deploy",
        "cloud-run",
        "films",
        "--image",
        "x/y:1",
        "--region",
        "europe-west1",
        "--project",
        "media-1234",
    )
    done = cli.run(*command, "--max-instances", "20", "--concurrency", "2")
    assert done.code == 0, done.err
    assert 'service: "films"' in done.out
    assert "maxConcurrent: 40" in done.out
    assert f"--target cloud-run={away.services.service_url('films')}:40" in done.out
    job = cli.run(*command, "--job", "--json")
    assert job.code == 0, job.err
    assert 'job: "films"' in job.report["renderTarget"]
    assert job.report["target"] == ""


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (("lambda", "a b", "--image", IMAGE, "--role", ROLE), "'a b' is not a valid function name"),
        (("lambda", "films", "--image", IMAGE, "--role", ROLE, "--env", "X"), "--env X has no value"),
        (("lambda", "films", "--image", IMAGE, "--role", ROLE, "--memory", "1"), "MemorySize"),
        (("lambda", "films", "--image", IMAGE, "--role", ROLE + "-2"), "ten seconds"),
        (("cloud-run", "A", "--image", "x", "--region", "r", "--project", "p"), "'A' is not a valid service name"),
    ],
)
def test_what_cannot_be_deployed_is_said_in_a_line(away: Clouds, cli: Cli, command: tuple[str, ...], says: str):
    done = cli.run("deploy", *command)
    assert done.code == 64, done.out
    assert says in done.err
    assert "Traceback" not in done.err


def test_a_cloud_that_is_away_is_worth_another_try(away: Clouds, cli: Cli):
    away.services.api_fault = lambda request: json_answer({"error": {"code": 503, "message": "busy"}}, 400)
    environment = {"AWS_ENDPOINT_URL_LAMBDA": "http://127.0.0.1:9", "AWS_MAX_ATTEMPTS": "1"}
    done = cli.run("deploy", "lambda", "films", "--image", IMAGE, "--role", ROLE, **environment)
    assert done.code == 1
    assert "Lambda function films" in done.err
    assert os.environ.get("AWS_ENDPOINT_URL_LAMBDA") is None
