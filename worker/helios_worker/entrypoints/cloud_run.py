"""Google Cloud Run, or any other place that sends HTTP requests to a container.

    server = create_cloud_run_server("/tmp")         # port: that of PORT, or 8080
    server.start()
    ...
    server.stop()                                    # a running stage is finished or handed back

`POST /` with a payload is answered when its stage has ended: with 200 whenever a worker ran it, also when it failed.
`GET /healthz` says how many renders could start.
"""

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http import HTTPStatus
from typing import Any, NoReturn

import orjson

from helios_crds.wire import ExitCode
from helios_worker.artifacts.allowed_stores import UNSET, AllowedStores
from helios_worker.entrypoints.allowed_hosts import REFUSED_HOST, AllowedHosts
from helios_worker.entrypoints.http_server import BODY_BYTES, Server
from helios_worker.entrypoints.payloads import BadPayload, payload_in
from helios_worker.entrypoints.supervised_worker import SupervisedWorker
from helios_worker.errors import UserError
from helios_worker.machine import cpu_count
from helios_worker.runtime import Worker, WorkerRuntime

log = logging.getLogger(__name__)

DEFAULT_PORT = 8080
HEALTH = ("/healthz", "/health")
"""The second, since Cloud Run's front end answers the first itself and passes on only its own probes."""
GRACE_SECONDS = 10.0
"""From SIGTERM to SIGKILL on Cloud Run."""
HAND_BACK_SHARE = 0.5
"""The part of that reserved for ending a stage and sending its reply."""
SEND_SHARE, CLOSE_SHARE = 0.2, 0.1
"""The parts of that reserved for the reply of a stage that ignores the stop, and for ending the browsers."""
CLOSE_SECONDS = 1.0
REFUSING_THREADS = 4
"""Threads for requests that need no worker: refusals and health checks."""
POLL_SECONDS = 0.05

HttpResponse = tuple[HTTPStatus, dict[str, Any]]


