"""Where a worker's credentials come from: a Secret, a token in a file, an agent on its node, a metadata server.

The S3 server and Azurite are real, and let in whoever has their keys; what gives those away is a stand-in. Azure's
workload identity is not here: it needs Microsoft's own token service.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from itertools import count
from pathlib import Path

import orjson
import pytest

from helios_crds.wire import ExitCode
from helios_worker.artifacts.access import StoreTimeouts
from helios_worker.artifacts.errors import BadCredentials
from helios_worker.artifacts.store import ArtifactStore
from helios_worker.runtime import WorkerRuntime
from tests.clouds.gcs_server import gcs_server
from tests.clouds.identity import ROLE, Identity, identity
from tests.clouds.s3_server import BUCKET, KEY, SECRET, s3_environment, s3_server, wait_for
from tests.processes import browsers

HASTY = StoreTimeouts(connect=10, stall=20, retry=60, tries=2, pause=0.04)
WORKER = str(Path(sys.executable).with_name("helios-worker"))
prefixes = count()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Of an S3 server of this machine."""
    with s3_server(tmp_path_factory.mktemp("s3") / "buckets") as server:
        yield server


@pytest.fixture
def no_keys(address: str, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment with all but keys."""
    for name, value in s3_environment(address).items():
        if name not in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.setenv(name, value)
    return monkeypatch


def opened() -> ArtifactStore:
    return ArtifactStore(f"s3://{BUCKET}/{next(prefixes)}", timeouts=HASTY)


@pytest.fixture
def token_service(no_keys: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Identity]:
    """Amazon's, and a pod that a role is given to by a token in a file."""
    with identity(KEY, SECRET, certificate=tmp_path / "service.pem") as service:
        (tmp_path / "token").write_text(service.token)
        no_keys.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(tmp_path / "token"))
        no_keys.setenv("AWS_ROLE_ARN", ROLE)
        no_keys.setenv("AWS_ENDPOINT_URL_STS", service.url)
        no_keys.setenv("AWS_CA_BUNDLE", str(tmp_path / "service.pem"))
        yield service


def test_a_role_for_a_token_in_a_file(token_service: Identity):
    store = opened()
    assert store.create("key", b"1")
    assert store.get("key") == b"1"
    assert token_service.asked == ["AssumeRoleWithWebIdentity"]


def test_a_role_that_ends_is_asked_for_again(token_service: Identity):
    """What will soon have ended is not used for long: obstore asks anew, though ten times a second at most."""
    token_service.lifetime = timedelta(seconds=20)
    store = opened()
    store.put("key", b"1")
    wait_for(lambda: store.get("key") == b"1" and len(token_service.asked) > 2, "the role to be asked for again")


def test_a_role_that_is_refused(token_service: Identity, tmp_path: Path):
    (tmp_path / "token").write_text("another pod's")
    with pytest.raises(BadCredentials, match=r"no credentials found \(403 AccessDenied: Not authorized") as e:
        opened().get("key")
    assert "another pod's" not in str(e.value)
    (tmp_path / "token").unlink()
    with pytest.raises(BadCredentials, match=r"no credentials found \(Failed to read token file '.*/token'"):
        opened().get("key")


def test_an_agent_on_the_node(no_keys: pytest.MonkeyPatch, tmp_path: Path):
    """As EKS pod identities and ECS tasks have it."""
    with identity(KEY, SECRET) as agent:
        (tmp_path / "token").write_text(agent.token)
        no_keys.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{agent.url}/agent")
        no_keys.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", str(tmp_path / "token"))
        store = opened()
        store.put("key", b"1")
        assert store.get("key") == b"1"
        assert agent.asked == ["/agent"]


def test_googles_metadata_server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    with gcs_server(tmp_path) as google:
        for name, value in google.identity().items():
            monkeypatch.setenv(name, value)
        store = ArtifactStore("gs://films/x", timeouts=HASTY)
        assert store.create("key", b"1")
        assert store.get("key") == b"1"
        assert len(google.tokens) == 1
        google.tokens.clear()  # they have expired
        with pytest.raises(BadCredentials, match=r"the credentials are not accepted \(401 AuthenticationRequired"):
            store.get("key")


def test_half_a_key(no_keys: pytest.MonkeyPatch):
    no_keys.setenv("AWS_ACCESS_KEY_ID", KEY)
    with pytest.raises(Exception, match=r"cannot be opened with these credentials: .*SecretAccessKey; correct the var"):
        opened().get("key")


# --- a Secret, as it comes to a pod -------------------------------------------------------------------------------


def worker(tmp_path: Path, *arguments: str, **secret: str) -> subprocess.CompletedProcess[str]:
    """A worker's process, with a Secret's keys as Kubernetes gives them."""
    given = {f"HELIOS_SECRET_{name}": value for name, value in secret.items()}
    log = {"HELIOS_TERMINATION_LOG": str(tmp_path / "termination")}
    command = [WORKER, *arguments, "--workspace", str(tmp_path)]
    return subprocess.run(command, env={**os.environ, **log, **given}, capture_output=True, text=True, timeout=60)


def test_the_secret_of_a_render_job(no_keys: pytest.MonkeyPatch, address: str, tmp_path: Path):
    """It opens the bucket, in which the worker keeps its request."""
    (tmp_path / "request.json").write_bytes(orjson.dumps({"composition": {"url": str(tmp_path / "gone.html")}}))
    place = f"s3://{BUCKET}/{next(prefixes)}"
    arguments = ["plan", f"{place}/requests/1.json", "--request", str(tmp_path / "request.json")]
    done = worker(tmp_path, *arguments, AWS_ACCESS_KEY_ID=KEY, AWS_SECRET_ACCESS_KEY=SECRET, LD_PRELOAD="/nowhere.so")
    assert done.returncode == ExitCode.USER_ERROR
    assert "there is no page" in done.stderr
    assert "nowhere.so" not in done.stderr
    no_keys.setenv("AWS_ACCESS_KEY_ID", KEY)
    no_keys.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    assert ArtifactStore(place).exists("requests/1.json")


def test_a_secret_of_something_else(no_keys: pytest.MonkeyPatch, tmp_path: Path):
    done = worker(tmp_path, "plan", f"s3://{BUCKET}/x/requests/1.json", username="someone", password="hunter2")
    assert done.returncode == ExitCode.USER_ERROR
    said = "the Secret of artifacts.credentialsRef holds no credentials of a store: its keys are password, username"
    assert said in done.stderr
    assert said in (tmp_path / "termination").read_text()
    assert "hunter2" not in done.stderr + done.stdout + (tmp_path / "termination").read_text()


def test_a_page_has_no_way_to_the_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Not even of a browser that it took over."""
    for name in ("AWS_SECRET_ACCESS_KEY", "GOOGLE_SERVICE_ACCOUNT_KEY", "AZURE_STORAGE_ACCOUNT_KEY"):
        monkeypatch.setenv(name, "not-for-pages")
    runtime = WorkerRuntime(tmp_path, lanes=1)
    try:
        runtime.initialize()
        seen = []
        for pid in browsers(os.getpid()):
            with suppress(OSError):
                seen.append(Path(f"/proc/{pid}/environ").read_bytes())
    finally:
        runtime.close()
    assert [found for found in seen if found]
    assert not any(b"not-for-pages" in found for found in seen)
