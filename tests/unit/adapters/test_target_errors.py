"""What providers' libraries and front ends say, told apart by what may be done about it."""

import json

import pytest
from botocore import exceptions as boto
from google.api_core import exceptions as core
from google.auth import exceptions as auth

from helios_adapters import errors
from helios_adapters.aws.errors import aws_error, function_error, image_fault
from helios_adapters.google.errors import google_error, not_started, service_reply
from helios_crds.wire import ExitCode

WHERE = "the target"


def refusal(code: str, status: int, message: str = "no", **more: object) -> boto.ClientError:
    response = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status, "HTTPHeaders": {}},
        **more,
    }
    return boto.ClientError(response, "Invoke")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (refusal("TooManyRequestsException", 429), errors.Throttled),
        (refusal("EC2ThrottledException", 502), errors.Throttled),
        (refusal("Whatever", 429), errors.Throttled),
        (refusal("ResourceConflictException", 409), errors.NotReady),
        (refusal("ResourceNotReadyException", 502), errors.NotReady),
        (refusal("ResourceNotFoundException", 404), errors.UnknownTarget),
        (refusal("UnrecognizedClientException", 403), errors.NoCredentials),
        (refusal("ExpiredTokenException", 403), errors.NoCredentials),
        (refusal("InvalidSignatureException", 403), errors.NoCredentials),
        (refusal("AccessDeniedException", 403), errors.AccessDenied),
        (refusal("KMSAccessDeniedException", 502), errors.AccessDenied),
        (refusal("InvalidParameterValueException", 400, "Source image x does not exist."), errors.BadImage),
        (refusal("InvalidParameterValueException", 400, "'MemorySize' is wrong"), errors.BadSettings),
        (refusal("ServiceException", 500), errors.ProviderFailed),
        (refusal("", 503), errors.ProviderFailed),
        (boto.NoCredentialsError(), errors.NoCredentials),
        (boto.ProfileNotFound(profile="x"), errors.NoCredentials),
        (boto.UnauthorizedSSOTokenError(), errors.NoCredentials),
        (boto.NoRegionError(), errors.BadSettings),
        (boto.ReadTimeoutError(endpoint_url="x"), errors.TimedOut),
        (boto.ConnectTimeoutError(endpoint_url="x"), errors.ConnectionLost),
        (boto.ConnectionClosedError(endpoint_url="x"), errors.ConnectionLost),
        (boto.IncompleteReadError(actual_bytes=1, expected_bytes=2), errors.ConnectionLost),
        (boto.ResponseStreamingError(error="x"), errors.ConnectionLost),
        (boto.ParamValidationError(report="x"), errors.BadSettings),
        (
            boto.EndpointConnectionError(endpoint_url="https://lambda.eu-west-9.amazonaws.com/x", error="x"),
            errors.BadSettings,
        ),
        (
            boto.EndpointConnectionError(endpoint_url="https://lambda.eu-west-1.amazonaws.com/x", error="x"),
            errors.ConnectionLost,
        ),
        (ValueError("not JSON"), errors.Garbled),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)[:60]),
)
def test_what_boto3_raises(error, kind):
    found = aws_error(error, WHERE, seconds=30)
    assert type(found) is kind
    assert found.where == WHERE


@pytest.mark.parametrize(
    ("more", "reason", "retry_after"),
    [
        ({"Reason": "ReservedFunctionConcurrentInvocationLimitExceeded", "retryAfterSeconds": "7"}, "Reserved", 7.0),
        ({"ResponseMetadata": {"HTTPStatusCode": 429, "HTTPHeaders": {"retry-after": "3"}}}, "TooMany", 3.0),
        ({"retryAfterSeconds": "soon"}, "TooMany", None),
        ({"retryAfterSeconds": "-1"}, "TooMany", None),
        ({"retryAfterSeconds": "nan"}, "TooMany", None),
    ],
)
def test_a_throttled_call_says_why_and_for_how_long(more, reason, retry_after):
    found = aws_error(refusal("TooManyRequestsException", 429, **more), WHERE, seconds=30)
    assert isinstance(found, errors.Throttled)
    assert found.reason.startswith(reason)
    assert found.retry_after == retry_after


@pytest.mark.parametrize(
    ("kind", "message", "expected"),
    [
        ("Sandbox.Timedout", "RequestId: 1 Error: Task timed out after 3.00 seconds", errors.TimedOut),
        (None, "2026-01-01T00:00:00Z 1 Task timed out after 3.00 seconds", errors.TimedOut),
        ("FunctionError.InitTimeout", "", errors.ColdStartTimedOut),
        ("Runtime.InitTimeout", "Init timed out", errors.ColdStartTimedOut),
        ("Runtime.ExitError", "RequestId: 1 Error: Runtime exited with error: signal: killed", errors.OutOfMemory),
        ("Runtime.OutOfMemory", "", errors.OutOfMemory),
        ("Runtime.ExitError", "RequestId: 1 Error: Runtime exited with error: exit status 1", errors.Crashed),
        ("Runtime.InvalidEntrypoint", "fork/exec /x: exec format error", errors.BadImage),
        ("Function.ResponseSizeTooLarge", "Response payload size exceeded", errors.Oversized),
        ("ValueError", "a defect", errors.Crashed),
    ],
)
def test_what_lambda_says_of_a_worker_that_did_not_answer(kind, message, expected):
    facts = {"errorMessage": message, **({"errorType": kind} if kind else {})}
    found = function_error(json.dumps(facts).encode(), "the last words\n", WHERE)
    assert type(found) is expected
    if isinstance(found, errors.WorkerLost):
        assert found.said == "the last words\n"


