"""Cloud Run on this machine: the v2 API over REST, services that answer, jobs that run, and tokens for both.

There is no emulator of Cloud Run, so this keeps as much of its resources as a caller sees: names, etags, operations,
conditions, executions with their tasks. Bodies are checked against Google's own messages (run_v2), so a field that
does not exist is refused here as it is there. A service's URL is a path of this server; who calls one must bring an
identity token that this server signed for that audience, and the account must be among the service's invokers.

Long, because services, jobs and executions share one state.
"""

from __future__ import annotations

import base64
import json
import re
import subprocess
import threading
import time
import urllib.parse
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from tests.clouds.http_faults import Answer, FaultyServer, Request, json_answer
from tests.clouds.workers import Worker, WorkerDied

PROJECT = "media-1234"
REGION = "europe-west1"
PARENT = f"projects/{PROJECT}/locations/{REGION}"
ACCOUNT = f"operator@{PROJECT}.iam.gserviceaccount.com"
READY = {"type": "Ready", "state": "CONDITION_SUCCEEDED"}
RESOURCE = re.compile(rf"/v2/(?P<name>{PARENT}/(?P<kind>services|jobs)/(?P<id>[a-z0-9-]+))(?P<verb>:run)?")
EXECUTION = re.compile(
    rf"/v2/(?P<name>(?P<job>{PARENT}/jobs/[a-z0-9-]+)/executions/[a-z0-9-]+)(?P<verb>:cancel|/tasks)?"
)

Start = Callable[[list[str]], "subprocess.Popen[bytes]"]


@dataclass
class _Execution:
    process: subprocess.Popen[bytes]
    resource: dict[str, Any]
    cancelled: bool = False
    message: str = ""


@dataclass
class _State:
    resources: dict[str, dict[str, Any]] = field(default_factory=dict)
    operations: dict[str, dict[str, Any]] = field(default_factory=dict)
    executions: dict[str, _Execution] = field(default_factory=dict)


