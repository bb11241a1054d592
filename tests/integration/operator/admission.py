"""Asking the API server for what it may refuse: one kept connection, refusals taken apart."""

import http.client
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from helios_crds.base import API_VERSION
from tests.cluster.certificates import client_context

Object = dict[str, Any]
PLURALS = {"RenderJob": "renderjobs", "RenderTarget": "rendertargets"}
# What the API server adds when the first fault kept it from looking for more.
UNCHECKED = "some validation rules were not checked"


@dataclass
class Refused(Exception):
    """The API server's answer to what it does not take. causes: (field, message) of every fault."""

    code: int
    reason: str
    message: str
    causes: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        return f"{self.code} {self.reason}: {self.message}"


class Client:
    """One connection as an administrator.

    certificate: the authority's file, the client's certificate and its key.
    """

    def __init__(self, server: str, certificate: tuple[Path, Path, Path]) -> None:
        context = client_context(certificate)
        address = urlsplit(server)
        self._connection = http.client.HTTPSConnection(str(address.hostname), address.port, context=context, timeout=60)

    def close(self) -> None:
        """Ends the connection."""
        self._connection.close()

    def call(
        self, method: str, path: str, body: Object | None = None, content_type: str = "application/json", **query: str
    ) -> Object:
        """What the API server answers.

        Raises:
            Refused: it is not a success.
        """
        address = f"{path}?{urlencode(query)}" if query else path
        data = None if body is None else json.dumps(body, ensure_ascii=False).encode()
        self._connection.request(method, address, body=data, headers={"Content-Type": content_type})
        response = self._connection.getresponse()
        found: Object = json.loads(response.read())
        if response.status >= 300:
            raise _refused(found)
        return found

    def create(self, path: str, body: Object, **query: str) -> Object:
        """Creates an object in a collection."""
        return self.call("POST", path, body, **query)

    def get(self, path: str) -> Object:
        """Reads an object or a collection."""
        return self.call("GET", path)

    def replace(self, path: str, body: Object) -> Object:
        """Puts an object in the place of what is there."""
        return self.call("PUT", path, body)

    def merge(self, path: str, body: Object) -> Object:
        """Merges into an object."""
        return self.call("PATCH", path, body, "application/merge-patch+json")

    def delete(self, path: str) -> Object:
        """Deletes an object."""
        return self.call("DELETE", path)


def collection(kind: str, namespace: str) -> str:
    """Path of the objects of a kind of ours."""
    within = f"/namespaces/{namespace}" if kind == "RenderJob" else ""
    return f"/apis/{API_VERSION}{within}/{PLURALS[kind]}"


def helios(kind: str, name: str, spec: Object) -> Object:
    """An object of ours."""
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": name}, "spec": spec}


def _refused(answer: Object) -> Refused:
    causes = (answer.get("details") or {}).get("causes") or ()
    told = tuple((cause.get("field", ""), cause.get("message", "")) for cause in causes)
    message = str(answer.get("message", ""))
    known = tuple(cause for cause in told if UNCHECKED not in cause[1])
    return Refused(int(answer.get("code", 0)), str(answer.get("reason", "")), message, known)
