"""Headers for a page's own server: whose they are, and that nothing shows a value."""

import pytest

from helios_worker.capture.content.header_sender import HeaderSender
from helios_worker.capture.devtools.cdp import Message
from helios_worker.errors import UserError
from helios_worker.network.origin_headers import OriginHeaders, origin_of

SECRET = "planted-7Zq"
URL = "https://films.example/a"
HEADERS = OriginHeaders.to(URL, [("X-Key", SECRET)], [("session", SECRET)], key=b"k" * 32)


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://Films.Example/a?b#c", ("https", "films.example", 443)),
        ("http://films.example:443/", ("http", "films.example", 443)),
        ("http://[::1]:3000/", ("http", "::1", 3000)),
        ("https://bücher.example/", ("https", "xn--bcher-kva.example", 443)),
        ("https://user:password@films.example/", ("https", "films.example", 443)),
        ("file:///page.html", None),
        ("/page.html", None),
        ("http://films.example:x/", None),
        ("null", None),
        ("://", None),
    ],
)
def test_origins(url, origin):
    assert origin_of(url) == origin


@pytest.mark.parametrize(
    ("url", "is_theirs"),
    [
        ("https://films.example/other", True),
        ("https://films.example:443/", True),
        ("http://films.example/", False),
        ("https://films.example:8443/", False),
        ("https://a.films.example/", False),
        ("https://films.example.evil.example/", False),
        ("https://films.example@evil.example/", False),
        ("data:text/html,", False),
    ],
)
def test_whose_they_are(url, is_theirs):
    assert HEADERS.belong_to(url) is is_theirs


@pytest.mark.parametrize(
    ("headers", "cookies", "says"),
    [
        ([("X-Key", SECRET), ("x-key", SECRET)], [], "the header x-key is given twice"),
        ([], [("a", SECRET), ("a", "2")], "the cookie a is given twice"),
        ([("X-Key", SECRET * 2000)], [], "too many"),
    ],
)
def test_what_is_too_much(headers, cookies, says):
    with pytest.raises(UserError, match=says) as refused:
        OriginHeaders.to(URL, headers, cookies)
    assert SECRET not in str(refused.value)


def test_a_page_that_is_a_file_has_no_server():
    with pytest.raises(UserError, match="the page is not on one"):
        OriginHeaders.to("/page.html", [("X-Key", SECRET)])
    assert not OriginHeaders.to("/page.html", [])


def test_nothing_shows_a_value():
    assert SECRET not in f"{HEADERS!r} {HEADERS}"


def test_identities():
    """They depend on each value and on the key, which nobody guesses; without a key they are new each time."""

    def identity(value: str = SECRET, key: bytes | None = b"k" * 32, url: str = URL) -> str:
        return OriginHeaders.to(url, [("X-Key", value)], key=key).identity

    assert identity() == identity()
    assert len({identity(), identity("other"), identity(key=b"j" * 32), identity(url="https://b.example")}) == 4
    assert identity(key=None) != identity(key=None)
    two = [("A", "1"), ("B", "2")]
    assert OriginHeaders.to(URL, two, key=b"k").identity == OriginHeaders.to(URL, two[::-1], key=b"k").identity


def test_from_one_process_to_another():
    assert OriginHeaders.from_json(HEADERS.to_json()) == HEADERS


def test_what_the_page_and_its_server_say_comes_first():
    assert dict(HEADERS.added_to({"accept": "*/*"})) == {
        "accept": "*/*",
        "X-Key": SECRET,
        "cookie": f"session={SECRET}",
    }
    assert HEADERS.added_to({"x-key": "own", "cookie": "a=1; session=newer"}) == [
        ("x-key", "own"),
        ("cookie", "a=1; session=newer"),
    ]


def paused(url: str, frame: str = "main", kind: str = "Fetch", number: str = "1.0", before: str = "") -> Message:
    redirected = {"redirectedRequestId": before} if before else {}
    return {"request": {"url": url}, "frameId": frame, "resourceType": kind, "requestId": number, **redirected}


def test_who_gets_them():
    sender = HeaderSender(HEADERS)
    assert sender.is_for(paused(URL, kind="Document"))
    assert not sender.is_for(paused("https://evil.example/"))
    assert not sender.is_for(paused("https://evil.example/", number="2.1", before="2.0"))
    assert not sender.is_for(paused(URL, number="2.2", before="2.1")), "a redirect there and back"
    assert sender.is_for(paused(URL, number="3.1", before="3.0")), "a redirect at home"
    sender.events["Page.frameAttached"]({"frameId": "child", "parentFrameId": "main"})
    sender.events["Page.frameAttached"]({"frameId": "grandchild", "parentFrameId": "child"})
    assert sender.is_for(paused(URL, frame="grandchild"))
    sender.is_for(paused("https://evil.example/", frame="child", kind="Document"))
    assert not sender.is_for(paused(URL, frame="child")), "known before the document can ask"
    assert not sender.is_for(paused(URL, frame="grandchild"))
    sender.events["Page.frameNavigated"]({"frame": {"id": "child", "url": URL}})
    assert sender.is_for(paused(URL, frame="grandchild"))
    context = {"origin": "://", "auxData": {"isDefault": True, "frameId": "child"}}
    sender.events["Runtime.executionContextCreated"]({"context": context})
    assert not sender.is_for(paused(URL, frame="child")), "in a sandbox"
    assert sender.stray_page == ""
    sender.is_for(paused("https://login.example/", kind="Document", number="4.1", before="4.0"))
    assert sender.stray_page == "https://login.example/"
