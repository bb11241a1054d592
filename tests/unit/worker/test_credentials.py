"""What of a Secret becomes credentials, and who is not shown any."""

import pytest

from helios_worker.artifacts.credentials import adopt_secret, without_credentials
from helios_worker.errors import UserError

KEYS = {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "key"}


def adopted(secret: dict[str, str], **environment: str) -> dict[str, str]:
    """The environment that comes of one with a Secret."""
    found = {**environment, **{f"HELIOS_SECRET_{name}": value for name, value in secret.items()}}
    adopt_secret(found)
    return found


@pytest.mark.parametrize(
    "secret",
    [
        KEYS,
        {**KEYS, "AWS_REGION": "eu-west-1", "AWS_ENDPOINT_URL": "https://minio.example"},
        {"GOOGLE_SERVICE_ACCOUNT_KEY": "{}"},
        {"AZURE_STORAGE_ACCOUNT_NAME": "films", "AZURE_STORAGE_ACCOUNT_KEY": "key"},
        {"AZURE_STORAGE_ACCOUNT_NAME": "films", "AZURE_STORAGE_SAS_TOKEN": "sig"},
        {**KEYS, "GOOGLE_SERVICE_ACCOUNT_KEY": "{}"},
    ],
)
def test_credentials_are_taken(secret):
    assert adopted(secret, PATH="/bin") == {"PATH": "/bin", **secret}


def test_nothing_else_becomes_a_variable():
    """Or whoever writes a Secret would run what they like in the pod, and see its identity."""
    hostile = {"LD_PRELOAD": "x", "HELIOS_CHROMIUM": "/bin/sh", "PATH": "x", "AWS_STS_ENDPOINT": "https://evil"}
    assert adopted({**KEYS, **hostile}, PATH="/bin") == {"PATH": "/bin", **KEYS}


@pytest.mark.parametrize(
    ("secret", "identity"),
    [
        ({"AWS_ENDPOINT_URL": "https://evil"}, {"AWS_WEB_IDENTITY_TOKEN_FILE": "/token"}),
        ({"AWS_ENDPOINT_URL": "https://evil", "AWS_ACCESS_KEY_ID": "id"}, {}),
        ({"GOOGLE_BASE_URL": "https://evil"}, {}),
        ({"AZURE_STORAGE_ENDPOINT": "https://evil", "AZURE_STORAGE_ACCOUNT_NAME": "films"}, {}),
        ({"username": "someone", "password": "hunter2"}, {}),
    ],
)
def test_an_address_alone_is_not_shown_the_pods_identity(secret, identity):
    environment = {**identity, **{f"HELIOS_SECRET_{name}": value for name, value in secret.items()}}
    with pytest.raises(UserError, match="holds no credentials of a store: its keys are ") as refused:
        adopt_secret(environment)
    assert environment == identity
    assert all(name in str(refused.value) for name in secret)
    assert not any(value in str(refused.value) for value in secret.values())
    assert "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or GOOGLE_SERVICE_ACCOUNT_KEY or AZURE_" in str(refused.value)


def test_they_come_in_the_place_of_others():
    """A key of one and a token of another are nobody's."""
    found = adopted(KEYS, AWS_SESSION_TOKEN="old", AWS_WEB_IDENTITY_TOKEN_FILE="/t", AWS_REGION="eu", GOOGLE_X="1")
    assert found == {**KEYS, "AWS_REGION": "eu", "GOOGLE_X": "1"}


def test_without_a_secret_nothing_changes():
    environment = {"AWS_WEB_IDENTITY_TOKEN_FILE": "/token"}
    adopt_secret(environment)
    assert environment == {"AWS_WEB_IDENTITY_TOKEN_FILE": "/token"}


def test_a_browser_sees_none():
    secret = {"AWS_SECRET_ACCESS_KEY": "1", "GOOGLE_SERVICE_ACCOUNT_KEY": "2", "AZURE_STORAGE_SAS_TOKEN": "3"}
    assert without_credentials({**secret, "HELIOS_SECRET_X": "4", "HOME": "/tmp"}) == {"HOME": "/tmp"}
