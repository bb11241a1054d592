"""A Cloud Run service as a target: run_v2 over REST for what is deployed, a network that fails for the rest."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from helios_adapters import errors
from helios_adapters.connecting import connect
from helios_adapters.google.resources import CloudRunService
from helios_adapters.google.service import CloudRunAdapter, CloudRunConfig
from helios_adapters.replies import ANSWER_BYTES
from helios_crds.rendertarget import RenderTargetSpec
from helios_crds.wire import Payload
from tests.clouds.cloud_run_server import ACCOUNT, PROJECT, REGION, CloudRunServer, api_error
from tests.clouds.http_faults import Answer, Fault, Request, json_answer
from tests.integration.clouds.conftest import Scripted

NAME = "helios-worker"
IMAGE = f"{REGION}-docker.pkg.dev/{PROJECT}/films/helios-worker"
SERVICE = CloudRunService(f"{IMAGE}:1", service_account=ACCOUNT, environment={"A": "1"}, concurrency=2, maximum=50)
CHUNK = Payload(jobPath="gs://media/jobs/1/job.json", chunkIndex=3, attempt=2)
NO_INSTANCE = b"The request was aborted because there was no available instance."
OVERDUE = "within 2 s"
TEXT = {"Content-Type": "text/plain"}


def config(service: CloudRunService | None = None, **more: object) -> CloudRunConfig:
    return CloudRunConfig(name=NAME, region=REGION, project=PROJECT, service=service, **more)  # type: ignore[arg-type]


async def deploy(service: CloudRunService | None) -> tuple[str, ...]:
    adapter = CloudRunAdapter()
    try:
        return (await adapter.deploy(config(service))).changes
    finally:
        await adapter.close()


@pytest.fixture
async def adapter(cloud_run: CloudRunServer) -> AsyncIterator[CloudRunAdapter]:
    """Of a service that is there already."""
    cloud_run.keep_service(NAME, {"template": {"timeout": "1s", "containers": [{"image": IMAGE}]}})
    made = CloudRunAdapter()
    await made.deploy(config())
    yield made
    await made.close()


# --- deploy


async def test_a_service_is_made_as_it_was_asked_for(cloud_run: CloudRunServer):
    cloud_run.polls = 1
    assert await deploy(SERVICE) == ("created",)
    assert cloud_run.api_calls == ["GET /services/*", "POST /services", "GET /operations/*", "GET /operations/*"]
    template = cloud_run.resource(f"services/{NAME}")["template"]
    container = template["containers"][0]
    assert container["image"] == f"{IMAGE}:1"
    assert container["args"] == ["serve", "--concurrency", "2", "--seconds", "3590"]
    assert container["resources"]["limits"] == {"cpu": "2", "memory": "4Gi"}
    assert container["env"] == [{"name": "A", "value": "1"}]
    assert template["maxInstanceRequestConcurrency"] == 2
    assert template["scaling"] == {"maxInstanceCount": 50}
    assert template["serviceAccount"] == ACCOUNT
    assert template["timeout"] == "3600s"


async def test_deployed_again_nothing_is_called_that_changes_anything(cloud_run: CloudRunServer):
    await deploy(SERVICE)
    cloud_run.requests.clear()
    assert await deploy(SERVICE) == ()
    assert cloud_run.api_calls == ["GET /services/*"]


async def test_what_differs_is_changed_and_what_others_set_stays(cloud_run: CloudRunServer):
    await deploy(SERVICE)
    cloud_run.resource(f"services/{NAME}")["labels"] = {"team": "films"}
    cloud_run.requests.clear()
    other = CloudRunService(f"{IMAGE}:2", memory="8Gi", environment={"B": "2"}, concurrency=2, maximum=50)
    assert await deploy(other) == (
        f"image {IMAGE}:2 instead of {IMAGE}:1",
        "memory 8Gi instead of 4Gi",
        "environment B",
    )
    assert cloud_run.api_calls == ["GET /services/*", "PATCH /services/*", "GET /operations/*"]
    service = cloud_run.resource(f"services/{NAME}")
    assert service["labels"] == {"team": "films"}
    assert service["template"]["serviceAccount"] == ACCOUNT
    assert [each["name"] for each in service["template"]["containers"][0]["env"]] == ["A", "B"]


async def test_a_change_of_somebody_else_in_between_is_not_overwritten(cloud_run: CloudRunServer):
    await deploy(SERVICE)

    def change(request: Request) -> None:
        if request.method == "PATCH":
            cloud_run.resource(f"services/{NAME}")["etag"] = '"another"'

    cloud_run.api_fault = change
    with pytest.raises(errors.NotReady, match="version changed"):
        await deploy(CloudRunService(f"{IMAGE}:2"))


async def test_an_image_that_does_not_start(cloud_run: CloudRunServer):
    cloud_run.broken = "The user-provided container failed to start and listen on the port defined by PORT=8080"
    with pytest.raises(errors.BadImage, match="failed to start"):
        await deploy(SERVICE)
    cloud_run.broken = ""
    with pytest.raises(errors.BadImage, match="failed to start"):
        await deploy(None)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (api_error(403, "PERMISSION_DENIED", "Permission 'run.services.get' denied"), errors.AccessDenied),
        (api_error(404, "NOT_FOUND", "no such project"), errors.UnknownTarget),
        (api_error(429, "RESOURCE_EXHAUSTED", "Quota exceeded"), errors.Throttled),
        (api_error(400, "INVALID_ARGUMENT", "Location x is not found"), errors.BadSettings),
        (api_error(500, "INTERNAL", "oh"), errors.ProviderFailed),
        (Answer(502, b"<html>"), errors.ProviderFailed),
    ],
)
async def test_what_the_api_refuses_is_told_apart(cloud_run: CloudRunServer, answer: Answer, kind: type):
    cloud_run.api_fault = lambda request: answer
    with pytest.raises(errors.TargetError) as caught:
        await deploy(None)
    assert type(caught.value) is kind


async def test_without_credentials(cloud_run: CloudRunServer, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS")
    with pytest.raises(errors.NoCredentials, match="GOOGLE_APPLICATION_CREDENTIALS"):
        await deploy(None)
    adapter = CloudRunAdapter()
    await adapter.deploy(CloudRunConfig(url=cloud_run.service_url(NAME)))
    with pytest.raises(errors.NoCredentials, match="GOOGLE_APPLICATION_CREDENTIALS"):
        await adapter.invoke(CHUNK)
    await adapter.close()


# --- a service that is there


async def test_connecting_changes_nothing_and_asks_one_thing(cloud_run: CloudRunServer, worker: Scripted):
    await deploy(SERVICE)
    cloud_run.requests.clear()
    target = {"cloudRun": {"service": NAME, "region": REGION, "project": PROJECT}, "maxConcurrent": 5}
    adapter, deployed = await connect(RenderTargetSpec.model_validate(target))
    assert cloud_run.api_calls == ["GET /services/*"]
    assert (deployed.slots, deployed.address) == (5, cloud_run.service_url(NAME))
    for _ in range(3):
        assert (await adapter.invoke(CHUNK)).result == {"frames": 6}
    assert worker.asked == [CHUNK.model_dump(mode="json")] * 3
    assert cloud_run.tokens == 1, "a token is used until near its end"
    await adapter.close()


async def test_by_its_address_a_service_needs_no_api(cloud_run: CloudRunServer):
    await deploy(SERVICE)
    cloud_run.requests.clear()
    adapter = CloudRunAdapter()
    await adapter.deploy(CloudRunConfig(url=cloud_run.service_url(NAME) + "/"))
    assert (await adapter.invoke(CHUNK)).exitCode == 0
    assert cloud_run.api_calls == []
    await adapter.close()


async def test_a_token_near_its_end_is_renewed(cloud_run: CloudRunServer, adapter: CloudRunAdapter):
    cloud_run.token_seconds = 60  # google-auth renews what has less than 225 s left
    for _ in range(2):
        await adapter.invoke(CHUNK)
    assert cloud_run.tokens == 2


async def test_a_token_for_another_audience_is_refused_and_not_kept(
    cloud_run: CloudRunServer, adapter: CloudRunAdapter
):
    await adapter.deploy(config(audience="https://elsewhere.example"))
    for tokens in (1, 2):
        with pytest.raises(errors.AccessDenied, match=r"https://elsewhere\.example is not accepted"):
            await adapter.invoke(CHUNK)
        assert cloud_run.tokens == tokens


async def test_an_account_that_may_not_invoke(cloud_run: CloudRunServer, adapter: CloudRunAdapter):
    cloud_run.invokers.clear()
    with pytest.raises(errors.AccessDenied, match=r"roles/run\.invoker"):
        await adapter.invoke(CHUNK)


async def test_an_unknown_service(cloud_run: CloudRunServer):
    with pytest.raises(errors.UnknownTarget):
        await deploy(None)
    adapter = CloudRunAdapter()
    await adapter.deploy(CloudRunConfig(url=cloud_run.service_url("nobody")))
    with pytest.raises(errors.UnknownTarget, match="404 Page not found"):
        await adapter.invoke(CHUNK)
    await adapter.close()


async def test_no_token_is_sent_over_an_open_line(cloud_run: CloudRunServer):
    with pytest.raises(errors.BadSettings, match="not an address that may get a token"):
        await CloudRunAdapter().deploy(CloudRunConfig(url="http://helios.example"))
    assert cloud_run.tokens == 0


# --- requests that go wrong


@pytest.mark.parametrize(
    ("fault", "kind", "says"),
    [
        (Fault(instead=json_answer({"message": "full"}, 429, **{"Retry-After": "7"})), errors.Throttled, "full"),
        (Fault(instead=Answer(429, NO_INSTANCE, TEXT)), errors.Throttled, "no instance"),
        (Fault(instead=Answer(503, NO_INSTANCE, TEXT)), errors.ColdStartTimedOut, "--min-instances"),
        (Fault(instead=Answer(500, b"<html>", {"Content-Type": "text/html"})), errors.ProviderFailed, "500"),
        (Fault(instead=Answer(503, b"connection to the instance had an error", TEXT)), errors.Crashed, "more memory"),
        (Fault(instead=Answer(504, b"upstream request timeout", TEXT)), errors.TimedOut, "upstream"),
        (Fault(instead=Answer(302, b"", {"Location": "https://elsewhere.example"})), errors.NotOurWorker, "302"),
        (Fault(instead=json_answer({"message": "bad payload"}, 400)), errors.NotOurWorker, "bad payload"),
        (Fault(instead=json_answer({"message": "a defect"}, 500)), errors.WorkerLost, "a defect"),
        (Fault(drop="before"), errors.ConnectionLost, "disconnected"),
        (Fault(drop="after"), errors.ConnectionLost, "disconnected"),
        (Fault(cut=True), errors.ConnectionLost, "not completed"),
        (Fault(delay=6, instead=json_answer({})), errors.TimedOut, OVERDUE),
        (Fault(stall=True), errors.TimedOut, OVERDUE),
        (Fault(drip=0.2), errors.TimedOut, OVERDUE),
        (Fault(instead=Answer(200, b"hello", TEXT)), errors.Garbled, "hello"),
        (Fault(instead=json_answer([1])), errors.Garbled, "1"),
        (Fault(instead=Answer(200, b"x" * (ANSWER_BYTES + 9))), errors.Oversized, "bytes"),
        (Fault(instead=Answer(200, b"", {"Content-Encoding": "gzip"})), errors.Garbled, "is not a worker's reply"),
    ],
    ids=lambda value: getattr(value, "__name__", None) or str(value)[:50],
)
async def test_what_goes_wrong_is_told_apart(
    cloud_run: CloudRunServer, adapter: CloudRunAdapter, fault: Fault, kind: type[errors.TargetError], says: str
):
    if says == OVERDUE:
        await adapter.deploy(config(margin=1.0))
        cloud_run.requests.clear()
    cloud_run.faults(fault)
    with pytest.raises(errors.TargetError, match=says) as caught:
        await adapter.invoke(CHUNK)
    assert type(caught.value) is kind
    assert len(str(caught.value)) < 2000
    assert len([each for each in cloud_run.requests if each.path.startswith("/run/")]) == 1


async def test_exit_code_and_stderr_of_a_failed_stage_are_kept(adapter: CloudRunAdapter, worker: Scripted):
    worker.reply = {"exitCode": 75, "stdout": "", "stderr": "the disk is full", "result": {"error": "ResourceError"}}
    reply = await adapter.invoke(CHUNK)
    assert (reply.exitCode, reply.stderr) == (75, "the disk is full")


async def test_nobody_listens(cloud_run: CloudRunServer):
    adapter = CloudRunAdapter()
    await adapter.deploy(CloudRunConfig(url="http://127.0.0.1:9"))
    with pytest.raises(errors.ConnectionLost):
        await adapter.invoke(CHUNK)
    await adapter.close()


async def test_delivered_twice_it_is_answered_once(
    cloud_run: CloudRunServer, adapter: CloudRunAdapter, worker: Scripted
):
    cloud_run.faults(Fault(twice=True))
    assert (await adapter.invoke(CHUNK)).exitCode == 0
    assert len(worker.asked) == 2


async def test_calls_beyond_its_places_are_refused_and_a_cancelled_one_gives_its_place_back(
    cloud_run: CloudRunServer, worker: Scripted
):
    await deploy(SERVICE)
    adapter = CloudRunAdapter()
    await adapter.deploy(config(slots=1))
    worker.hold.clear()
    call = asyncio.create_task(adapter.invoke(CHUNK))
    async with asyncio.timeout(20):
        while not worker.asked:  # noqa: ASYNC110 - of another thread, which sets no event
            await asyncio.sleep(0.01)
    with pytest.raises(errors.NoCapacity, match="1 requests are under way"):
        await adapter.invoke(CHUNK)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    worker.hold.set()
    assert (await adapter.invoke(CHUNK)).exitCode == 0
    await adapter.close()


async def test_what_is_sent_is_the_payload(cloud_run: CloudRunServer, adapter: CloudRunAdapter):
    await adapter.invoke(CHUNK)
    (request,) = (each for each in cloud_run.requests if each.path.startswith("/run/"))
    assert json.loads(request.body) == CHUNK.model_dump(mode="json")
    assert request.headers["content-type"] == "application/json"
    assert request.headers["accept-encoding"] == "identity"