@pytest.mark.parametrize("payload", [b"", b"null", b"[1]", b"\xff", b'{"errorType": {}, "errorMessage": [1]}'])
def test_a_failure_that_lambda_describes_in_no_known_way_is_a_crash(payload):
    assert type(function_error(payload, "", WHERE)) is errors.Crashed


def test_an_image_that_is_gone_is_told_from_a_wrong_setting():
    assert type(image_fault("ImageDeleted", "x", WHERE)) is errors.BadImage
    assert type(image_fault("InsufficientRolePermissions", "x", WHERE)) is errors.BadSettings


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (core.NotFound("x"), errors.UnknownTarget),
        (core.Forbidden("x"), errors.AccessDenied),
        (core.PermissionDenied("x"), errors.AccessDenied),
        (core.Unauthorized("x"), errors.NoCredentials),
        (core.TooManyRequests("x"), errors.Throttled),
        (core.ResourceExhausted("x"), errors.Throttled),
        (core.Aborted("x"), errors.NotReady),
        (core.ServiceUnavailable("x"), errors.ProviderFailed),
        (core.DeadlineExceeded("x"), errors.TimedOut),
        (core.InvalidArgument("spec is wrong"), errors.BadSettings),
        (core.InvalidArgument("Image 'x' not found."), errors.BadImage),
        (core.FailedPrecondition("The user-provided container failed to start and listen"), errors.BadImage),
        (core.RetryError("x", cause=core.ServiceUnavailable("y")), errors.ProviderFailed),
        (auth.DefaultCredentialsError("x"), errors.NoCredentials),
        (auth.RefreshError("x"), errors.NoCredentials),
        (auth.TransportError("x"), errors.ConnectionLost),
        (RuntimeError("x"), errors.ProviderFailed),
    ],
    ids=lambda value: getattr(value, "__name__", repr(value)[:60]),
)
def test_what_googles_libraries_raise(error, kind):
    assert type(google_error(error, WHERE, seconds=30)) is kind


@pytest.mark.parametrize(
    "reason", ["CONTAINER_MISSING", "CONTAINER_IMAGE_UNAUTHORIZED", "HEALTH_CHECK_CONTAINER_ERROR"]
)
def test_cloud_runs_reasons_for_an_image(reason):
    assert type(not_started("x", reason, WHERE)) is errors.BadImage
    assert type(not_started("x", "SECRETS_ACCESS_CHECK_FAILED", WHERE)) is errors.BadSettings


HTML, JSON = {"Content-Type": "text/html"}, {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("status", "headers", "body", "kind"),
    [
        (401, HTML, b"<html>", errors.AccessDenied),
        (403, HTML, b"<html>", errors.AccessDenied),
        (404, HTML, b"<html>", errors.UnknownTarget),
        (404, JSON, b'{"message": "no such path"}', errors.NotOurWorker),
        (302, HTML, b"", errors.NotOurWorker),
        (400, JSON, b'{"message": "bad payload"}', errors.NotOurWorker),
        (405, JSON, b'{"message": "POST"}', errors.NotOurWorker),
        (413, JSON, b'{"message": "large"}', errors.NotOurWorker),
        (429, JSON, b'{"message": "full"}', errors.Throttled),
        (429, HTML, b"Rate exceeded.", errors.Throttled),
        (500, HTML, b"The request was aborted because there was no available instance.", errors.ColdStartTimedOut),
        (503, HTML, b"The request was aborted because there was no available instance.", errors.ColdStartTimedOut),
        (500, HTML, b"Internal Server Error", errors.ProviderFailed),
        (500, JSON, b'{"message": "a defect"}', errors.WorkerLost),
        (502, HTML, b"", errors.Crashed),
        (503, HTML, b"malformed or connection to the instance had an error", errors.Crashed),
        (504, HTML, b"upstream request timeout", errors.TimedOut),
        (200, HTML, b"hello", errors.Garbled),
    ],
)
def test_what_cloud_run_answers_in_a_workers_place(status, headers, body, kind):
    with pytest.raises(errors.TargetError) as caught:
        service_reply(status, headers, body, WHERE, "https://x")
    assert type(caught.value) is kind


@pytest.mark.parametrize(("header", "seconds"), [("9", 9.0), ("Wed, 21 Oct 2026 07:28:00 GMT", None), ("nan", None)])
def test_a_service_says_when_to_come_back(header, seconds):
    with pytest.raises(errors.Throttled) as caught:
        service_reply(429, {"Retry-After": header}, b"", WHERE, "https://x")
    assert caught.value.retry_after == seconds


def test_a_message_says_what_where_and_what_to_do():
    error = errors.OutOfMemory("it was killed", where="Lambda function f", remedy="give it more memory")
    assert str(error) == "Lambda function f: it was killed; give it more memory"
    reply = errors.as_reply(error)
    assert reply.exitCode == ExitCode.EXHAUSTED
    assert reply.result == {"error": "OutOfMemory", "remedy": "give it more memory"}
    assert errors.as_reply(errors.Garbled("x", where="y")).exitCode == ExitCode.RETRYABLE


def test_a_missing_extra_names_itself():
    assert "pip install 'helios-render[aws]'" in str(errors.MissingExtra("aws", where="Lambda function f"))


def leaves(kind: type[errors.TargetError]) -> set[type[errors.TargetError]]:
    below = kind.__subclasses__()
    return {leaf for each in below for leaf in leaves(each)} if below else {kind}


def test_every_kind_belongs_to_one_of_the_five():
    five = (errors.NoCapacity, errors.Unusable, errors.WorkerLost, errors.Unseen, errors.BadAnswer)
    assert set(errors.TargetError.__subclasses__()) == set(five)
    for leaf in leaves(errors.TargetError):
        assert sum(issubclass(leaf, each) for each in five) == 1
        assert leaf.__name__ in (errors.__doc__ or "")