class CloudRunServer:
    """Workers behind an HTTP server.

    port: where it listens. workers: one for each render at a time. hosts: names that requests may address it by.
    seconds: how long a stage may take; None for no limit.
    """

    def __init__(
        self,
        workers: list[SupervisedWorker],
        *,
        host: str,
        port: int,
        hosts: AllowedHosts,
        seconds: float | None = None,
    ) -> None:
        """Binds the port.

        Raises:
            OSError: the port is taken.
        """
        self._workers = workers
        self._free = list(workers)
        self._lock = threading.Lock()
        self._hosts = hosts
        self._seconds = seconds
        self._stopping = False
        self._server = Server(self._application, host=host, port=port, threads=len(workers) + REFUSING_THREADS)
        self.port = self._server.port

    def start(self) -> None:
        """Serves, in threads; returns at once."""
        self._server.start()

    def stop(self, grace: float = GRACE_SECONDS) -> bool:
        """Accepts no more payloads, and waits until the running ones are answered.

        grace: seconds until everything has ended. A stage that needs longer than half of it is handed back: its reply
        has exit code 143.

        Returns:
            Whether every worker has ended. If not, the process must be ended by force.
        """
        self._stopping = True
        end = time.monotonic() + grace
        over = end - grace * CLOSE_SHARE
        self._while_busy(end - grace * HAND_BACK_SHARE, lambda worker: None)
        self._while_busy(over - grace * SEND_SHARE, SupervisedWorker.stop)
        self._while_busy(max(over, time.monotonic() + grace * CLOSE_SHARE / 2), SupervisedWorker.give_up)
        self._server.close()
        closed = [worker.close(max(0.0, end - time.monotonic())) for worker in self._workers]
        return all(closed)

    def _while_busy(self, until: float, act: Callable[[SupervisedWorker], None]) -> None:
        """Calls `act` on each busy worker, again and again, until none is busy or the time `until` has come."""
        while self._is_busy():
            for worker in self._busy():
                act(worker)
            if time.monotonic() >= until:
                return
            time.sleep(POLL_SECONDS)

    # -- requests ------------------------------------------------------------------------------------------------

    def _application(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        try:
            status, body = self._answer(environ)
        except Exception as error:
            log.exception("the worker failed")
            status, body = HTTPStatus.INTERNAL_SERVER_ERROR, {"message": f"{type(error).__name__}: {error}"[:500]}
        data = orjson.dumps(body)
        headers = [("Content-Type", "application/json"), ("Content-Length", str(len(data)))]
        if status is HTTPStatus.METHOD_NOT_ALLOWED:
            headers.append(("Allow", "GET, HEAD" if environ["PATH_INFO"] in HEALTH else "POST"))
        start_response(f"{status.value} {status.phrase}", headers)
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [data]

    def _answer(self, environ: dict[str, Any]) -> HttpResponse:
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        if not self._hosts.allow(environ.get("HTTP_HOST")):
            return _refused(HTTPStatus.MISDIRECTED_REQUEST, REFUSED_HOST)
        if path in HEALTH:
            return self._health() if method in ("GET", "HEAD") else _refused(HTTPStatus.METHOD_NOT_ALLOWED, "GET only")
        if path != "/":
            return _refused(HTTPStatus.NOT_FOUND, "payloads are accepted at / only")
        if method != "POST":
            return _refused(HTTPStatus.METHOD_NOT_ALLOWED, "payloads are sent by POST")
        body = environ["wsgi.input"].read(BODY_BYTES + 1)
        if len(body) > BODY_BYTES:
            return _refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a payload has {BODY_BYTES} bytes at most")
        kind = environ.get("CONTENT_TYPE", "").partition(";")[0].strip().lower()
        if kind != "application/json":
            return _refused(HTTPStatus.BAD_REQUEST, "bad payload: its Content-Type must be application/json")
        try:
            payload = payload_in(body)
        except BadPayload as error:
            return _refused(HTTPStatus.BAD_REQUEST, str(error))
        with self._lock:
            worker = self._free.pop() if self._free and not self._stopping else None
        if worker is None:
            why = (
                "this worker is being stopped"
                if self._stopping
                else "all workers are busy; try again later, or elsewhere"
            )
            return _refused(HTTPStatus.TOO_MANY_REQUESTS, why)
        try:
            reply = worker.ask(payload, seconds=self._seconds)
            return HTTPStatus.OK, reply.model_dump(exclude=None if reply.result is not None else {"result"})
        finally:
            with self._lock:
                self._free.append(worker)

    def _health(self) -> HttpResponse:
        if self._stopping:
            return _refused(HTTPStatus.SERVICE_UNAVAILABLE, "this worker is being stopped")
        return HTTPStatus.OK, {"places": len(self._workers), "free": len(self._free)}

    def _busy(self) -> list[SupervisedWorker]:
        with self._lock:
            return [worker for worker in self._workers if worker not in self._free]

    def _is_busy(self) -> bool:
        return bool(self._busy()) or self._server.has_unsent()


def _refused(status: HTTPStatus, message: str) -> HttpResponse:
    return status, {"message": message}


def create_cloud_run_server(
    workspace_dir: str | os.PathLike[str],
    *,
    host: str = "0.0.0.0",  # noqa: S104 - a container's own network
    port: int | None = None,
    concurrency: int = 1,
    lanes: int | None = None,
    seconds: float | None = None,
) -> CloudRunServer:
    """A server with warm workers, listening but not yet started.

    workspace_dir: where temporary files go.
    port: by default that of the environment variable PORT, or 8080; 0 for any that is free.
    concurrency: renders at a time, each with its share of the processors; one more payload is answered with 429.
    lanes: browsers of each render; by default one for each processor of its share.
    seconds: how long a stage may take before it ends with exit code 75; a little less than the platform's own limit is
        best. None for no limit.

    Raises:
        HeliosError: there is no browser, or it does not start; the port is invalid or taken; HELIOS_ALLOWED_STORES or
            HELIOS_ALLOWED_HOSTS cannot be read.
        OSError: workspace_dir cannot be written to.
    """
    allowed = AllowedStores.from_environment(serves_strangers=True)
    if allowed.allows_nothing:
        log.error(UNSET)
    hosts = AllowedHosts.from_environment()
    share = lanes or max(1, cpu_count() // concurrency)

    def make_worker() -> Worker:
        return WorkerRuntime(workspace_dir, lanes=share, allowed_stores=allowed)

    listen = _port_of(os.environ) if port is None else port
    workers = _supervised_workers(make_worker, concurrency)
    try:
        return CloudRunServer(workers, host=host, port=listen, hosts=hosts, seconds=seconds)
    except OSError as error:
        for worker in workers:
            worker.close(CLOSE_SECONDS)
        raise UserError(
            f"cannot listen on port {listen}: {error.strerror or error}", remedy="set PORT to another one"
        ) from error


def _port_of(environment: Mapping[str, str]) -> int:
    text = environment.get("PORT") or str(DEFAULT_PORT)
    if not text.isdecimal() or not 0 < int(text) < 1 << 16:
        raise UserError(f"PORT is {text[:20]!r}, which is not a port number")
    return int(text)


def _supervised_workers(make_worker: Callable[[], Worker], count: int) -> list[SupervisedWorker]:
    """Starts `count` workers at the same time. When one fails, the others are closed and its error is raised."""
    with ThreadPoolExecutor(count) as makers:
        made = [makers.submit(SupervisedWorker, make_worker) for _ in range(count)]
    failed = next((error for error in (future.exception() for future in made) if error), None)
    if failed is None:
        return [future.result() for future in made]
    for future in made:
        if future.exception() is None:
            future.result().close(CLOSE_SECONDS)
    raise failed


def run(workspace: str, *, concurrency: int, lanes: int | None, seconds: float | None, grace: float) -> NoReturn:
    """`helios-worker serve`: serves until SIGTERM or SIGINT, and ends the process."""
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    server = create_cloud_run_server(workspace, concurrency=concurrency, lanes=lanes, seconds=seconds)
    server.start()
    log.info("listening on port %d", server.port)
    stopped.wait()
    log.info("told to stop: running stages have %g s", grace)
    server.stop(grace)
    with suppress(OSError):
        sys.stderr.flush()
    os._exit(ExitCode.DONE)  # a thread that cannot be interrupted would keep the interpreter from ending
