"""Translates boto3's errors into ours: by the service's error code first, then by the HTTP status."""

import json
import re
from collections.abc import Mapping
from typing import Any

from helios_adapters.errors import (
    AccessDenied,
    BadImage,
    BadSettings,
    ColdStartTimedOut,
    ConnectionLost,
    Crashed,
    Garbled,
    NoCredentials,
    NotReady,
    OutOfMemory,
    Oversized,
    ProviderFailed,
    TargetError,
    Throttled,
    TimedOut,
    UnknownTarget,
    quoted,
)

LOG_CHARACTERS = 4_000

THROTTLES = {
    "TooManyRequestsException",
    "ThrottlingException",
    "Throttling",
    "EC2ThrottledException",
    "ENILimitReachedException",
    "SubnetIPAddressLimitReachedException",
    "ServiceQuotaExceededException",
}
PENDING = {
    "ResourceConflictException",
    "ResourceNotReadyException",
    "ENINotReadyException",
    "SnapStartNotReadyException",
}
UNKNOWN_IDENTITY = {
    "UnrecognizedClientException",
    "InvalidClientTokenId",
    "InvalidAccessKeyId",
    "InvalidSignatureException",
    "SignatureDoesNotMatch",
    "IncompleteSignature",
    "MissingAuthenticationToken",
    "MissingAuthenticationTokenException",
    "ExpiredToken",
    "ExpiredTokenException",
    "RequestExpired",
}
DENIED = {"AccessDeniedException", "AccessDenied", "EC2AccessDeniedException", "KMSAccessDeniedException"}
IMAGE_REASONS = {"ImageDeleted", "ImageAccessDenied", "InvalidImage", "FunctionError.InvalidEntryPoint"}
IMAGE_FAULTS = {
    "Runtime.InvalidEntrypoint",
    "Runtime.InvalidWorkingDir",
    "Runtime.InvalidTaskConfig",
    "Runtime.PermissionDenied",
}
CREDENTIALS_REMEDY = (
    "give this process valid credentials: AWS_PROFILE, aws sso login, AWS_ACCESS_KEY_ID with "
    "AWS_SECRET_ACCESS_KEY, or a role for its pod"
)
IMAGE_REMEDY = "push the worker's image to a registry of the function's region and deploy it again"
LAMBDA_PENDING_SECONDS = 5.0


def aws_error(error: Exception, where: str, *, seconds: float) -> TargetError:
    """Our error for an exception of a call. seconds: how long the call waited for an answer."""
    from botocore import exceptions as boto

    match error:
        case boto.ClientError():
            return _refusal(error.response, where)
        case boto.WaiterError():
            return _waiter_error(error, where)
        case boto.NoRegionError() | boto.InvalidRegionError():
            return BadSettings(f"{error}", where=where, remedy="set the function's region, such as eu-west-1")
        case (
            boto.NoCredentialsError()
            | boto.PartialCredentialsError()
            | boto.CredentialRetrievalError()
            | boto.ProfileNotFound()
            | boto.SSOError()
            | boto.TokenRetrievalError()
        ):
            return NoCredentials(quoted(str(error)), where=where, remedy=CREDENTIALS_REMEDY)
        case boto.ReadTimeoutError():
            return TimedOut(f"no answer within {seconds:g} s", where=where)
        case boto.ParamValidationError():
            return BadSettings(quoted(str(error)), where=where, remedy="correct the value that the message names")
        case boto.EndpointConnectionError() if wrong := _no_such_region(error):
            return BadSettings(f"AWS Lambda has no region {wrong}", where=where, remedy="correct the region")
        case boto.HTTPClientError() | boto.ConnectionError() | boto.IncompleteReadError():
            return ConnectionLost(quoted(str(error)), where=where)
        case boto.BotoCoreError():
            return BadSettings(quoted(str(error)), where=where)
        case _:  # from botocore's parsers, or from http.client
            return Garbled(f"the answer cannot be read: {type(error).__name__}: {quoted(str(error))}", where=where)


