"""docs/policies: what the code really calls, no more and no less. Each call is one that a server of the tests saw."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import botocore.session
import pytest
import yaml

from helios_adapters import (
    CloudRunAdapter,
    CloudRunConfig,
    CloudRunJobAdapter,
    CloudRunJobConfig,
    CloudRunService,
    LambdaAdapter,
    LambdaConfig,
    LambdaFunction,
)
from helios_crds.wire import Payload
from tests.clouds.cloud_run_server import PROJECT, CloudRunServer
from tests.clouds.cloud_run_server import REGION as GOOGLE_REGION
from tests.clouds.http_faults import Request
from tests.clouds.lambda_server import REGION, ROLE, LambdaServer

NAME = "helios-worker"
CHUNK = Payload(jobPath="s3://media/jobs/1/job.json", chunkIndex=0)

# Lambda asks for these on the caller's behalf, or with them answers more: no call of ours shows them.
UNSEEN = {
    "iam:PassRole",
    "ecr:BatchGetImage",
    "ecr:GetDownloadUrlForLayer",
    "ecr:GetRepositoryPolicy",
    "ecr:SetRepositoryPolicy",
    "lambda:ListTags",
}
# By Google's reference of Cloud Run's permissions.
PERMISSIONS = {
    "GET /services/*": {"run.services.get"},
    "POST /services": {"run.services.create"},
    "PATCH /services/*": {"run.services.update"},
    "GET /operations/*": {"run.operations.get"},
    "GET /jobs/*": {"run.jobs.get"},
    "POST /jobs": {"run.jobs.create"},
    "PATCH /jobs/*": {"run.jobs.update"},
    "POST /jobs/*:run": {"run.jobs.run", "run.jobs.runWithOverrides"},
    "GET /jobs/*/executions": {"run.executions.list"},
    "GET /jobs/*/executions/*": {"run.executions.get"},
    "POST /jobs/*/executions/*:cancel": {"run.executions.cancel"},
    "GET /jobs/*/executions/*/tasks": {"run.tasks.list"},
}


def aws_policy(repository: Path, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((repository / f"docs/policies/{name}.json").read_text())
    return found


def aws_actions(repository: Path, name: str) -> set[str]:
    actions: set[str] = set()
    for statement in aws_policy(repository, name)["Statement"]:
        given = statement["Action"]
        actions |= {given} if isinstance(given, str) else set(given)
    return actions


def google_permissions(repository: Path, name: str) -> set[str]:
    return set(yaml.safe_load((repository / f"docs/policies/{name}.yaml").read_text())["includedPermissions"])


def aws_action(request: Request) -> str:
    """What a policy calls a request: the operation's name, found by the address in botocore's own description."""
    model = botocore.session.get_session().get_service_model("lambda")
    for name in model.operation_names:
        http = model.operation_model(name).http
        pattern = re.sub(r"\\{[^}]*\\}", "[^/]+", re.escape(http["requestUri"].partition("?")[0].rstrip("/")))
        path = re.sub(r"/tags/.*", "/tags/x", request.path.rstrip("/"))
        if http["method"] == request.method and re.fullmatch(pattern, path):
            return "lambda:InvokeFunction" if name == "Invoke" else f"lambda:{name}"
    raise AssertionError(f"no operation of Lambda: {request.method} {request.path}")


def seen_permissions(server: CloudRunServer) -> set[str]:
    calls = {permission for call in server.api_calls for permission in PERMISSIONS[call]}
    invoked = any(request.path.startswith("/run/") for request in server.requests)
    return calls | ({"run.routes.invoke"} if invoked else set())


async def test_who_deploys_a_function(lambda_server: LambdaServer, repository: Path):
    for function in (
        LambdaFunction("image:1", ROLE, reserved_concurrency=1),
        LambdaFunction("image:2", ROLE, memory=2000, tags={"a": "b"}, reserved_concurrency=2),
    ):
        await LambdaAdapter().deploy(LambdaConfig(NAME, REGION, function=function))
    seen = {aws_action(request) for request in lambda_server.requests}
    assert seen == aws_actions(repository, "aws-deployer") - UNSEEN


async def test_who_invokes_a_function(lambda_server: LambdaServer, repository: Path):
    lambda_server.create_function(NAME)
    lambda_server.requests.clear()
    adapter = LambdaAdapter()
    await adapter.deploy(LambdaConfig(NAME, REGION))
    await adapter.invoke(CHUNK)
    assert {aws_action(request) for request in lambda_server.requests} == aws_actions(repository, "aws-caller")


@pytest.fixture
def processes(cloud_run: CloudRunServer) -> Iterator[list[subprocess.Popen[bytes]]]:
    """What Cloud Run's jobs run, each until it is told its exit code."""
    processes: list[subprocess.Popen[bytes]] = []

    def start(arguments: list[str]) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", "import sys; sys.exit(int(sys.stdin.readline()))"]
        processes.append(subprocess.Popen(command, stdin=subprocess.PIPE))
        return processes[-1]

    cloud_run.start = start
    yield processes
    for process in processes:
        process.kill()
        process.communicate()


