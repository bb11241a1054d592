"""AWS Lambda on this machine: moto for its control API, and an Invoke that reaches a real worker.

The worker is either a function of the test's process, such as `workers.LineWorkers`, or whatever polls the Runtime
API beside it (runtime_api.py), as awslambdaric in the image does.
moto runs functions in containers that it pulls, so its own Invoke is of no use here.
"""

from __future__ import annotations

import base64
import json
import logging
import re
import urllib.error
import urllib.parse
import urllib.request
import uuid
from typing import Self

from tests.clouds.http_faults import Answer, FaultyServer, Request, json_answer
from tests.clouds.runtime_api import FunctionError, RuntimeApi, TimedOut
from tests.clouds.workers import Worker, WorkerDied

INVOKE = re.compile(r"/2015-03-31/functions/(?P<name>[^/]+)/invocations")
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
        self._runtime = RuntimeApi()

    def __enter__(self) -> Self:
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self._moto.start()
        self._runtime.__enter__()
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
        self._runtime.__exit__(None, None, None)
        super().__exit__()
        self._moto.stop()

    @property
    def environment(self) -> dict[str, str]:
        """What leads boto3 here."""
        return {**ENVIRONMENT, "AWS_ENDPOINT_URL_LAMBDA": self.url}

    @property
    def runtime_api(self) -> str:
        """For AWS_LAMBDA_RUNTIME_API."""
        return self._runtime.address

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
        try:
            return json_answer(self._runtime.invoke(event, seconds=self._seconds))
        except FunctionError as error:
            return json_answer(error.told, 200, **{"X-Amz-Function-Error": "Unhandled"})
        except TimedOut:
            said = f"RequestId: {uuid.uuid4()} Error: Task timed out after {self._seconds:.2f} seconds"
            return _failed("Sandbox.Timedout", said)

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
