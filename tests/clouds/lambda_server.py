"""AWS Lambda on this machine: moto for its control API, and an Invoke that reaches a real worker.

The worker is either a function of the test's process, such as `workers.LineWorkers`, or whatever polls the Lambda
Runtime API that this server speaks too, as awslambdaric in the image does: AWS_LAMBDA_RUNTIME_API=127.0.0.1:PORT.
moto runs functions in containers that it pulls, so its own Invoke is of no use here.
"""

from __future__ import annotations

import base64
import json
import logging
import queue
import re
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from dataclasses import dataclass, field
from typing import Self

from tests.clouds.http_faults import Answer, FaultyServer, Request, json_answer
from tests.clouds.workers import Worker, WorkerDied

INVOKE = re.compile(r"/2015-03-31/functions/(?P<name>[^/]+)/invocations")
RUNTIME = "/2018-06-01/runtime"
ACCOUNT = "123456789012"
REGION = "eu-west-1"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/helios-worker"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"},
    ],
}
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "tests",
    "AWS_SECRET_ACCESS_KEY": "of-helios",
    "AWS_DEFAULT_REGION": REGION,
    "AWS_REGION": REGION,
    "AWS_EC2_METADATA_DISABLED": "true",
}


@dataclass
class _Invocation:
    event: bytes
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    answered: threading.Event = field(default_factory=threading.Event)
    payload: bytes = b""
    error: bool = False


class LambdaServer(FaultyServer):
    """See the module's docstring. Faults befall invocations only.

    worker: does what is asked; None: whoever polls the Runtime API. seconds: a function's timeout there. alone: moto
    keeps one account for the whole process, which begins empty unless other servers are at work in it.
    """

    def __init__(self, worker: Worker | None = None, *, seconds: float = 60, alone: bool = True) -> None:
        super().__init__()
        self._alone = alone
        from moto.server import ThreadedMotoServer

        self._moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        self._worker = worker
        self._seconds = seconds
        self._waiting: queue.SimpleQueue[_Invocation | None] = queue.SimpleQueue()
        self._under_way: dict[str, _Invocation] = {}

    def __enter__(self) -> Self:
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self._moto.start()
        if self._alone:
            self.control("POST", "/moto-api/reset")
        self._make_role()
        return super().__enter__()

    def reset(self) -> None:
        """An account with nothing but the role, and a network without faults."""
        self.control("POST", "/moto-api/reset")
        self._make_role()
        self.requests.clear()
        self.faults()

    def __exit__(self, *_: object) -> None:
        self._waiting.put(None)
        super().__exit__()
        self._moto.stop()

    @property
    def environment(self) -> dict[str, str]:
        """What leads boto3 here."""
        return {**ENVIRONMENT, "AWS_ENDPOINT_URL_LAMBDA": self.url}

    @property
    def runtime_api(self) -> str:
        """For AWS_LAMBDA_RUNTIME_API."""
        return self.url.removeprefix("http://")

    @property
    def invocations(self) -> list[Request]:
        return [request for request in self.requests if INVOKE.fullmatch(request.path)]

    def create_function(self, name: str, timeout: int = 60) -> None:
        """A function that is there already, without an adapter."""
        made = self.control(
            "POST",
            "/2015-03-31/functions",
            {
                "FunctionName": name,
                "PackageType": "Image",
                "Code": {"ImageUri": f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/helios-worker:1"},
                "Role": ROLE,
                "Timeout": timeout,
            },
        )
        assert made.status == 201, made.body

    def control(self, method: str, path: str, body: object = None) -> Answer:
        """A request to moto."""
        data = json.dumps(body).encode() if body is not None else b""
        return self._pass_on(Request(method, path, "", {"Content-Type": "application/json"}, data))

    def _make_role(self) -> None:
        fields = {
            "Action": "CreateRole",
            "Version": "2010-05-08",
            "RoleName": ROLE.rpartition("/")[2],
            "AssumeRolePolicyDocument": json.dumps(TRUST),
        }
        headers = {"authorization": _credential("iam"), "content-type": "application/x-www-form-urlencoded"}
        body = urllib.parse.urlencode(fields).encode()
        made = self._pass_on(Request("POST", "/", "", headers, body))
        assert made.status in (200, 409), made.body  # 409: of another server in this process

    def is_faulty(self, request: Request) -> bool:
        return INVOKE.fullmatch(request.path) is not None

    def handle(self, request: Request) -> Answer:
        if request.path.startswith(RUNTIME):
            return self._runtime(request)
        invoked = INVOKE.fullmatch(request.path)
        if invoked is None:
            return self._pass_on(request)
        found = self._pass_on(Request("GET", f"/2015-03-31/functions/{invoked['name']}/configuration", "", {}, b""))
        return self._invoke(request.body) if found.status == 200 else found

    def _invoke(self, event: bytes) -> Answer:
        if self._worker is None:
            return self._invoke_runtime(event)
        try:
            reply = self._worker(event)
        except WorkerDied as error:
            return _failed("Runtime.ExitError", f"RequestId: {uuid.uuid4()} Error: {error}")
        body = {"exitCode": reply["exitCode"], "output": reply.get("stdout", ""), "stderr": reply.get("stderr", "")}
        if reply.get("result") is not None:
            body["result"] = reply["result"]
        status = 200 if reply["exitCode"] == 0 else 500
        return json_answer({"statusCode": status, "body": json.dumps(body)})

    def _invoke_runtime(self, event: bytes) -> Answer:
        invocation = _Invocation(event)
        self._under_way[invocation.request_id] = invocation
        self._waiting.put(invocation)
        if not invocation.answered.wait(self._seconds):
            return _failed(
                "Sandbox.Timedout",
                f"RequestId: {invocation.request_id} Error: Task timed out after {self._seconds:.2f} seconds",
            )
        if invocation.error:
            headers = {"X-Amz-Function-Error": "Unhandled", "Content-Type": "application/json"}
            return Answer(200, invocation.payload, headers)
        return Answer(200, invocation.payload, {"Content-Type": "application/json"})

    def _runtime(self, request: Request) -> Answer:
        """The public protocol between Lambda and a runtime: next, response, error, init/error."""
        what = request.path.removeprefix(RUNTIME)
        if what == "/invocation/next":
            invocation = self._waiting.get()
            if invocation is None:
                return Answer(410)
            return Answer(
                200,
                invocation.event,
                {
                    "Content-Type": "application/json",
                    "Lambda-Runtime-Aws-Request-Id": invocation.request_id,
                    "Lambda-Runtime-Deadline-Ms": str(_now_ms() + int(self._seconds * 1000)),
                    "Lambda-Runtime-Invoked-Function-Arn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:helios-worker",
                },
            )
        found = re.fullmatch(r"/invocation/([^/]+)/(response|error)", what)
        if found is None or found[1] not in self._under_way:
            return json_answer({"errorType": "InvalidRequestID"}, 400 if found else 404)
        invocation = self._under_way.pop(found[1])
        invocation.payload, invocation.error = request.body, found[2] == "error"
        invocation.answered.set()
        return json_answer({"status": "OK"}, 202)

    def _pass_on(self, request: Request) -> Answer:
        host, port = self._moto.get_host_and_port()
        headers = {name: value for name, value in request.headers.items() if name not in ("host", "connection")}
        query = f"?{request.query}" if request.query else ""
        there = urllib.request.Request(
            f"http://{host}:{port}{request.path}{query}",
            data=request.body or None,
            headers={"authorization": _credential(), **headers},
            method=request.method,
        )
        try:
            with urllib.request.urlopen(there, timeout=30) as answer:
                return Answer(answer.status, answer.read(), _kept(answer.headers))
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, error.read(), _kept(error.headers))