async def test_who_deploys_to_cloud_run(cloud_run: CloudRunServer, repository: Path):
    for image in ("image:1", "image:2"):
        wanted = CloudRunService(image)
        adapter = CloudRunAdapter()
        await adapter.deploy(CloudRunConfig(name=NAME, region=GOOGLE_REGION, project=PROJECT, service=wanted))
        await adapter.close()
        await CloudRunJobAdapter().deploy(CloudRunJobConfig(NAME, GOOGLE_REGION, PROJECT, job=wanted))
    assert seen_permissions(cloud_run) == google_permissions(repository, "google-deployer")


async def test_who_calls_a_service(cloud_run: CloudRunServer, repository: Path):
    cloud_run.keep_service(NAME, {"template": {"containers": [{"image": "image:1"}]}})
    adapter = CloudRunAdapter()
    await adapter.deploy(CloudRunConfig(name=NAME, region=GOOGLE_REGION, project=PROJECT))
    await adapter.invoke(CHUNK)
    await adapter.close()
    assert seen_permissions(cloud_run) == google_permissions(repository, "google-service-caller")


async def test_who_calls_a_job(cloud_run: CloudRunServer, processes: list[subprocess.Popen[bytes]], repository: Path):
    await CloudRunJobAdapter().deploy(CloudRunJobConfig(NAME, GOOGLE_REGION, PROJECT, job=CloudRunService("image:1")))
    cloud_run.requests.clear()
    jobs = CloudRunJobAdapter()
    await jobs.deploy(CloudRunJobConfig(NAME, GOOGLE_REGION, PROJECT))
    failed = await jobs.api.begin(CHUNK, "one")
    processes[0].communicate(b"64\n")
    reply = await jobs.api.outcome(failed)
    assert reply is not None
    assert reply.exitCode == 64
    name = await jobs.api.begin(CHUNK, "two")
    assert await jobs.api.find("two") == name
    await jobs.api.cancel(name)
    assert seen_permissions(cloud_run) == google_permissions(repository, "google-job-caller")


@pytest.mark.parametrize("name", ["aws-deployer", "aws-caller", "aws-worker", "aws-worker-trust"])
def test_an_aws_policy_allows_nothing_in_general(repository: Path, name: str):
    policy = aws_policy(repository, name)
    assert policy["Version"] == "2012-10-17"
    for statement in policy["Statement"]:
        assert "*" not in str(statement["Action"])
        resources = statement.get("Resource", [])
        for resource in [resources] if isinstance(resources, str) else resources:
            assert resource.startswith("arn:aws:"), resource
            assert any(word in resource for word in ("helios-worker", "BUCKET")), resource


def test_every_policy_is_named_in_the_documents(repository: Path):
    text = (repository / "docs/aws.md").read_text() + (repository / "docs/google-cloud.md").read_text()
    for policy in (repository / "docs/policies").iterdir():
        assert f"policies/{policy.name}" in text
