"""AWS Lambda as a target: boto3 against moto for what is deployed, and a network that fails for what is invoked.

Long, because deploying, invoking and their failures use one server.
"""

import asyncio
import json
import urllib.request

import pytest

from helios_adapters import errors
from helios_adapters.aws.adapter import LambdaAdapter, LambdaConfig
from helios_adapters.aws.function import LambdaFunction
from helios_adapters.connecting import connect
from helios_adapters.replies import ANSWER_BYTES
from helios_crds.rendertarget import RenderTargetSpec
from helios_crds.wire import Payload
from tests.clouds.http_faults import Answer, Fault, json_answer
from tests.clouds.lambda_server import ACCOUNT, REGION, ROLE, LambdaServer, function_error, refused, throttled
from tests.integration.clouds.conftest import Scripted, without_identity

NAME = "helios-worker"
IMAGE = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/helios-worker"
FUNCTION = LambdaFunction(
    image=f"{IMAGE}:1",
    role=ROLE,
    timeout=60,
    environment={"HELIOS_ALLOWED_STORES": "s3://media/"},
    tags={"team": "films"},
    reserved_concurrency=7,
)
CHUNK = Payload(jobPath="s3://media/jobs/1/job.json", chunkIndex=3, attempt=2)
OVERDUE = "within 2 s"
DEPLOY = {
    "CreateFunction": ("POST", "/2015-03-31/functions"),
    "GetFunction": ("GET", f"/2015-03-31/functions/{NAME}"),
    "UpdateFunctionConfiguration": ("PUT", f"/2015-03-31/functions/{NAME}/configuration"),
    "UpdateFunctionCode": ("PUT", f"/2015-03-31/functions/{NAME}/code"),
    "PutFunctionConcurrency": ("PUT", f"/2017-10-31/functions/{NAME}/concurrency"),
}


@pytest.fixture(scope="module")
def kept() -> LambdaAdapter:
    """One for all tests of the module, for boto3 takes half a second to read what Lambda's API is."""
    return LambdaAdapter()


@pytest.fixture
async def adapter(kept: LambdaAdapter, lambda_server: LambdaServer) -> LambdaAdapter:
    """Of a function that is there already."""
    lambda_server.create_function(NAME, timeout=1)
    await kept.deploy(LambdaConfig(NAME, REGION, slots=9))
    return kept


def changing(server: LambdaServer) -> list[tuple[str, str]]:
    return [(each.method, each.path) for each in server.requests if each.method != "GET"]


async def deploy(function: LambdaFunction, name: str = NAME) -> tuple[str, ...]:
    return (await LambdaAdapter().deploy(LambdaConfig(name, REGION, function=function))).changes


# --- deploy


async def test_a_function_is_made_as_it_was_asked_for(lambda_server: LambdaServer):
    assert await deploy(FUNCTION) == ("created", "reserved concurrency 7")
    assert changing(lambda_server) == [DEPLOY["CreateFunction"], DEPLOY["PutFunctionConcurrency"]]
    found = json.loads(lambda_server.control("GET", f"/2015-03-31/functions/{NAME}").body)
    there = found["Configuration"]
    assert (there["MemorySize"], there["EphemeralStorage"], there["Timeout"]) == (3538, {"Size": 2048}, 60)
    assert (there["Role"], there["Architectures"]) == (ROLE, ["x86_64"])
    assert there["ImageConfigResponse"]["ImageConfig"]["Command"] == ["lambda"]
    assert there["Environment"]["Variables"] == {"HELIOS_ALLOWED_STORES": "s3://media/"}
    assert found["Code"]["ImageUri"] == f"{IMAGE}:1"
    assert found["Tags"] == {"team": "films"}
    assert found["Concurrency"] == {"ReservedConcurrentExecutions": 7}


async def test_deployed_again_nothing_is_called_that_changes_anything(lambda_server: LambdaServer):
    await deploy(FUNCTION)
    lambda_server.requests.clear()
    assert await deploy(FUNCTION) == ()
    assert changing(lambda_server) == []