class CloudRunServer(FaultyServer):
    """See the module's docstring. Faults befall requests to services only; `api_fault` those to the API.

    worker: does what services are asked for. start: starts the container of a job with these arguments.
    broken: why a service or job that is made or updated does not become ready; "" if it does.
    polls: how often an operation is still going on when it is looked at.
    """

    def __init__(self, worker: Worker | None = None, start: Start | None = None) -> None:
        super().__init__()
        self.invokers = {ACCOUNT}
        self.broken = ""
        self.polls = 0
        self.tokens = 0
        self.token_seconds = 3600
        self.api_fault: Callable[[Request], Answer | None] = lambda request: None
        self._worker = worker
        self.start = start
        self._state = _State()
        self._guard = threading.RLock()

    def environment(self, folder: Path) -> dict[str, str]:
        """What leads Google's libraries here; the key of a service account is written into the folder."""
        return {
            "HELIOS_CLOUD_RUN_ENDPOINT": self.url,
            "GOOGLE_APPLICATION_CREDENTIALS": str(write_key(folder, f"{self.url}/token")),
            "NO_GCE_CHECK": "true",
        }

    @property
    def api_calls(self) -> list[str]:
        """Method and path of each request to the API, names of services and such left out."""
        return [f"{each.method} {_generic(each.path)}" for each in self.requests if each.path.startswith("/v2/")]

    def service_url(self, name: str) -> str:
        return f"{self.url}/run/{name}"

    def resource(self, name: str) -> dict[str, Any]:
        """A service or job as it is kept, such as services/helios-worker."""
        return self._state.resources[f"{PARENT}/{name}"]

    def keep_service(self, name: str, service: dict[str, Any]) -> None:
        """A service that is there already, without an adapter."""
        assert self._keep(f"{PARENT}/services/{name}", "services", service, 1).status == 200

    def is_faulty(self, request: Request) -> bool:
        return request.path.startswith("/run/")

    def handle(self, request: Request) -> Answer:
        if request.path == "/token":
            return self._token(request)
        if request.path.startswith("/run/"):
            return self._service(request)
        if (instead := self.api_fault(request)) is not None:
            return instead
        if not request.headers.get("authorization", "").startswith("Bearer "):
            return api_error(401, "UNAUTHENTICATED", "Request is missing required authentication credential.")
        with self._guard:
            return self._api(request)

    # --- identity

    def _token(self, request: Request) -> Answer:
        assertion = urllib.parse.parse_qs(request.body.decode())["assertion"][0]
        claims = _claims(assertion)
        self.tokens += 1
        if "target_audience" not in claims:
            return json_answer({"access_token": "access", "expires_in": self.token_seconds, "token_type": "Bearer"})
        return json_answer({"id_token": self._sign(claims["target_audience"], claims["iss"])})

    def _sign(self, audience: str, email: str) -> str:
        now = int(time.time())
        claims = {"aud": audience, "email": email, "iat": now, "exp": now + self.token_seconds, "iss": self.url}
        parts = [json.dumps(part).encode() for part in ({"alg": "none"}, claims)]
        return ".".join([*(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts), "c2lnbmVk"])

    # --- services

    def _service(self, request: Request) -> Answer:
        name = request.path.split("/")[2]
        if f"{PARENT}/services/{name}" not in self._state.resources:
            return Answer(404, b"<html><title>404 Page not found</title></html>", {"Content-Type": "text/html"})
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        try:
            claims = _claims(token) if scheme == "Bearer" else {}
        except ValueError:
            claims = {}
        if claims.get("aud") != self.service_url(name) or claims.get("exp", 0) < time.time():
            return Answer(401, b"<html><title>401 Unauthorized</title></html>", {"Content-Type": "text/html"})
        if claims.get("email") not in self.invokers:
            return Answer(403, b"<html><title>403 Forbidden</title></html>", {"Content-Type": "text/html"})
        if request.method != "POST":
            return json_answer({"message": "POST a payload"}, 405)
        assert self._worker is not None
        try:
            reply = self._worker(request.body)
        except WorkerDied:
            return Answer(
                503,
                b"The request failed because either the HTTP response was malformed or connection "
                b"to the instance had an error.",
                {"Content-Type": "text/plain"},
            )
        return json_answer({key: value for key, value in reply.items() if value is not None})

    # --- the API

    def _api(self, request: Request) -> Answer:
        if found := re.fullmatch(rf"/v2/({PARENT}/operations/[a-z0-9-]+)", request.path):
            return self._operation(found[1])
        if found := re.fullmatch(rf"/v2/{PARENT}/(services|jobs)", request.path):
            return self._create(request, found[1])
        if found := EXECUTION.fullmatch(request.path):
            return self._execution(found["name"], found["verb"] or "")
        if found := re.fullmatch(rf"/v2/({PARENT}/jobs/[a-z0-9-]+)/executions", request.path):
            return self._list(found[1])
        found = RESOURCE.fullmatch(request.path)
        if found is None or found["name"] not in self._state.resources:
            return api_error(404, "NOT_FOUND", f"Resource '{request.path.rpartition('/')[2]}' was not found")
        if found["verb"]:
            return self._run(found["name"], request.json())
        if request.method == "GET":
            return json_answer(self._state.resources[found["name"]])
        return self._update(found["name"], found["kind"], request)

    def _create(self, request: Request, kind: str) -> Answer:
        given = dict(urllib.parse.parse_qsl(request.query))
        name = f"{PARENT}/{kind}/{given['serviceId' if kind == 'services' else 'jobId']}"
        if name in self._state.resources:
            return api_error(409, "ALREADY_EXISTS", f"Resource '{name}' already exists.")
        return self._keep(name, kind, request.json(), 1)

    def _update(self, name: str, kind: str, request: Request) -> Answer:
        before, given = self._state.resources[name], request.json()
        if given.get("etag") not in (None, "", before["etag"]):
            return api_error(409, "ABORTED", "Conflict for resource: version changed")
        return self._keep(name, kind, given, int(before["generation"]) + 1)

    def _keep(self, name: str, kind: str, given: dict[str, Any], generation: int) -> Answer:
        if (fault := _fault_of(given, kind)) is not None:
            return api_error(400, "INVALID_ARGUMENT", fault)
        resource = {
            **given,
            "name": name,
            "uid": str(uuid.uuid4()),
            "generation": str(generation),
            "etag": f'"{uuid.uuid4()}"',
            "reconciling": False,
            "terminalCondition": READY,
        }
        if self.broken:
            resource["terminalCondition"] = {"type": "Ready", "state": "CONDITION_FAILED", "message": self.broken}
        if kind == "services":
            resource["uri"] = self.service_url(name.rpartition("/")[2])
        self._state.resources[name] = resource
        message = "Service" if kind == "services" else "Job"
        return self._begin(resource, message, self.broken)

    def _begin(self, resource: dict[str, Any], message: str, fault: str = "", *, done: bool = True) -> Answer:
        """The operation that makes something what it is to be. An execution's own ends with it, which nobody awaits."""
        kind = f"type.googleapis.com/google.cloud.run.v2.{message}"
        name = f"{PARENT}/operations/{uuid.uuid4()}"
        packed = {"@type": kind, **resource}
        operation: dict[str, Any] = {"name": name, "metadata": packed, "polls": self.polls, "ends": done}
        operation["outcome"] = {"error": {"code": 9, "message": fault}} if fault else {"response": packed}
        self._state.operations[name] = operation
        return json_answer({"name": name, "metadata": packed, "done": False})

    def _operation(self, name: str) -> Answer:
        operation = self._state.operations.get(name)
        if operation is None:
            return api_error(404, "NOT_FOUND", "no such operation")
        answer = {"name": name, "metadata": operation["metadata"]}
        if operation["polls"] > 0 or not operation["ends"]:
            operation["polls"] -= 1
            return json_answer({**answer, "done": False})
        return json_answer({**answer, "done": True, **operation["outcome"]})

    # --- executions

    def _run(self, job: str, given: dict[str, Any]) -> Answer:
        assert self.start is not None
        template = json.loads(json.dumps(self._state.resources[job]["template"]["template"]))
        container = template["containers"][0]
        overrides = given.get("overrides", {})
        for override in overrides.get("containerOverrides", []):
            if override.get("args"):
                container["args"] = override["args"]
            container["env"] = [*container.get("env", []), *override.get("env", [])]
        name = f"{job}/executions/{job.rpartition('/')[2]}-{uuid.uuid4().hex[:5]}"
        resource = {
            "name": name,
            "job": job,
            "uid": str(uuid.uuid4()),
            "createTime": _now(),
            "taskCount": overrides.get("taskCount", 1),
            "template": template,
            "runningCount": 1,
            "logUri": f"https://console.cloud.google.com/logs/{name.rpartition('/')[2]}",
            "conditions": [{"type": "Completed", "state": "CONDITION_RECONCILING"}],
        }
        execution = _Execution(self.start(list(container.get("args", []))), resource)
        self._state.executions[name] = execution
        return self._begin(resource, "Execution", done=False)

    def _execution(self, name: str, verb: str) -> Answer:
        execution = self._state.executions.get(name)
        if execution is None:
            return api_error(404, "NOT_FOUND", "no such execution")
        code = execution.process.poll()
        if verb == ":cancel":
            if code is not None:
                return api_error(400, "FAILED_PRECONDITION", "the execution has completed")
            execution.cancelled = True
            execution.process.terminate()
            return self._begin(execution.resource, "Execution", done=False)
        if verb == "/tasks":
            return json_answer({"tasks": [_task(execution)]})
        return json_answer(_seen(execution))

    def _list(self, job: str) -> Answer:
        newest_first = reversed(self._state.executions.values())
        return json_answer({"executions": [_seen(each) for each in newest_first if each.resource["job"] == job]})

    def forget_executions(self) -> None:
        """As Cloud Run does with old ones."""
        self._state.executions.clear()

    def fail_executions(self, message: str) -> None:
        """What Cloud Run says of those that fail from here on."""
        for execution in self._state.executions.values():
            execution.message = message


