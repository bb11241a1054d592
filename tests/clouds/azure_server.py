"""An Azure server of this machine: Azurite, with one container. scripts/azure-server.sh installs it."""

import base64
import hashlib
import hmac
import http.client
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from pathlib import Path
from urllib.parse import urlsplit

from tests.clouds.s3_server import program, running
from tests.ports import free_port

ACCOUNT = "tests"
KEY = base64.b64encode(b"a key of this test and no other").decode()
CONTAINER = "films"
VERSION = "2021-12-02"


@contextmanager
def azure_server(folder: Path) -> Iterator[str]:
    """A server with one container, CONTAINER; its address, which ends in the account."""
    folder.mkdir(parents=True)
    port = free_port()
    command = [program("azure-server.sh"), "--blobHost", "127.0.0.1", "--blobPort", str(port)]
    command += ["--location", str(folder), "--silent", "--skipApiVersionCheck", "--disableTelemetry"]
    accounts = {"AZURITE_ACCOUNTS": f"{ACCOUNT}:{KEY}"}
    with running(command, port, folder.parent / "azure-server.log", **accounts) as address:
        _make_container(address)
        yield f"{address}/{ACCOUNT}"


def azure_environment(address: str) -> dict[str, str]:
    """What a client of the server has in its environment."""
    return {
        "AZURE_STORAGE_ENDPOINT": address,
        "AZURE_ALLOW_HTTP": "true",
        "AZURE_STORAGE_ACCOUNT_NAME": ACCOUNT,
        "AZURE_STORAGE_ACCOUNT_KEY": KEY,
    }


def _make_container(address: str) -> None:
    """Which obstore cannot. The signature is Azure's shared key, over a request without a body."""
    date = formatdate(usegmt=True)
    path = f"/{ACCOUNT}/{CONTAINER}"
    signed = f"PUT{chr(10) * 12}x-ms-date:{date}\nx-ms-version:{VERSION}\n/{ACCOUNT}{path}\nrestype:container"
    digest = hmac.digest(base64.b64decode(KEY), signed.encode(), hashlib.sha256)
    server = http.client.HTTPConnection(urlsplit(address).netloc, timeout=20)
    headers = {
        "x-ms-date": date,
        "x-ms-version": VERSION,
        "Authorization": f"SharedKey {ACCOUNT}:{base64.b64encode(digest).decode()}",
        "Content-Length": "0",
    }
    server.request("PUT", f"{path}?restype=container", headers=headers)
    answer = server.getresponse()
    assert answer.status == 201, answer.read()
    server.close()