async def test_what_differs_is_changed_and_said(lambda_server: LambdaServer):
    await deploy(FUNCTION)
    lambda_server.requests.clear()
    other = LambdaFunction(
        image=f"{IMAGE}:2", role=ROLE, memory=2000, timeout=90, tags={"team": "ads"}, reserved_concurrency=9
    )
    assert await deploy(other) == (
        "memory 2000 MiB instead of 3538 MiB",
        "timeout 90 s instead of 60 s",
        f"image {IMAGE}:2 (x86_64) instead of {IMAGE}:1 (x86_64)",
        "tags team",
        "reserved concurrency 9 instead of 7",
    )
    calls = [DEPLOY[name] for name in ("UpdateFunctionConfiguration", "UpdateFunctionCode")]
    tagging = ("POST", f"/2017-03-31/tags/arn:aws:lambda:{REGION}:{ACCOUNT}:function:{NAME}")
    assert changing(lambda_server) == [*calls, tagging, DEPLOY["PutFunctionConcurrency"]]
    found = json.loads(lambda_server.control("GET", f"/2015-03-31/functions/{NAME}").body)
    assert found["Configuration"]["Environment"]["Variables"], "variables of others stay"


async def test_two_that_deploy_at_once_both_succeed(lambda_server: LambdaServer):
    results = await asyncio.gather(*(deploy(FUNCTION) for _ in range(2)))
    assert len([changes for changes in results if "created" in changes]) == 1


async def test_a_role_that_lambda_cannot_assume(lambda_server: LambdaServer):
    with pytest.raises(errors.BadSettings, match="cannot be assumed") as caught:
        await deploy(LambdaFunction(f"{IMAGE}:1", ROLE + "-other"))
    assert "ten seconds" in caught.value.remedy


async def test_a_function_that_is_no_image_is_left_alone(lambda_server: LambdaServer):
    made = lambda_server.control(
        "POST",
        "/2015-03-31/functions",
        {
            "FunctionName": NAME,
            "Role": ROLE,
            "Runtime": "python3.12",
            "Handler": "a.b",
            "Code": {"ZipFile": "UEsFBgAAAAAAAAAAAAAAAAAAAAAAAA=="},
        },
    )
    assert made.status == 201
    with pytest.raises(errors.BadSettings, match="does not run an image") as caught:
        await deploy(FUNCTION)
    assert caught.value.remedy == "choose another name"


# --- a function that is there


async def test_connecting_changes_nothing_and_asks_one_thing(lambda_server: LambdaServer, worker: Scripted):
    lambda_server.create_function(NAME)
    target = RenderTargetSpec.model_validate({"lambda": {"functionName": NAME, "region": REGION}, "maxConcurrent": 5})
    lambda_server.requests.clear()
    adapter, deployed = await connect(target)
    calls = [(each.method, each.path) for each in lambda_server.requests]
    assert calls == [("GET", f"/2015-03-31/functions/{NAME}/configuration")]
    assert deployed.slots == 5
    assert deployed.address == f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{NAME}"
    reply = await adapter.invoke(CHUNK)
    assert (reply.exitCode, reply.stdout, reply.result) == (0, "done", {"frames": 6})
    assert worker.asked == [CHUNK.model_dump(mode="json")]
    await adapter.close()


async def test_a_function_by_its_arn_needs_no_region(lambda_server: LambdaServer, monkeypatch: pytest.MonkeyPatch):
    lambda_server.create_function(NAME)
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name)
    with pytest.raises(errors.BadSettings, match="region"):
        await LambdaAdapter().deploy(LambdaConfig(NAME))
    arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{NAME}"
    assert (await LambdaAdapter().deploy(LambdaConfig(arn))).address == arn


async def test_an_unknown_function(lambda_server: LambdaServer):
    with pytest.raises(errors.UnknownTarget, match="Function not found") as caught:
        await LambdaAdapter().deploy(LambdaConfig("nobody", REGION))
    assert caught.value.where == f"Lambda function nobody in {REGION}"