def function_error(payload: bytes, log: str, where: str) -> TargetError:
    """Our error for an invocation with FunctionError. log: the end of the worker's log."""
    try:
        value = json.loads(payload)
    except ValueError:
        value = None
    facts: Mapping[str, Any] = value if isinstance(value, dict) else {"errorMessage": payload.decode(errors="replace")}
    kind, message = quoted(str(facts.get("errorType", "")), 100), quoted(str(facts.get("errorMessage", "")))
    text = f"{kind}: {message}" if kind else message
    log_end = log[-LOG_CHARACTERS:]
    if "Init" in kind and "timeout" in f"{kind} {message}".lower():
        return ColdStartTimedOut(
            text, where=where, remedy="give the function more memory: more CPU comes with it", said=log_end
        )
    if kind in ("Sandbox.Timedout", "Function.TimedOut") or "Task timed out after" in message:
        remedy = "raise the function's timeout (900 s at most) or memory, or make smaller chunks"
        return TimedOut(text, where=where, remedy=remedy, said=log_end)
    if kind == "Runtime.OutOfMemory" or "signal: killed" in message:
        remedy = "give the function more memory"
        return OutOfMemory(
            f"the worker was killed, most likely for using too much memory: {text}",
            where=where,
            remedy=remedy,
            said=log_end,
        )
    if kind in IMAGE_FAULTS or "exec format error" in message:
        return BadImage(
            f"its image does not start: {text}",
            where=where,
            remedy="deploy the worker's image, built for the function's architecture",
        )
    if kind == "Function.ResponseSizeTooLarge":
        return Oversized(text, where=where)
    return Crashed(f"the worker ended without an answer: {text or 'no reason given'}", where=where, said=log_end)


def image_fault(reason_code: str, reason: str, where: str) -> BadImage | BadSettings:
    """Our error for a function that Lambda could not create or update."""
    text = f"{quoted(reason_code, 60)}: {quoted(reason)}"
    if reason_code in IMAGE_REASONS:
        return BadImage(text, where=where, remedy=IMAGE_REMEDY)
    return BadSettings(text, where=where, remedy="correct the setting and deploy again")


def _no_such_region(error: Any) -> str | None:
    """The unknown region in the host name of a failed connection; None if the region exists and the network failed."""
    import botocore.session

    host = re.match(r"https://lambda[a-z-]*\.([a-z0-9-]+)\.amazonaws\.", str(error.kwargs.get("endpoint_url", "")))
    if host is None:
        return None
    session = botocore.session.get_session()
    partitions = session.get_available_partitions()
    known = {region for each in partitions for region in session.get_available_regions("lambda", each)}
    return None if host[1] in known else host[1]


def _refusal(response: Mapping[str, Any], where: str) -> TargetError:
    error = response.get("Error", {})
    code, status = str(error.get("Code", "")), response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    message = quoted(str(error.get("Message") or response.get("message") or ""))
    text = f"{quoted(code, 60)}: {message}"
    if code in THROTTLES or status == 429:
        reason = quoted(str(response.get("Reason") or code), 60)
        return Throttled(f"throttled, {reason}: {message}", where=where, reason=reason, retry_after=_seconds(response))
    if code in PENDING:
        return NotReady(text, where=where, retry_after=LAMBDA_PENDING_SECONDS)
    if code in UNKNOWN_IDENTITY:
        return NoCredentials(text, where=where, remedy=CREDENTIALS_REMEDY)
    if code in DENIED or status in (401, 403):
        return AccessDenied(text, where=where, remedy="grant the permission: docs/aws.md has the policies")
    if code == "ResourceNotFoundException" or status == 404:
        return UnknownTarget(
            text, where=where, remedy="check name, region and account, or deploy the function: heliosctl deploy lambda"
        )
    if code == "InvalidParameterValueException" and "image" in message.lower():
        return BadImage(text, where=where, remedy=IMAGE_REMEDY)
    if status >= 500:
        return ProviderFailed(text, where=where)
    if "cannot be assumed" in message:
        remedy = "let lambda.amazonaws.com assume the role; if the role is new, try again in ten seconds"
        return BadSettings(text, where=where, remedy=remedy)
    return BadSettings(text, where=where, remedy="correct the setting and deploy again")


def _seconds(response: Mapping[str, Any]) -> float | None:
    headers = response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    try:
        seconds = float(response.get("retryAfterSeconds") or headers.get("retry-after", ""))
    except (TypeError, ValueError):
        return None
    return seconds if 0 <= seconds <= 3600 else None


def _waiter_error(error: Any, where: str) -> TargetError:
    last = error.last_response
    if "Error" in last:
        return _refusal(last, where)
    settings = last.get("Configuration", {})
    for state, code, reason in (
        ("State", "StateReasonCode", "StateReason"),
        ("LastUpdateStatus", "LastUpdateStatusReasonCode", "LastUpdateStatusReason"),
    ):
        if settings.get(state) == "Failed":
            return image_fault(str(settings.get(code, "")), str(settings.get(reason, "")), where)
    return NotReady("it is not ready yet: Lambda is still working on it", where=where)
