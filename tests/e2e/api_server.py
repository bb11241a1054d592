"""The cluster's API server, asked over HTTPS by the tests' own process.

A look by kubectl takes a processor for a tenth of a second, and who waits looks time and again.
"""

import base64
import json
import urllib.parse
import urllib.request
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from ssl import SSLContext
from typing import Any

import yaml

from tests.cluster.certificates import client_context

SECONDS = 60
"""For one answer."""
GROUPS = {
    "pods": "api/v1",
    "events": "api/v1",
    "jobs": "apis/batch/v1",
    "renderjobs": "apis/helios.video/v1alpha1",
}


@dataclass(frozen=True)
class ApiServer:
    """An API server, as a kubeconfig tells of it.

    certificate: the authority, the client's certificate and its key.
    """

    server: str
    certificate: tuple[Path, Path, Path]

    @classmethod
    def of(cls, kubeconfig: Path, folder: Path) -> "ApiServer":
        """Reads a kubeconfig; what it holds of certificates goes into files."""
        document = yaml.safe_load(kubeconfig.read_text())
        cluster, user = document["clusters"][0]["cluster"], document["users"][0]["user"]
        held = {
            "ca.crt": cluster["certificate-authority-data"],
            "user.crt": user["client-certificate-data"],
            "user.key": user["client-key-data"],
        }
        for name, data in held.items():
            (folder / name).write_bytes(base64.b64decode(data))
        return cls(cluster["server"], (folder / "ca.crt", folder / "user.crt", folder / "user.key"))

    def get(self, kind: str, namespace: str, name: str = "", **query: str) -> Any:
        """An object, or the objects of a kind, whose query is the API's (labelSelector, fieldSelector).

        Raises:
            urllib.error.HTTPError: there is none, or no such kind.
        """
        path = f"{self.server}/{GROUPS[kind]}/namespaces/{namespace}/{kind}{f'/{name}' if name else ''}"
        url = f"{path}?{urllib.parse.urlencode(query)}"
        with urllib.request.urlopen(url, timeout=SECONDS, context=self._context) as answer:
            return json.loads(answer.read())

    @cached_property
    def _context(self) -> SSLContext:
        return client_context(self.certificate)