async def test_without_credentials(lambda_server: LambdaServer, tmp_path, monkeypatch: pytest.MonkeyPatch):
    without_identity(monkeypatch, tmp_path)
    with pytest.raises(errors.NoCredentials, match="AWS_PROFILE"):
        await LambdaAdapter().deploy(LambdaConfig(NAME, REGION))


async def test_nobody_listens(lambda_server: LambdaServer, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(errors.ConnectionLost):
        await LambdaAdapter().deploy(LambdaConfig(NAME, REGION))


# --- invocations that go wrong


@pytest.mark.parametrize(
    ("fault", "kind", "says"),
    [
        (Fault(instead=throttled(retry_after="7")), errors.Throttled, "ConcurrentInvocationLimitExceeded"),
        (Fault(instead=refused("ResourceConflictException", 409, "Pending")), errors.NotReady, "Pending"),
        (Fault(instead=refused("ResourceNotFoundException", 404)), errors.UnknownTarget, "says the test"),
        (Fault(instead=refused("AccessDeniedException", 403)), errors.AccessDenied, "docs/aws.md"),
        (Fault(instead=refused("ExpiredTokenException", 403)), errors.NoCredentials, "says the test"),
        (Fault(instead=refused("ServiceException", 500)), errors.ProviderFailed, "says the test"),
        (Fault(instead=Answer(503, b"<html>")), errors.ProviderFailed, "503"),
        (
            Fault(instead=function_error("Sandbox.Timedout", "Task timed out after 1.00 seconds")),
            errors.TimedOut,
            "1.00",
        ),
        (
            Fault(instead=function_error("Runtime.ExitError", "Runtime exited with error: signal: killed")),
            errors.OutOfMemory,
            "more memory",
        ),
        (Fault(instead=function_error("Runtime.ExitError", "exit status 1", "boom")), errors.Crashed, "exit status 1"),
        (Fault(instead=function_error("Runtime.InvalidEntrypoint", "fork/exec")), errors.BadImage, "architecture"),
        (Fault(drop="before"), errors.ConnectionLost, "closed"),
        (Fault(drop="after"), errors.ConnectionLost, "closed"),
        (Fault(cut=True), errors.ConnectionLost, "bytes"),
        (Fault(delay=6, instead=json_answer({})), errors.TimedOut, OVERDUE),
        (Fault(stall=True), errors.TimedOut, OVERDUE),
        (Fault(drip=0.2), errors.TimedOut, OVERDUE),
        (Fault(instead=Answer(200, b"hello")), errors.Garbled, "hello"),
        (Fault(instead=json_answer(None)), errors.Garbled, "null"),
        (Fault(instead=json_answer({"statusCode": 200, "body": "{}"})), errors.Garbled, "exitCode"),
        (Fault(instead=json_answer({"statusCode": 400, "body": '{"message": "no"}'})), errors.NotOurWorker, "no"),
        (Fault(instead=Answer(200, b"x" * (ANSWER_BYTES + 9))), errors.Oversized, "bytes"),
    ],
    ids=lambda value: getattr(value, "__name__", None) or str(value)[:50],
)
async def test_what_goes_wrong_is_told_apart(
    lambda_server: LambdaServer, adapter: LambdaAdapter, fault: Fault, kind: type[errors.TargetError], says: str
):
    if says == OVERDUE:
        await adapter.deploy(LambdaConfig(NAME, REGION, slots=9, margin=1.0))
    lambda_server.faults(fault)
    with pytest.raises(errors.TargetError, match=says) as caught:
        await adapter.invoke(CHUNK)
    assert type(caught.value) is kind
    assert len(str(caught.value)) < 2000
    assert len(lambda_server.invocations) == 1, "how often it is tried is not botocore's to say"


async def test_exit_code_and_stderr_of_a_failed_stage_are_kept(adapter: LambdaAdapter, worker: Scripted):
    worker.reply = {"exitCode": 64, "stdout": "", "stderr": "the page is wrong", "result": {"error": "PageError"}}
    reply = await adapter.invoke(CHUNK)
    assert (reply.exitCode, reply.stderr, reply.result) == (64, "the page is wrong", {"error": "PageError"})


async def test_the_last_words_of_a_lost_worker_are_kept(lambda_server: LambdaServer, adapter: LambdaAdapter):
    lambda_server.faults(Fault(instead=function_error("Runtime.ExitError", "exit status 1", log="boom\n")))
    with pytest.raises(errors.Crashed) as caught:
        await adapter.invoke(CHUNK)
    assert caught.value.said == "boom\n"


async def test_delivered_twice_it_is_answered_once(
    lambda_server: LambdaServer, adapter: LambdaAdapter, worker: Scripted
):
    lambda_server.faults(Fault(twice=True))
    assert (await adapter.invoke(CHUNK)).exitCode == 0
    assert len(worker.asked) == 2


async def test_calls_beyond_its_places_are_refused_and_cancelled_ones_keep_theirs(
    lambda_server: LambdaServer, worker: Scripted, tmp_path
):
    lambda_server.create_function(NAME)
    adapter = LambdaAdapter()
    await adapter.deploy(LambdaConfig(NAME, REGION, slots=2))
    worker.hold.clear()
    calls = [asyncio.create_task(adapter.invoke(CHUNK)) for _ in range(2)]
    async with asyncio.timeout(20):
        while len(worker.asked) < 2:  # noqa: ASYNC110 - of another thread, which sets no event
            await asyncio.sleep(0.01)
    with pytest.raises(errors.NoCapacity, match="2 calls are under way"):
        await adapter.invoke(CHUNK)
    calls[0].cancel()
    with pytest.raises(asyncio.CancelledError):
        await calls[0]
    assert adapter.abandoned == 1
    worker.hold.set()
    assert (await calls[1]).exitCode == 0
    async with asyncio.timeout(20):
        while adapter.abandoned:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.01)
    assert (await adapter.invoke(CHUNK)).exitCode == 0


