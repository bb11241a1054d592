"""Translates the errors of Google's libraries, and Cloud Run's own answers to requests, into our errors."""

from collections.abc import Mapping
from typing import Any

from helios_adapters.errors import (
    AccessDenied,
    BadImage,
    BadSettings,
    ColdStartTimedOut,
    ConnectionLost,
    Crashed,
    NoCredentials,
    NotOurWorker,
    NotReady,
    ProviderFailed,
    TargetError,
    Throttled,
    TimedOut,
    UnknownTarget,
    quoted,
)
from helios_adapters.replies import worker_reply
from helios_crds.wire import Reply

CREDENTIALS_REMEDY = (
    "give this process credentials: GOOGLE_APPLICATION_CREDENTIALS with a service account's key or the impersonation "
    "of one, or a service account for its pod; docs/google-cloud.md says how"
)
POLICY_REMEDY = "grant the permission: docs/google-cloud.md has the roles"
IMAGE_REMEDY = "push the worker's image to Artifact Registry and deploy it again"
NO_INSTANCE = "no available instance"
IMAGE_REASONS = ("CONTAINER_", "HEALTH_CHECK_CONTAINER_ERROR")
PENDING_SECONDS = 5.0


def google_error(error: Exception, where: str, *, seconds: float) -> TargetError:
    """Our error for an exception of google.cloud or google.auth. seconds: how long the call waited."""
    import requests
    from google.api_core import exceptions as core
    from google.auth import exceptions as auth

    text = quoted(str(getattr(error, "message", "") or error))
    match error:
        case core.RetryError() if isinstance(error.cause, Exception):
            return google_error(error.cause, where, seconds=seconds)
        case auth.TransportError() | requests.ConnectionError():
            return ConnectionLost(text, where=where)
        case auth.GoogleAuthError() | core.Unauthorized():
            return NoCredentials(text, where=where, remedy=CREDENTIALS_REMEDY)
        case core.GatewayTimeout() | requests.Timeout() | TimeoutError():
            return TimedOut(f"no answer within {seconds:g} s: {text}", where=where)
        case core.GoogleAPICallError():
            return _refusal(error, text, where)
        case _:
            return ProviderFailed(f"{type(error).__name__}: {text}", where=where)


def _refusal(error: Any, text: str, where: str) -> TargetError:
    from google.api_core import exceptions as core

    match error:
        case core.Forbidden():
            return AccessDenied(text, where=where, remedy=POLICY_REMEDY)
        case core.NotFound():
            remedy = "check name, region and project, or deploy the target: heliosctl deploy cloud-run"
            return UnknownTarget(text, where=where, remedy=remedy)
        case core.TooManyRequests():
            reason = quoted(str(getattr(error, "reason", None) or "quota"), 60)
            return Throttled(f"throttled, {reason}: {text}", where=where, reason=reason)
        case core.Conflict():  # and Aborted
            return NotReady(text, where=where, retry_after=PENDING_SECONDS)
        case core.ServerError():
            return ProviderFailed(text, where=where)
        case _:
            return not_started(text, "", where)


def not_started(message: str, reason: str, where: str) -> BadImage | BadSettings:
    """Our error for a service or job that did not start. reason: of its condition, "" if unknown."""
    text = message.lower()
    if reason.startswith(IMAGE_REASONS) or "image" in text or "failed to start" in text:
        return BadImage(quoted(message), where=where, remedy=IMAGE_REMEDY)
    return BadSettings(quoted(message), where=where, remedy="correct the setting and deploy again")


def service_reply(status: int, headers: Mapping[str, str], body: bytes, where: str, audience: str) -> Reply:
    """The reply in the answer of a service, which comes from the worker or from Cloud Run's front end.

    Raises:
        TargetError: the answer is not a reply; the error depends on the status.
    """
    refusal = _front_end(status, headers, body, where, audience)
    if refusal is not None:
        raise refusal
    return worker_reply(status, body, where)


def _front_end(status: int, headers: Mapping[str, str], body: bytes, where: str, audience: str) -> TargetError | None:
    """Our error for an answer of Cloud Run itself; None if the worker has answered."""
    text = f"status {status}: {quoted(body)}"
    is_json = headers.get("Content-Type", "").startswith("application/json")
    if status == 401:
        remedy = "check the target's audience: without one, the token is for the service's own address"
        return AccessDenied(
            f"the identity token for {quoted(audience)} is not accepted, {text}", where=where, remedy=remedy
        )
    if status == 403:
        return AccessDenied(
            text, where=where, remedy="grant this process's service account roles/run.invoker on the service"
        )
    if status == 404 and not is_json:
        return UnknownTarget(
            text, where=where, remedy="check the service's address, or deploy the service: heliosctl deploy cloud-run"
        )
    if status == 429:
        reason = "no instance" if NO_INSTANCE in text else "full"
        return Throttled(f"throttled, {reason}: {text}", where=where, reason=reason, retry_after=_seconds(headers))
    if status in (500, 503) and NO_INSTANCE in text:
        return ColdStartTimedOut(
            f"no worker started in time, {text}",
            where=where,
            remedy="raise the service's maximum number of instances, or keep some ready with --min-instances",
        )
    if status in (502, 503):
        return Crashed(
            f"the worker ended without an answer, {text}",
            where=where,
            remedy="give the service more memory: its files in /tmp are part of that",
        )
    if status == 504:
        return TimedOut(text, where=where, remedy="raise the service's timeout, or make smaller chunks")
    if status >= 500 and not is_json:
        return ProviderFailed(text, where=where)
    if status != 200 and not is_json:
        return NotOurWorker(text, where=where, remedy="check that the service at this address runs the worker's image")
    return None


def _seconds(headers: Mapping[str, str]) -> float | None:
    try:
        seconds = float(headers.get("Retry-After", ""))
    except ValueError:  # a date, or nothing
        return None
    return seconds if 0 <= seconds <= 3600 else None