def throttled(reason: str = "ConcurrentInvocationLimitExceeded", *, retry_after: str | None = None) -> Answer:
    """Lambda's own answer when there are too many."""
    body = {"Type": "User", "message": "Rate Exceeded.", "Reason": reason}
    headers = {"x-amzn-ErrorType": "TooManyRequestsException"}
    if retry_after is not None:
        headers["Retry-After"] = retry_after
    return json_answer(body, 429, **headers)


def refused(code: str, status: int, message: str = "says the test") -> Answer:
    """An error of the API."""
    return json_answer({"Type": "User", "Message": message}, status, **{"x-amzn-ErrorType": code})


def function_error(kind: str, message: str, log: str = "") -> Answer:
    """An invocation that Lambda marks as failed."""
    return _failed(kind, message, log)


def _failed(kind: str, message: str, log: str = "START\nthe last words\n") -> Answer:
    headers = {"X-Amz-Function-Error": "Unhandled", "X-Amz-Log-Result": base64.b64encode(log.encode()).decode()}
    return json_answer({"errorType": kind, "errorMessage": message}, 200, **headers)


def _credential(service: str = "lambda") -> str:
    return (
        f"AWS4-HMAC-SHA256 Credential=tests/20260101/{REGION}/{service}/aws4_request, SignedHeaders=host, Signature=0"
    )


def _kept(headers: object) -> dict[str, str]:
    items = headers.items()  # type: ignore[attr-defined]
    hop_by_hop = ("transfer-encoding", "connection", "content-length", "server", "date")
    return {name: value for name, value in items if name.lower() not in hop_by_hop}


def _now_ms() -> int:
    return int(time.time() * 1000)
