"""Opens a store by its address, with the time limits, retries and client options that apply to every store.

The library finds credentials by itself: in the environment, or from the identity that the platform gives the workload
(docs/stores.md).
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from obstore.store import ObjectStore, from_url

from helios_worker.artifacts.errors import first_line, is_about_credentials, redacted
from helios_worker.artifacts.urls import REMEDY, store_address
from helios_worker.errors import UserError

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig

STALL_VARIABLE, RETRY_VARIABLE = "HELIOS_STORE_STALL_SECONDS", "HELIOS_STORE_RETRY_SECONDS"
FAMILIES = {"s3": "AWS", "gs": "GOOGLE", "az": "AZURE"}
TOGGLES = ("allow_http", "allow_invalid_certificates")
CLIENT_TEXTS = ("proxy_url", "proxy_ca_certificate", "proxy_excludes", "user_agent")
REQUEST_MINUTES = 60


@dataclass(frozen=True)
class StoreTimeouts:
    """Time limits of requests to a store, in seconds.

    connect: for a connection. stall: for a response to begin, and between two parts of it.
    retry: a request older than this is not repeated. tries: of one request, at most.
    pause: the longest pause before the second try; later pauses double, up to 20 s.
    """

    connect: float = 10.0
    stall: float = 60.0
    retry: float = 150.0
    tries: int = 16
    pause: float = 0.4

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "StoreTimeouts":
        """The defaults, or what HELIOS_STORE_STALL_SECONDS and HELIOS_STORE_RETRY_SECONDS say instead.

        Raises:
            UserError: one of them is not a number above 0.
        """
        usual = cls()
        stall = _seconds(environment, STALL_VARIABLE, usual.stall)
        return cls(
            connect=min(usual.connect, stall), stall=stall, retry=_seconds(environment, RETRY_VARIABLE, usual.retry)
        )

    @property
    def retries(self) -> "RetryConfig":
        """For obstore, which repeats a request that had no response, or status 429, or one from 500 on."""
        return {
            "max_retries": self.tries - 1,
            "retry_timeout": timedelta(seconds=self.retry),
            "backoff": {
                "init_backoff": timedelta(seconds=self.pause / 2),
                "max_backoff": timedelta(seconds=20),
                "base": 2,
            },
        }


def open_store(url: str, timeouts: StoreTimeouts) -> ObjectStore:
    """An obstore store. Sends no request yet.

    url: as ArtifactStore takes it; a local folder must exist.

    Raises:
        UserError: it is not the address of a store, or carries credentials or options, which belong in the environment.
    """
    address = store_address(url)
    if address.scheme in ("file", "memory"):
        return from_url(address.escaped)
    options = client_options(address.scheme, os.environ, timeouts)
    try:
        return from_url(address.escaped, client_options=options, retry_config=timeouts.retries)
    except Exception as error:
        said = redacted(first_line(error))
        if is_about_credentials(error):
            raise UserError(
                f"{url} cannot be opened with these credentials: {said}",
                remedy="correct the variables that docs/stores.md lists",
            ) from None
        raise UserError(f"{url.rstrip('/')} is not an artifact store: {said}", remedy=REMEDY) from None


def client_options(scheme: str, environment: Mapping[str, str], timeouts: StoreTimeouts) -> "ClientConfig":
    """The HTTP client's options. The library takes its own from the environment only where it is given none."""
    family = FAMILIES.get(scheme, "AWS")
    options: ClientConfig = {
        "connect_timeout": timedelta(seconds=timeouts.connect),
        "read_timeout": timedelta(seconds=timeouts.stall),
        # of a whole request with its body: long, since `stall` notices one that stands still
        "timeout": timedelta(minutes=REQUEST_MINUTES),
    }
    for name in TOGGLES:
        if environment.get(f"{family}_{name.upper()}", "").lower() in ("1", "true", "yes", "on"):
            options[name] = True  # type: ignore[literal-required]
    for name in CLIENT_TEXTS:
        if value := environment.get(f"{family}_{name.upper()}"):
            options[name] = value  # type: ignore[literal-required]
    if bundle := environment.get("AWS_CA_BUNDLE") if family == "AWS" else environment.get(f"{family}_CA_BUNDLE"):
        options["root_certificate"] = _certificates(bundle)
    return options


def _certificates(bundle: str) -> bytes:
    try:
        return Path(bundle).read_bytes()
    except OSError as error:
        raise UserError(
            f"the certificates in {bundle} cannot be read: {error.strerror}",
            remedy="correct the variable that names it",
        ) from error


def _seconds(environment: Mapping[str, str], name: str, usual: float) -> float:
    text = environment.get(name, "")
    try:
        value = float(text) if text else usual
    except ValueError:
        value = 0.0
    if not 0 < value < 1e6:
        raise UserError(f"{name} is {text}, not a number of seconds above 0", remedy="set it to a number such as 60")
    return value