def api_error(status: int, reason: str, message: str) -> Answer:
    """An error as Google's APIs give it."""
    return json_answer({"error": {"code": status, "status": reason, "message": message}}, status)


def write_key(folder: Path, token_uri: str) -> Path:
    """The key file of a service account whose tokens come from that address."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    # Small, for a key is checked whenever it is read: 0.2 s for one of 2,048 bits.
    key = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = folder / "service-account.json"
    facts = {
        "type": "service_account",
        "project_id": PROJECT,
        "private_key_id": "1",
        "private_key": pem.decode(),
        "client_email": ACCOUNT,
        "client_id": "1",
        "token_uri": token_uri,
    }
    path.write_text(json.dumps(facts))
    return path


@cache
def _private_key() -> str:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    # Small, for a key is checked whenever it is read: 0.2 s for one of 2,048 bits.
    key = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def _fault_of(given: dict[str, Any], kind: str) -> str | None:
    """What Google would say of a body with fields that are not there, or without an image."""
    from google.cloud import run_v2

    message: Any = run_v2.Service if kind == "services" else run_v2.Job
    try:
        message.from_json(json.dumps(given))
    except Exception as error:
        return str(error)
    template = given["template"] if kind == "services" else given["template"]["template"]
    return None if template["containers"][0].get("image") else "containers[0].image is required"


def _seen(execution: _Execution) -> dict[str, Any]:
    code = execution.process.poll()
    if code is None:
        return execution.resource
    outcome = "cancelledCount" if execution.cancelled else "failedCount" if code else "succeededCount"
    state = "CONDITION_FAILED" if code else "CONDITION_SUCCEEDED"
    message = execution.message or "Task failed with message: The container exited with an error."
    return {
        **execution.resource,
        "runningCount": 0,
        outcome: 1,
        "completionTime": _now(),
        "conditions": [{"type": "Completed", "state": state, "message": message if code else ""}],
    }


def _task(execution: _Execution) -> dict[str, Any]:
    code = execution.process.poll()
    result: dict[str, Any] = {}
    if code:
        result = {"exitCode": code} if code > 0 else {"termSignal": -code}
        result["status"] = {"code": 10, "message": execution.message or "The container exited with an error."}
    return {"name": f"{execution.resource['name']}/tasks/0", "lastAttemptResult": result}


def _claims(token: str) -> dict[str, Any]:
    part = token.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return claims


def _generic(path: str) -> str:
    path = path.removeprefix(f"/v2/{PARENT}")
    return re.sub(r"/(services|jobs|executions|operations|tasks)/[^/:]+", r"/\1/*", path)


def _now() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")
