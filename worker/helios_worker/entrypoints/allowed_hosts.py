"""By which names the workers' HTTP server may be addressed, so that no web page reaches it through a browser.

A page's owner can let a name of theirs point at any address (DNS rebinding): the browser of somebody on the worker's
network then takes the worker for the page's own server. The name is in the Host header of such a request. Names that no
stranger can point anywhere are accepted: addresses, localhost, names without a dot, and names that clusters and clouds
give. On Cloud Run every name is, since Google's front end passes on only its own. HELIOS_ALLOWED_HOSTS adds others.
"""

import os
import re
from collections.abc import Iterable, Mapping
from ipaddress import ip_address

from helios_worker.errors import UserError

VARIABLE = "HELIOS_ALLOWED_HOSTS"
OWN = (".localhost", ".svc", ".cluster.local", ".internal", ".run.app", ".on.aws")
"""Endings of names that this machine, a cluster or a cloud gives."""
BEHIND_A_FRONT_END = "K_SERVICE"
"""Set by Cloud Run."""
REFUSED_HOST = f"this worker is not served under the name in the request's Host header: add it to {VARIABLE}"
_NAME = re.compile(r"\.?[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*")
_HOST = re.compile(r"(\[[^\]@/\s]+\]|[^:\[\]@/\s]+)(:[0-9]{1,5})?")


class AllowedHosts:
    """Names of this server. names: additional ones, or endings that begin with a dot; None: every name."""

    def __init__(self, names: Iterable[str] | None = ()) -> None:
        self._every = names is None
        listed = set(names or ())
        self._names = frozenset(name for name in listed if not name.startswith("."))
        self._endings = (*OWN, *(name for name in listed if name.startswith(".")))

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "AllowedHosts":
        """From HELIOS_ALLOWED_HOSTS: names and endings, separated by commas; * for every name.

        Raises:
            UserError: it is not such a list.
        """
        names = [part.strip().lower() for part in environment.get(VARIABLE, "").split(",") if part.strip()]
        if "*" in names or environment.get(BEHIND_A_FRONT_END):
            return cls(None)
        wrong = next((name for name in names if not _NAME.fullmatch(name)), None)
        if wrong is not None:
            raise UserError(
                f"{VARIABLE}: {wrong[:100]!r} is not the name of a host",
                remedy="write names such as render.example.org or endings such as .example.org, without ports",
            )
        return cls(names)

    def allow(self, host: str | None) -> bool:
        """Whether a request with this Host header is for this server. None: it has none, so no browser sent it."""
        if self._every or host is None:
            return True
        match = _HOST.fullmatch(host.lower())
        if match is None:
            return False
        name = match[1].removesuffix(".")
        if _is_address(name) or name in self._names or name.endswith(self._endings):
            return True
        return _NAME.fullmatch(name) is not None and "." not in name


def _is_address(name: str) -> bool:
    try:
        ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True
