"""Headers as users write them: what is one, what a Secret or a file allows, and that no message shows a value."""

from pathlib import Path

import pytest

from helios_crds.remedies import in_spec
from helios_crds.wire import ExitCode
from helios_worker.entrypoints.one_shot import answer
from helios_worker.entrypoints.process import _parser
from helios_worker.errors import UserError
from helios_worker.network.given_headers import cookie_in, cookies_in, header_in, origins_in, read_headers

SECRET = "planted-7Zq"
URL = "https://films.example/a"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (f"{SECRET}", "there is no colon in it"),
        (f": {SECRET}", "has no name"),
        (f"X Key: {SECRET}", "has no name"),
        ("Authorization:", "the header Authorization has no value"),
        (f"X-Key: {SECRET}\r\nHost: evil", "has a character that headers cannot carry"),
        (f"X-Key: {SECRET}ä", "has a character that headers cannot carry"),
        (f"Accept-Language: {SECRET}", "the page's language"),
        *(
            (f"{name}: {SECRET}", f"the browser itself writes the header {name}")
            for name in (
                "Host",
                "content-length",
                "Connection",
                "Transfer-Encoding",
                "Origin",
                "Referer",
                "Sec-Fetch-Site",
            )
        ),
    ],
)
def test_what_is_no_header(text, says):
    with pytest.raises(UserError, match=says) as refused:
        header_in(text, "--header")
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize("text", ["{}", "={}", "a b={}", "a={};b", "a={} x", "a={}\n"])
def test_what_is_no_cookie(text):
    with pytest.raises(UserError, match="cookie") as refused:
        cookie_in(text.format(SECRET), "--cookie")
    assert SECRET not in str(refused.value)


def test_values_stay_as_they_are():
    assert header_in("Authorization:  Bearer a:b==\t", "") == ("Authorization", "Bearer a:b==")
    assert cookies_in('a=1; b="2=x"; c=', "") == [("a", "1"), ("b", '"2=x"'), ("c", "")]


def test_a_file_and_a_secret(tmp_path):
    file = tmp_path / "headers.txt"
    file.write_text("\ufeff# of the preview\n\nAuthorization: Bearer 1\n  Cookie: a=1; b=2\n", encoding="utf-8")
    assert read_headers(file, URL) == ([("Authorization", "Bearer 1")], [("a", "1"), ("b", "2")])
    folder = tmp_path / "secret"
    (folder / "..data").mkdir(parents=True)
    (folder / "..data" / "Authorization").write_text("Bearer 1\n")
    (folder / "Authorization").symlink_to("..data/Authorization")
    (folder / "Cookie").write_text("a=1; b=2")
    assert read_headers(folder, URL) == read_headers(file, URL)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (SECRET, "line 1 of .* is not a header"),
        (f"\nHost: {SECRET}", "line 2 of .*: the browser itself writes the header Host"),
        ("# nothing", "holds no headers"),
        (None, "cannot be read: No such file"),
    ],
)
def test_what_is_no_file_of_headers(tmp_path, text, says):
    file = tmp_path / "headers.txt"
    if text is not None:
        file.write_text(text)
    with pytest.raises(UserError, match=says) as refused:
        read_headers(file, URL)
    assert SECRET not in str(refused.value)


def secret(folder: Path, **keys: str) -> Path:
    """A Secret as a cluster mounts it."""
    folder.mkdir(exist_ok=True)
    for name, value in keys.items():
        (folder / name).write_text(value)
    return folder


@pytest.mark.parametrize(
    ("origin", "is_allowed"),
    [
        ("https://films.example", True),
        ("https://FILMS.example:443/\n", True),
        ("https://a.example, https://films.example", True),
        ("https://a.example\nhttps://films.example", True),
        ("http://films.example", False),
        ("https://films.example:8443", False),
        ("https://a.films.example", False),
        ("https://example", False),
        ("", False),
    ],
)
def test_a_secret_goes_only_where_it_says(tmp_path, origin, is_allowed):
    folder = secret(tmp_path / "secret", origin=origin, Authorization=SECRET)
    if is_allowed:
        assert read_headers(folder, URL, must_allow=True) == ([("Authorization", SECRET)], [])
        return
    with pytest.raises(
        UserError, match=r"may not be sent to https://films\.example: its origin names other"
    ) as refused:
        read_headers(folder, URL, must_allow=True)
    text = f"{refused.value.message}; {in_spec(refused.value.remedy)}"
    assert text.endswith(
        "add https://films.example to the origin in the Secret that spec.composition.headersFrom names"
    )
    assert origin == "" or origin not in text


@pytest.mark.parametrize("origin", ["*", "films.example", "https://", "https://*", "https://films.example/a",
                                    "https://films.example@evil.example", "https://films.example\\@evil.example",
                                    "ftp://films.example", "null"])  # fmt: skip
def test_what_is_no_origin(tmp_path, origin):
    folder = secret(tmp_path / "secret", origin=origin, Authorization=SECRET)
    with pytest.raises(UserError, match=r"is not an origin|its origin names other"):
        read_headers(folder, "https://evil.example/", must_allow=True)


def test_a_secret_that_names_no_origin_goes_nowhere(tmp_path):
    """Nor does the message name a key of it, also where its keys are no headers: it was not meant to be read here."""
    folder = secret(tmp_path / "secret", **{"tls.key": f"{SECRET}\n{SECRET}", "Host": "x"})
    options = _parser().parse_args(
        ["plan", "file:///nowhere/requests/a.json", "--headers-from", str(folder), "--headers-to", URL]
    )
    reply = answer(options)
    assert reply.exitCode == ExitCode.USER_ERROR
    assert reply.result is not None
    said = f"{reply.stderr} {reply.result}"
    assert "does not say which server may be sent them, so none is" in said
    assert "add the key origin with the value https://films.example to the Secret" in in_spec(reply.result["remedy"])
    assert not {"tls.key", "Host", SECRET} & set(said.replace(":", " ").split())


def test_a_file_of_the_command_line_need_not_name_its_server(tmp_path):
    file = tmp_path / "headers.txt"
    file.write_text(f"Authorization: {SECRET}\n")
    assert read_headers(file, URL) == ([("Authorization", SECRET)], [])
    file.write_text(f"Origin: https://a.example\nAuthorization: {SECRET}\n")
    assert read_headers(file, "https://a.example/film/") == ([("Authorization", SECRET)], [])
    with pytest.raises(UserError, match=r"headers.txt may not be sent to https://films\.example"):
        read_headers(file, URL)


def test_origins_are_told_apart_by_commas_and_spaces():
    assert origins_in(" https://a.example,http://[::1]:3000/ \n", "") == [
        ("https", "a.example", 443),
        ("http", "::1", 3000),
    ]


def test_a_file_without_end_is_refused():
    with pytest.raises(UserError, match="too large for headers"):
        read_headers(Path("/dev/zero"), URL)