async def test_the_loop_goes_on_while_every_place_hangs(lambda_server: LambdaServer, worker: Scripted):
    """40 invocations at once, each with a connection of its own; meanwhile nothing else waits."""
    lambda_server.create_function(NAME)
    adapter = LambdaAdapter()
    await adapter.deploy(LambdaConfig(NAME, REGION, slots=40))
    worker.hold.clear()
    calls = [asyncio.create_task(adapter.invoke(CHUNK)) for _ in range(40)]
    turns = 0
    async with asyncio.timeout(30):
        while len(worker.asked) < 40:
            turns += 1
            await asyncio.sleep(0.005)
    assert turns > 1
    worker.hold.set()
    assert {reply.exitCode for reply in await asyncio.gather(*calls)} == {0}
    assert lambda_server.most_active >= 40


# --- the bridge to a runtime


async def test_an_invocation_reaches_whoever_polls_the_runtime_api(tmp_path, monkeypatch: pytest.MonkeyPatch):
    """As awslambdaric does, in the image: next, then response or error."""
    without_identity(monkeypatch, tmp_path)
    told: list[object] = []

    def runtime(address: str, *answers: tuple[str, object]) -> None:
        for what, answer in answers:
            with urllib.request.urlopen(f"{address}/invocation/next", timeout=20) as event:
                told.append(json.load(event))
                invocation = event.headers["Lambda-Runtime-Aws-Request-Id"]
            data = json.dumps(answer).encode()
            urllib.request.urlopen(f"{address}/invocation/{invocation}/{what}", data, timeout=20).close()

    with LambdaServer() as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        server.create_function(NAME)
        done = {"statusCode": 200, "body": json.dumps({"exitCode": 0, "output": "done", "stderr": ""})}
        failed = {"errorType": "ValueError", "errorMessage": "a defect"}
        address = f"http://{server.runtime_api}/2018-06-01/runtime"
        polling = asyncio.create_task(asyncio.to_thread(runtime, address, ("response", done), ("error", failed)))
        adapter = LambdaAdapter()
        await adapter.deploy(LambdaConfig(NAME, REGION))
        assert (await adapter.invoke(CHUNK)).stdout == "done"
        with pytest.raises(errors.Crashed, match="ValueError: a defect"):
            await adapter.invoke(CHUNK)
        await polling
    assert told == [CHUNK.model_dump(mode="json")] * 2
