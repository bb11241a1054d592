"""A Cloud Run service as a target: one POST for each payload, with an identity token.

The service stays private: the project's IAM policy says who may call it. Cancelling a call closes its connection. The
worker may continue, and its commit counts like any other.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from helios_adapters.base import CloudAdapter, Deployment
from helios_adapters.call_pool import CallPool
from helios_adapters.errors import (
    AccessDenied,
    BadSettings,
    ConnectionLost,
    Garbled,
    MissingExtra,
    NoCapacity,
    NotReady,
    TargetError,
    TimedOut,
    quoted,
)
from helios_adapters.google.errors import google_error, not_started, service_reply
from helios_adapters.google.identity import IdTokens, api_clients, checked_address
from helios_adapters.google.resources import CloudRunService, memory_of, shape_service
from helios_adapters.replies import ANSWER_BYTES
from helios_crds.wire import Payload, Reply

if TYPE_CHECKING:
    import aiohttp

T = TypeVar("T")

MAX_TIMEOUT = 3600
MARGIN_SECONDS = 30
"""How long to wait for an answer beyond the service's timeout, which does not include a cold start."""
CONTROL_SECONDS = 60
DEPLOY_SECONDS = 600
CONNECT_SECONDS = 10


@dataclass(frozen=True)
class CloudRunConfig:
    """A service, and how many payloads it gets at once.

    url: address of an existing service, instead of name, region and project.
    audience: of the token; None for the address. service: the wanted settings; None: the service is used as it is.
    margin: how many seconds to wait for an answer beyond the service's timeout.
    """

    url: str = ""
    name: str = ""
    region: str = ""
    project: str = ""
    audience: str | None = None
    slots: int = 100
    service: CloudRunService | None = None
    margin: float = MARGIN_SECONDS

    @property
    def where(self) -> str:
        """The service, for people."""
        if self.name:
            return f"Cloud Run service {self.name} in {self.region} of {self.project}"
        return f"Cloud Run service {self.url}"


@dataclass
class _Open:
    """The state that `invoke` needs. `deploy` creates it."""

    config: CloudRunConfig
    url: str
    audience: str
    seconds: float
    session: "aiohttp.ClientSession"
    tokens: IdTokens
    calls: CallPool
    refreshing: asyncio.Lock = field(default_factory=asyncio.Lock)
    active: int = 0


class CloudRunAdapter(CloudAdapter[CloudRunConfig]):
    """Deploys and invokes one service."""

    def __init__(self) -> None:
        self._open: _Open | None = None

    async def deploy(self, config: CloudRunConfig) -> Deployment:
        """Makes the service ready, or reads its address and timeout.

        Raises:
            TargetError: the service cannot be invoked.
        """
        await self.close()
        where = config.where
        calls = CallPool(4, where)
        if config.url:
            service = _Service(config.url, MAX_TIMEOUT, ())
        else:
            wait = DEPLOY_SECONDS if config.service is not None else CONTROL_SECONDS
            service = await calls.run(lambda: translated(lambda: _ensure(config), where, wait))
        url = checked_address(service.url, where)
        audience = config.audience or url
        tokens = IdTokens(audience, where)
        self._open = _Open(config, url, audience, service.timeout + config.margin, _session(where), tokens, calls)
        return Deployment(where, config.slots, service.memory, url, service.changes)

    async def invoke(self, payload: Payload, key: str = "") -> Reply:
        """Runs one stage in the service.

        Raises:
            NoCapacity, Unusable, WorkerLost, BadAnswer: see helios_adapters.errors.
        """
        target = self._open
        assert target is not None, "deploy comes first"
        where = target.config.where
        if target.active >= target.config.slots:
            raise NoCapacity(f"{target.active} requests are under way: that is the limit", where=where)
        target.active += 1
        try:
            token = await self._token(target)
            status, headers, body = await _post(target, payload.model_dump_json().encode(), token)
        finally:
            target.active -= 1
        try:
            return service_reply(status, headers, body, where, target.audience)
        except AccessDenied:
            target.tokens.forget()
            raise

    async def close(self) -> None:
        """Closes all connections, which ends running calls."""
        if self._open is not None:
            await self._open.session.close()
            self._open = None

    async def _token(self, target: _Open) -> str:
        async with target.refreshing:
            return await target.calls.run(lambda: translated(target.tokens.token, target.config.where, CONTROL_SECONDS))


