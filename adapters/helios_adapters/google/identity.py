"""Who we are to Google: credentials for its API, and identity tokens for a service of our own."""

import os
from typing import Any
from urllib.parse import urlsplit

from helios_adapters.errors import BadSettings, MissingExtra

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
ENDPOINT = "HELIOS_CLOUD_RUN_ENDPOINT"
"""Environment variable with another address for Cloud Run's API, such as a test's server."""
LOOPBACK = {"127.0.0.1", "localhost", "::1"}


class IdTokens:
    """Identity tokens for one audience, each used until near its end. Blocks; not for two threads at once.

    As google-auth finds an identity: the file that GOOGLE_APPLICATION_CREDENTIALS names, with a service account's key
    or the impersonation of one, else the metadata server of the machine or pod. A person's own login gives none.
    """

    def __init__(self, audience: str, where: str) -> None:
        self._audience = audience
        self._where = where
        self._credentials: Any = None

    def token(self) -> str:
        """A token that is good for some minutes at least.

        Raises:
            MissingExtra: the libraries are not there.
            google.auth.exceptions.GoogleAuthError: we have no identity, or it was refused.
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
        """The next token is a new one: this one was refused."""
        self._credentials = None


def api_clients(where: str, *kinds: str) -> list[Any]:
    """Clients of run_v2, such as ServicesClient, over HTTP and with the environment's credentials.

    Raises:
        MissingExtra: the libraries are not there.
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
    """An address that a token may be sent to: over https, or on this machine.

    Raises:
        BadSettings: it is none.
    """
    try:
        parts = urlsplit(address)
        host, scheme = parts.hostname or "", parts.scheme
    except ValueError:
        host = scheme = ""
    if host and not parts.username and (scheme == "https" or (scheme == "http" and host in LOOPBACK)):
        return address.rstrip("/")
    raise BadSettings(f"{address} is no address to send a token to", where=where, remedy="write https://…")
