"""AWS Lambda as a target: synchronous invocations of one function, each in a thread of a bounded pool.

botocore tries nothing again when a function is invoked: how often is for the caller's policy to say. An invocation
cannot be called off. One that was cancelled here goes on there; its commit is as good as any.
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
"""How much longer than a function may run its answer is waited for: a cold start is not part of its timeout."""
CONTROL_SECONDS = 60
CONNECT_SECONDS = 10
ARN = re.compile(r"arn:[a-z0-9-]+:lambda:(?P<region>[a-z0-9-]+):\d{12}:function:(?P<name>.+)")


@dataclass(frozen=True)
class LambdaConfig:
    """Which function, and how many payloads it is given at once.

    name: its name or ARN, with an alias where one is meant. region: None for the ARN's or the environment's.
    function: what it is to be like; None: it is there, and is taken as it is.
    margin: seconds that an answer is waited for beyond the function's own timeout.
    """

    name: str
    region: str | None = None
    slots: int = 100
    function: LambdaFunction | None = None
    margin: float = MARGIN_SECONDS


class LambdaAdapter(CloudAdapter[LambdaConfig]):
    """Deploys and invokes one function. AWS_ENDPOINT_URL_LAMBDA, which boto3 reads, leads it elsewhere."""

    def __init__(self) -> None:
        self._name = ""
        self._where = "AWS Lambda"
        self._seconds = 0.0
        self._pool = CallPool(0, self._where)
        self._control = CallPool(4, self._where)
        self._session: Any = None
        self._client: LambdaClient | None = None

    async def deploy(self, config: LambdaConfig) -> Deployment:
        """Makes the function ready, or finds out that it is, and how long it may run.

        Raises:
            TargetError: why it cannot be invoked.
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
                lambda: _look_at(control, config.name, self._where), CONTROL_SECONDS
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
        """Has the function do one stage.

        Raises:
            NoRoom, Unusable, WorkerLost, BadAnswer: see helios_adapters.errors.
        """
        client = self._client
        assert client is not None, "deploy comes first"
        event = payload.model_dump_json().encode()
        try:
            async with asyncio.timeout(self._seconds):
                return await self._pool.run(lambda: _invoke(client, self._name, event, self._where, self._seconds))
        except TimeoutError:  # an answer that drips stays below the client's own limit for ever
            raise TimedOut(f"no whole answer within {self._seconds:g} s", where=self._where) from None

    @property
    def abandoned(self) -> int:
        """Invocations that were cancelled here and are still under way there: they take places, and cost."""
        return self._pool.abandoned

    async def close(self) -> None:
        """Closes idle connections; what is under way ends by itself and is not waited for."""
        if self._client is not None:
            self._client.close()

    def _make_client(self, region: str | None, **settings: Any) -> "LambdaClient":
        try:
            import boto3
            from botocore.config import Config
        except ModuleNotFoundError:
            raise MissingExtra("aws", where=self._where) from None
        # Of its own: boto3's default session is not made for threads. It reads the API's description, once.
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
            # Only the read that finds nothing more compares the length with what was promised.
            while len(data) <= ANSWER_BYTES and (part := body.read(ANSWER_BYTES + 1)):
                data += part
        return dict(answer), data

    answer, payload = _translated(call, where, seconds)
    if answer.get("FunctionError"):
        raise function_error(payload, _log(answer.get("LogResult", "")), where)
    return lambda_reply(payload, where)


def _look_at(client: "LambdaClient", name: str, where: str) -> tuple[str, int, int]:
    """ARN of a function that is there, its timeout in seconds and its memory in MiB."""
    found = client.get_function_configuration(FunctionName=name)
    if found.get("State") == "Failed":
        raise image_fault(found.get("StateReasonCode", ""), found.get("StateReason", ""), where)
    if found.get("State") == "Pending":
        raise NotReady("it is being made", where=where, retry_after=5.0)
    return found["FunctionArn"], found.get("Timeout", MAX_TIMEOUT), found.get("MemorySize", 0)


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
    found = ARN.fullmatch(name)
    return found["region"] if found else None
