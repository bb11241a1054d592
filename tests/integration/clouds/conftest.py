"""Clouds of this machine, and an environment that leads the libraries there and nowhere else."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.clouds.cloud_run_server import CloudRunServer
from tests.clouds.lambda_server import LambdaServer


class Scripted:
    """A worker in a function's place that answers what it is told to; the real one has tests of its own.

    asked: the payloads. hold: set, it answers; else it waits.
    """

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.reply: dict[str, Any] = {"exitCode": 0, "stdout": "done", "stderr": "", "result": {"frames": 6}}
        self.hold = threading.Event()
        self.hold.set()

    def __call__(self, payload: bytes) -> dict[str, Any]:
        self.asked.append(json.loads(payload))
        self.hold.wait(60)
        return self.reply


@pytest.fixture(scope="module")
def scripted() -> Iterator[Scripted]:
    made = Scripted()
    yield made
    made.hold.set()


@pytest.fixture
def worker(scripted: Scripted) -> Iterator[Scripted]:
    """What is behind all clouds of a module, as new."""
    yield scripted
    scripted.hold.set()
    scripted.__init__()  # type: ignore[misc]


def without_identity(environment: pytest.MonkeyPatch, folder: Path) -> None:
    """Nobody's credentials: those of whoever runs the tests are out of reach."""
    for name in (
        "AWS_PROFILE",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_ROLE_ARN",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AWS_ENDPOINT_URL",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "GOOGLE_APPLICATION_CREDENTIALS",
        "GOOGLE_CLOUD_PROJECT",
    ):
        environment.delenv(name, raising=False)
    for name, value in {
        "HOME": str(folder),
        "CLOUDSDK_CONFIG": str(folder / "gcloud"),
        "AWS_CONFIG_FILE": str(folder / "none"),
        "AWS_SHARED_CREDENTIALS_FILE": str(folder / "none"),
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_GCE_CHECK": "true",
        "NO_PROXY": "127.0.0.1,localhost",
    }.items():
        environment.setenv(name, value)


@pytest.fixture(scope="module")
def lambda_service(scripted: Scripted) -> Iterator[LambdaServer]:
    with LambdaServer(scripted) as server:
        yield server


@pytest.fixture
def lambda_server(
    lambda_service: LambdaServer, worker: Scripted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> LambdaServer:
    """AWS Lambda without a function, and credentials for it."""
    without_identity(monkeypatch, tmp_path)
    for name, value in lambda_service.environment.items():
        monkeypatch.setenv(name, value)
    lambda_service.reset()
    return lambda_service


@pytest.fixture(scope="session")
def key_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("service-account")


@pytest.fixture
def cloud_run(
    worker: Scripted, tmp_path: Path, key_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[CloudRunServer]:
    """Cloud Run without a service, and a service account for it."""
    without_identity(monkeypatch, tmp_path)
    with CloudRunServer(worker) as server:
        for name, value in server.environment(key_folder).items():
            monkeypatch.setenv(name, value)
        yield server