@dataclass(frozen=True)
class _Service:
    url: str
    timeout: float
    changes: tuple[str, ...]
    memory: float = 0.0


def translated(call: Callable[[], T], where: str, seconds: float) -> T:
    """Makes a call of Google's libraries. Its exceptions become our errors."""
    try:
        return call()
    except TargetError:
        raise
    except Exception as error:
        raise google_error(error, where, seconds=seconds) from error


def _session(where: str) -> "aiohttp.ClientSession":
    try:
        import aiohttp
    except ModuleNotFoundError:
        raise MissingExtra("gcp", where=where) from None
    # A compressed answer could be far larger than its size shows, so none is requested and none is decompressed.
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0),
        auto_decompress=False,
        headers={"Accept-Encoding": "identity"},
        trust_env=True,
    )


async def _post(target: _Open, data: bytes, token: str) -> tuple[int, dict[str, str], bytes]:
    import aiohttp

    where, seconds = target.config.where, target.seconds
    try:
        async with target.session.post(
            target.url,
            data=data,
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
            timeout=aiohttp.ClientTimeout(total=seconds, sock_connect=CONNECT_SECONDS),
            allow_redirects=False,
        ) as response:
            body = bytearray()
            while len(body) <= ANSWER_BYTES and (part := await response.content.read(ANSWER_BYTES)):
                body += part
            return response.status, dict(response.headers), bytes(body)
    except aiohttp.InvalidURL as error:
        raise BadSettings(f"{quoted(str(error))} is not a valid address", where=where) from error
    except aiohttp.ConnectionTimeoutError as error:
        raise ConnectionLost(f"no connection within {CONNECT_SECONDS} s", where=where) from error
    except TimeoutError as error:
        raise TimedOut(f"no complete answer within {seconds:g} s", where=where) from error
    except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError) as error:
        raise ConnectionLost(quoted(str(error) or type(error).__name__), where=where) from error
    except aiohttp.ClientError as error:
        raise Garbled(f"the answer is not HTTP: {quoted(str(error))}", where=where) from error


def _ensure(config: CloudRunConfig) -> _Service:
    where = config.where
    (client,) = api_clients(where, "ServicesClient")
    from google.api_core.exceptions import AlreadyExists, NotFound

    parent = f"projects/{config.project}/locations/{config.region}"
    name = f"{parent}/services/{config.name}"
    changes: tuple[str, ...] = ()
    try:
        service = client.get_service(name=name, timeout=CONTROL_SECONDS)
    except NotFound:
        if config.service is None:
            raise
        service = _new_service()
        shape_service(service, config.service)
        changes = ("created",)
        try:
            operation = client.create_service(parent=parent, service=service, service_id=config.name)
            service = operation.result(timeout=DEPLOY_SECONDS)
        except AlreadyExists:  # another process was faster
            service, changes = client.get_service(name=name, timeout=CONTROL_SECONDS), ()
    if config.service is not None and not changes:
        changes = shape_service(service, config.service)
        if changes:
            service = client.update_service(service=service).result(timeout=DEPLOY_SECONDS)
    check_ready(service, where)
    return _Service(
        service.uri, service.template.timeout.total_seconds() or MAX_TIMEOUT, changes, memory_of(service.template)
    )


def check_ready(resource: Any, where: str) -> None:
    """Checks that a service or job is ready.

    Raises:
        NotReady: it is being changed.
        BadImage, BadSettings: it did not start; the message is Cloud Run's.
    """
    from google.cloud import run_v2

    condition = resource.terminal_condition
    if condition.state == run_v2.Condition.State.CONDITION_FAILED:
        reason = condition.reason.name if "reason" in condition else ""
        reason = condition.revision_reason.name if "revision_reason" in condition else reason
        raise not_started(condition.message or "it is not ready", reason, where)
    if resource.reconciling:
        raise NotReady("it is being changed", where=where, retry_after=5.0)


def _new_service() -> Any:
    from google.cloud import run_v2

    return run_v2.Service(ingress=run_v2.IngressTraffic.INGRESS_TRAFFIC_ALL)
