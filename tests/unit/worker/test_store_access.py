"""How a store is opened: by which environment, with which timeouts, and what its errors become."""

from datetime import timedelta

import pytest
from obstore.exceptions import GenericError, PermissionDeniedError

from helios_worker.artifacts.access import StoreTimeouts, client_options
from helios_worker.artifacts.errors import AccessDenied, BadCredentials, StoreError, StoreResponse, explain, redacted
from helios_worker.artifacts.store import ArtifactStore
from helios_worker.errors import UserError


def error(text: str, kind: type[Exception] = GenericError) -> Exception:
    return kind(text)


def test_patience_is_the_environments():
    assert StoreTimeouts.of({}) == StoreTimeouts()
    told = StoreTimeouts.of({"HELIOS_STORE_STALL_SECONDS": "2.5", "HELIOS_STORE_RETRY_SECONDS": "600"})
    assert (told.connect, told.stall, told.retry) == (2.5, 2.5, 600)
    assert told.retries["retry_timeout"] == timedelta(minutes=10)


@pytest.mark.parametrize("text", ["soon", "0", "-1", "nan", "inf", "1e9"])
def test_what_is_no_time_is_refused(text):
    with pytest.raises(UserError, match=f"HELIOS_STORE_RETRY_SECONDS is {text}, not a number of seconds"):
        StoreTimeouts.of({"HELIOS_STORE_RETRY_SECONDS": text})


@pytest.mark.parametrize(
    ("scheme", "environment", "options"),
    [
        ("s3", {"AWS_ALLOW_HTTP": "true"}, {"allow_http": True}),
        ("s3", {"AWS_ALLOW_HTTP": "false"}, {}),
        ("s3", {"GOOGLE_ALLOW_HTTP": "true"}, {}),
        ("gs", {"GOOGLE_ALLOW_HTTP": "1"}, {"allow_http": True}),
        ("az", {"AZURE_ALLOW_HTTP": "TRUE"}, {"allow_http": True}),
        ("s3", {"AWS_PROXY_URL": "http://proxy"}, {"proxy_url": "http://proxy"}),
    ],
)
def test_what_the_environment_says_of_the_line(scheme, environment, options):
    """obstore itself looks there only where it is given no options at all, and it is given time limits."""
    found = client_options(scheme, environment, StoreTimeouts())
    assert {name: value for name, value in found.items() if "timeout" not in name} == options
    assert found["read_timeout"] == timedelta(seconds=60)


def test_certificates_of_ones_own(tmp_path):
    (tmp_path / "ca.pem").write_bytes(b"certificates")
    assert client_options("s3", {"AWS_CA_BUNDLE": str(tmp_path / "ca.pem")}, StoreTimeouts())["root_certificate"]
    with pytest.raises(UserError, match=r"the certificates in .*gone.pem cannot be read: No such file"):
        client_options("s3", {"AWS_CA_BUNDLE": str(tmp_path / "gone.pem")}, StoreTimeouts())


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("s3://KEY:SECRETPART@media/x", "names a user or a key before an @"),
        ("az://films/x?sig=SECRETPART", r"contains a \? or #"),
        ("gs://films/x#SECRETPART", r"contains a \? or #"),
    ],
)
def test_an_address_carries_no_secret(url, said):
    with pytest.raises(UserError, match=f"{said}, .* belong in the environment") as refused:
        ArtifactStore(url)
    assert "SECRETPART" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("see https://h/x?X-Amz-Signature=abc now", "see https://h/x?… now"),
        ("at https://me:password@h/x", "at https://…@h/x"),
        ("Authorization: Bearer abc.def", "Authorization: Bearer …"),
        ("sv=1&sig=abc", "sv=1&sig=…"),
        ("key is topsecretvalue.", "key is …."),
        ("read /run/token-of-mine", "read /run/token-of-mine"),
        ("bucket media, key a/b.mp4", "bucket media, key a/b.mp4"),
    ],
)
def test_what_nobody_should_read(text, clean, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "topsecretvalue")
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", "/run/token-of-mine")
    assert redacted(text) == clean


S3_REFUSAL = (
    "The operation lacked the necessary privileges to complete for path k: Error performing PUT https://h/b/k in 2ms - "
    "Server returned non-2xx status code: 403 Forbidden: <?xml version='1.0'?><Error><Code>AccessDenied</Code><Message>"
    "User: arn:aws:iam::1:user/a is not authorized &amp; so on.</Message><RequestId>1</RequestId></Error>"
)


def test_of_an_answer_its_status_code_and_sentence():
    answer = StoreResponse.of(error(S3_REFUSAL, PermissionDeniedError))
    assert str(answer) == "403 AccessDenied: User: arn:aws:iam::1:user/a is not authorized & so on"
    assert not answer.is_lost
    assert not answer.is_passing


def test_azures_sentence_ends_before_its_request():
    text = "status code: 403 Forbidden: <Error><Code>A</Code><Message>Denied.\nRequestId:1\nTime:2</Message></Error>"
    assert str(StoreResponse.of(error(text))) == "403 A: Denied"


def test_nothing_that_a_store_says_controls_a_terminal():
    attack = "\x1b]0;owned\x07\x1b[2J&#27;gone\r\n&#x202e;txt"
    text = f"... status code: 403 ... <Error><Code>A</Code><Message>{attack}</Message></Error>"
    assert str(StoreResponse.of(error(text))) == "403 A: gone txt"
    raw = explain("reading s3://b/k", error("Generic S3 error: \x1b]0;owned\x07\x1b[31mred\nsecond"))
    assert "red second" in str(raw)
    assert str(raw).isprintable()


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (S3_REFUSAL, AccessDenied),
        ("Error performing GET https://h/b/k in 1ms - status code: 401 Unauthorized: ", BadCredentials),
        ("Error performing PUT http://169.254.169.254/latest/api/token in 1s - error sending request", BadCredentials),
        ("Error performing GET http://meta/computeMetadata/v1/x in 1s - error sending request", BadCredentials),
        ("Generic S3 error: Error performing POST REDACTED in 1ms - status code: 403 Forbidden", BadCredentials),
        ("Generic S3 error: Missing SecretAccessKey", BadCredentials),
        ("Error performing GET https://h/oauth2/credential/token in 1ms - error sending request", StoreError),
        ("Generic S3 error: something new", StoreError),
    ],
)
def test_what_an_error_is(text, kind):
    found = explain("reading s3://b/k", error(text))
    assert type(found) is kind
    assert str(found).startswith("reading s3://b/k: ")
    assert "REDACTED" not in str(found)


def test_an_error_of_ours_is_left_as_it_is():
    ours = StoreError("in words")
    assert explain("reading", ours) is ours
