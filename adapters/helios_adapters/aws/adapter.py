"""AWS Lambda as a target: synchronous invocations of one function, each in a thread of a bounded pool.

botocore does not retry invocations: the caller's policy decides on retries. An invocation cannot be cancelled on
Lambda's side. If the caller cancels it, the function runs on, and its commit counts like any other.
"""

import asyncio
import base64
import binascii
import re
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from helios_adapters.aws.errors import aws_error, function_error, image_fault
from helios_adapters.aws.function import WAIT_SECONDS, LambdaFunction, ensure_function
from helios_adapters.base import CloudAdapter, Deployment
from helios_adapters.call_pool import CallPool
from helios_adapters.errors import MissingExtra, NotReady, TargetError, TimedOut
from helios_adapters.replies import ANSWER_BYTES, lambda_reply
from helios_crds.wire import Payload, Reply

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

T = TypeVar("T")

MAX_TIMEOUT = 900
MARGIN_SECONDS = 30
"""How long to wait for an answer beyond the function's timeout, which does not include a cold start."""
CONTROL_SECONDS = 60
CONNECT_SECONDS = 10
ARN = re.compile(r"arn:[a-z0-9-]+:lambda:(?P<region>[a-z0-9-]+):\d{12}:function:(?P<name>.+)")


@dataclass(frozen=True)
class LambdaConfig:
    """A function, and how many payloads it gets at once.

    name: name or ARN, with an alias if needed. region: None for that of the ARN or the environment.
    function: the wanted settings; None: the function exists and is used as it is.
    margin: how many seconds to wait for an answer beyond the function's timeout.
    """

    name: str
    region: str | None = None
    slots: int = 100
    function: LambdaFunction | None = None
    margin: float = MARGIN_SECONDS


class LambdaAdapter(CloudAdapter[LambdaConfig]):
    """Deploys and invokes one function. boto3 reads another address from AWS_ENDPOINT_URL_LAMBDA."""

    def __init__(self) -> None:
        self._name = ""
        self._where = "AWS Lambda"
        self._seconds = 0.0
        self._pool = CallPool(0, self._where)
        self._control = CallPool(4, self._where)
        self._session: Any = None
        self._client: LambdaClient | None = None

    async def deploy(self, config: LambdaConfig) -> Deployment:
        """Makes the function ready, or checks that it is, and reads its timeout.

        Raises:
            TargetError: the function cannot be invoked.
        """
        region = config.region or _region_of(config.name)
        self._name = config.name
        self._where = f"Lambda function {config.name}" + (f" in {region}" if region else "")
        self._control = CallPool(4, self._where)
        control = await self._called(
            lambda: self._make_client(region, read_timeout=CONTROL_SECONDS, retries={"mode": "standard"}),
            CONTROL_SECONDS,
        )
        wanted = config.function
        if wanted is not None:
            address, changes = await self._called(
                lambda: ensure_function(control, config.name, wanted, self._where), 4 * WAIT_SECONDS
            )
            timeout, memory = wanted.timeout, wanted.memory
        else:
            address, timeout, memory = await self._called(
                lambda: _describe(control, config.name, self._where), CONTROL_SECONDS
            )
            changes = ()
        self._seconds = timeout + config.margin
        self._client = await self._called(
            lambda: self._make_client(
                region,
                read_timeout=self._seconds,
                retries={"mode": "standard", "total_max_attempts": 1},
                max_pool_connections=config.slots,
                tcp_keepalive=True,
            ),
            CONTROL_SECONDS,
        )
        self._pool = CallPool(config.slots, self._where)
        return Deployment(self._where, config.slots, memory / 1024, address, changes)

    async def invoke(self, payload: Payload, key: str = "") -> Reply:
        """Runs one stage in the function.

        Raises:
            NoCapacity, Unusable, WorkerLost, BadAnswer: see helios_adapters.errors.
        """
        client = self._client
        assert client is not None, "deploy comes first"
        event = payload.model_dump_json().encode()
        try:
            async with asyncio.timeout(self._seconds):
                return await self._pool.run(lambda: _invoke(client, self._name, event, self._where, self._seconds))
        except TimeoutError:  # the client's own limit never ends an answer that arrives byte by byte
            raise TimedOut(f"no complete answer within {self._seconds:g} s", where=self._where) from None

    @property
    def abandoned(self) -> int:
        """Invocations that were cancelled here but still run on Lambda: they hold slots and cost money."""
        return self._pool.abandoned

    async def close(self) -> None:
        """Closes idle connections. Running calls end by themselves and are not awaited."""
        if self._client is not None:
            self._client.close()

    def _make_client(self, region: str | None, **settings: Any) -> "LambdaClient":
        try:
            import boto3
            from botocore.config import Config
        except ModuleNotFoundError:
            raise MissingExtra("aws", where=self._where) from None
        # A session of our own: boto3's default one is not thread-safe. It reads the API's description only once.
        self._session = self._session or boto3.session.Session()
        client: LambdaClient = self._session.client(
            "lambda", region_name=region, config=Config(connect_timeout=CONNECT_SECONDS, **settings)
        )
        return client

    async def _called(self, call: Callable[[], T], seconds: float) -> T:
        return await self._control.run(lambda: _translated(call, self._where, seconds))


def _invoke(client: "LambdaClient", name: str, event: bytes, where: str, seconds: float) -> Reply:
    def call() -> tuple[dict[str, Any], bytes]:
        answer = client.invoke(FunctionName=name, InvocationType="RequestResponse", LogType="Tail", Payload=event)
        data = b""
        with closing(answer["Payload"]) as body:
            # Only the final empty read compares the length with the Content-Length.
            while len(data) <= ANSWER_BYTES and (part := body.read(ANSWER_BYTES + 1)):
                data += part
        return dict(answer), data

    answer, payload = _translated(call, where, seconds)
    if answer.get("FunctionError"):
        raise function_error(payload, _log(answer.get("LogResult", "")), where)
    return lambda_reply(payload, where)


def _describe(client: "LambdaClient", name: str, where: str) -> tuple[str, int, int]:
    """ARN of an existing function, its timeout in seconds and its memory in MiB."""
    settings = client.get_function_configuration(FunctionName=name)
    if settings.get("State") == "Failed":
        raise image_fault(settings.get("StateReasonCode", ""), settings.get("StateReason", ""), where)
    if settings.get("State") == "Pending":
        raise NotReady("it is being created", where=where, retry_after=5.0)
    return settings["FunctionArn"], settings.get("Timeout", MAX_TIMEOUT), settings.get("MemorySize", 0)


def _translated(call: Callable[[], T], where: str, seconds: float) -> T:
    try:
        return call()
    except TargetError:
        raise
    except Exception as error:
        raise aws_error(error, where, seconds=seconds) from error


def _log(encoded: str) -> str:
    try:
        return base64.b64decode(encoded).decode(errors="replace")
    except (binascii.Error, ValueError):
        return ""


def _region_of(name: str) -> str | None:
    arn = ARN.fullmatch(name)
    return arn["region"] if arn else None
