"""Credentials for Google's API, and identity tokens for calls of a Cloud Run service."""

import os
from typing import Any
from urllib.parse import urlsplit

from helios_adapters.errors import BadSettings, MissingExtra

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
ENDPOINT = "HELIOS_CLOUD_RUN_ENDPOINT"
"""Environment variable with another address of Cloud Run's API, such as a test server's."""
LOOPBACK = {"127.0.0.1", "localhost", "::1"}


class IdTokens:
    """Identity tokens for one audience, each used until shortly before it expires. Blocks; not thread-safe.

    google-auth takes credentials from the file that GOOGLE_APPLICATION_CREDENTIALS names, with a service account's key
    or an impersonation of it, or else from the metadata server of the machine or pod. A personal login gives no
    identity tokens.
    """

    def __init__(self, audience: str, where: str) -> None:
        self._audience = audience
        self._where = where
        self._credentials: Any = None

    def token(self) -> str:
        """A token that is valid for some minutes at least.

        Raises:
            MissingExtra: the libraries are not installed.
            google.auth.exceptions.GoogleAuthError: there are no credentials, or they were rejected.
        """
        try:
            from google.auth.transport.requests import Request
            from google.oauth2 import id_token
        except ModuleNotFoundError:
            raise MissingExtra("gcp", where=self._where) from None
        if self._credentials is None:
            self._credentials = id_token.fetch_id_token_credentials(self._audience)  # type: ignore[no-untyped-call]
        if not self._credentials.valid:
            self._credentials.refresh(Request())
        return str(self._credentials.token)

    def forget(self) -> None:
        """Drops a rejected token, so that the next one is new."""
        self._credentials = None


def api_clients(where: str, *kinds: str) -> list[Any]:
    """Clients of run_v2, such as ServicesClient, over HTTP, with the environment's credentials.

    Raises:
        MissingExtra: the libraries are not installed.
        google.auth.exceptions.GoogleAuthError: there are no credentials.
    """
    try:
        import google.auth
        from google.cloud import run_v2
    except ModuleNotFoundError:
        raise MissingExtra("gcp", where=where) from None
    credentials, _ = google.auth.default(scopes=[SCOPE])
    endpoint = os.environ.get(ENDPOINT)
    options = {"api_endpoint": checked_address(endpoint, where)} if endpoint else {}
    return [getattr(run_v2, kind)(credentials=credentials, transport="rest", client_options=options) for kind in kinds]


def checked_address(address: str, where: str) -> str:
    """The address, checked to be one that may get a token: with https, or on this machine.

    Raises:
        BadSettings: a token may not be sent to this address.
    """
    try:
        parts = urlsplit(address)
        host, scheme = parts.hostname or "", parts.scheme
    except ValueError:
        host = scheme = ""
    if host and not parts.username and (scheme == "https" or (scheme == "http" and host in LOOPBACK)):
        return address.rstrip("/")
    raise BadSettings(
        f"{address} is not an address that may get a token", where=where, remedy="use an https:// address"
    )
