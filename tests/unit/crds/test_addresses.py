"""Addresses of stores: what is read, and what is refused because two readers could read it in two ways."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helios_crds.addresses import InvalidAddress, StoreAddress, is_allowed, is_artifact, shown


@pytest.mark.parametrize(
    ("text", "parts", "folder"),
    [
        ("s3://media", ("s3", "media", ()), "s3://media/"),
        ("s3://media/", ("s3", "media", ()), "s3://media/"),
        ("s3://media/a b/ü.mp4", ("s3", "media", ("a b", "ü.mp4")), "s3://media/a b/ü.mp4/"),
        ("s3a://media/a", ("s3", "media", ("a",)), "s3://media/a/"),
        ("azure://media/a/", ("az", "media", ("a",)), "az://media/a/"),
        ("az://$web/a", ("az", "$web", ("a",)), "az://$web/a/"),
        ("gs://my_films.example/a@2x", ("gs", "my_films.example", ("a@2x",)), "gs://my_films.example/a@2x/"),
        ("file:///", ("file", "", ()), "file:///"),
        ("file:///a%20b/100%25", ("file", "", ("a b", "100%")), "file:///a%20b/100%25/"),
        ("file:///a b", ("file", "", ("a b",)), "file:///a%20b/"),
        ("file:///%252e%252e/a", ("file", "", ("%2e%2e", "a")), "file:///%252e%252e/a/"),
        ("/films/a..b/...", ("file", "", ("films", "a..b", "...")), "file:///films/a..b/.../"),
        ("memory:///a", ("memory", "", ("a",)), "memory:///a/"),
    ],
)
def test_reading(text, parts, folder):
    address = StoreAddress.parse(text)
    assert ((address.scheme, address.bucket, address.names), address.folder) == (parts, folder)
    assert StoreAddress.parse(address.url) == StoreAddress.parse(folder) == address


REFUSED = {
    "nothing": "",
    "a relative path": "artifacts/x",
    "a relative address": "file:artifacts",
    "one slash": "file:/etc",
    "no slash": "s3:media/a",
    "a host": "file://host/etc",
    "this host": "file://localhost/etc",
    "a drive": "file://c:/a",
    "a query that ends in steps up": "file:///artifacts/..?x",
    "a query": "s3://media/artifacts?x=/..",
    "a query in the place of the path": "s3://media?prefix=a",
    "an empty query": "s3://media/a?",
    "a fragment": "s3://media/a#/../b",
    "steps up": "s3://media/artifacts/../secrets",
    "steps up at the end": "file:///artifacts/..",
    "steps up from the top": "file:///../etc",
    "a step nowhere": "s3://media/./a",
    "steps up, escaped": "file:///artifacts/%2e%2e/etc",
    "steps up, half escaped": "file:///artifacts/.%2E/etc",
    "steps up, escaped, in a bucket": "s3://media/artifacts/%2e%2e/secrets",
    "an escaped slash": "file:///artifacts/a%2fb",
    "steps up, by escaped slashes": "file:///artifacts%2f..%2fetc",
    "an escaped backslash": "file:///artifacts/..%5Cetc",
    "an escaped NUL": "file:///artifacts/a%00b",
    "an escaped line feed": "file:///artifacts/a%0ab",
    "half an escape": "file:///artifacts/100%",
    "escapes that are not UTF-8": "file:///artifacts/%c0%ae%c0%ae/",
    "an escape in a bucket": "s3://media/a%20b",
    "a backslash": "s3://media\\@evil/a",
    "a backslash as a slash": "file:///artifacts/..\\..\\etc",
    "a plain path with steps up": "/artifacts/../etc",
    "a plain path with NUL": "/artifacts/a\0b",
    "two slashes": "s3://media//a",
    "two slashes at the end": "s3://media/a//",
    "four slashes": "file:////etc/passwd",
    "a user": "s3://user@media/a",
    "a user and a password": "s3://AKIA:secret@media/a",
    "an account": "abfss://films@account.dfs.core.windows.net/a",
    "a port": "s3://media:9000/a",
    "an address of IPv6": "s3://[::1]/a",
    "a broken address of IPv6": "s3://[::1/a",
    "no bucket": "s3:///artifacts",
    "no bucket and no path": "s3://",
    "a bucket that ends in a dot": "s3://media./a",
    "a bucket of dots": "s3://../a",
    "a bucket with another letter": "s3://mеdia/a",  # noqa: RUF001 - a Cyrillic one
    "a name that ends in a dot": "az://media/a./b",
    "a name that ends in a space": "s3://media/a /b",
    "a space before it": " s3://media/a",
    "a space after it": "s3://media/a ",
    "a space in the bucket": "s3://me dia/a",
    "a line feed after it": "s3://media/a\n",
    "a tab in a step up": "s3://media/artifacts/.\t./secrets",
    "a tab in the scheme": "s\t3://media/a",
    "a carriage return": "s3://media/a\rb",
    "a line separator": "s3://media/a\u2028b",
    "a control character of the second set": "s3://media/a\x9bb",
    "half a character": "s3://media/a\ud800",
    "upper case": "S3://media/a",
    "an upper-case file": "FILE:///etc/passwd",
    "another scheme": "ftp://host/a",
    "the web": "https://media.s3.eu-west-1.amazonaws.com/a",
    "a scheme within a scheme": "file:file:///etc",
    "data": "data:text/html,hello",
    "an upper-case alias": "S3A://media/a",
}


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in REFUSED.items()])
def test_what_could_be_read_in_two_ways(text):
    with pytest.raises(InvalidAddress, match=r"is not the address of a store: .+"):
        StoreAddress.parse(text)
    assert not is_allowed(text, ["file:///", "s3://media", "memory:///"])


@pytest.mark.parametrize(
    ("text", "prefix", "allowed"),
    [
        ("s3://media/a/b", "s3://media/a", True),
        ("s3://media/a", "s3://media/a/", True),
        ("s3a://media/a", "s3://media", True),
        ("file:///artifacts/a%62c", "/artifacts", True),
        ("/artifacts/a", "file:///artifacts/", True),
        ("s3://media-private/a", "s3://media", False),
        ("s3://media/ab", "s3://media/a", False),
        ("s3://media", "s3://media/a", False),
        ("gs://media/a", "s3://media", False),
        ("s3://media/A", "s3://media/a", False),
        ("memory:///a", "file:///", False),
        ("s3://media/a", "s3://media/..", False),
        ("s3://media/a", "", False),
    ],
)
def test_a_prefix_is_a_folder(text, prefix, allowed):
    assert is_allowed(text, [prefix]) is allowed


def test_the_way_around():
    film = StoreAddress.parse("s3://media/artifacts/out/a.mp4")
    assert (film.name, film.parent.folder, film.path) == ("a.mp4", "s3://media/artifacts/out/", None)
    top = StoreAddress.parse("file:///")
    assert (top.name, top.parent, top.url, str(top.path)) == ("", top, "file:///", "/")
    assert StoreAddress.parse("s3://media").joined("films", "100%").escaped == "s3://media/films/100%25/"


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\\b", "a\0", "../..", "a\n", "/"])
def test_nothing_is_joined_that_leads_elsewhere(name):
    with pytest.raises(InvalidAddress, match="cannot be the name of a place in s3://media/a/"):
        StoreAddress.parse("s3://media/a").joined("films", name)


@pytest.mark.parametrize(
    ("output", "refused"),
    [
        ("s3://media/a/out/film.mp4", False),
        ("s3://media/a/film.mp4", False),
        ("s3://media/film.mp4", False),
        ("s3://media/a/blobs.mp4", False),
        ("s3://other/a/blobs/film.mp4", False),
        ("s3://media/a/blobs/film.mp4", True),
        ("s3://media/a/jobs/1/job.json", True),
        ("s3a://media/a/chunks", True),
        ("s3://other/a/jobs/1/job.json", True),
        ("s3://other/a/Film.JSON", True),
        ("s3://media/a", True),
        ("s3://media", True),
    ],
)
def test_outputs_among_the_artifacts(output, refused):
    assert is_artifact(StoreAddress.parse(output), StoreAddress.parse("s3://media/a/")) is refused


def test_messages_show_no_secrets():
    assert shown("s3://AKIA:secret@media/a?X-Amz-Signature=1") == "s3://media/a"
    with pytest.raises(
        InvalidAddress, match=r"^s3://media/a is not the address of a store: it contains a [?] or #, .*$"
    ):
        StoreAddress.parse("s3://AKIA:secret@media/a?X-Amz-Signature=1")


@given(st.sampled_from(["file:///artifacts/", "s3://media/", "/artifacts/"]), st.text(max_size=20))
def test_whatever_is_appended_stays_inside_or_is_refused(prefix, text):
    inside = is_allowed(f"{prefix}{text}", [prefix])
    try:
        address = StoreAddress.parse(f"{prefix}{text}")
    except InvalidAddress:
        assert not inside
    else:
        assert inside
        assert not {"", ".", ".."} & set(address.names)
        assert StoreAddress.parse(address.url) == address
