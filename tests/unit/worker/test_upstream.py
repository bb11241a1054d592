"""Connections where the way to the web is a proxy, which looks names up: a small one of the test's own."""

from __future__ import annotations

import base64
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from helios_worker.errors import NetworkTrouble, UserError
from helios_worker.network.addresses import AddressForbidden, AddressRule
from helios_worker.network.connections import connect
from helios_worker.network.download import Download
from helios_worker.network.upstream import upstream_for
from tests.connect_proxy import ConnectProxy, head_of

STRANGERS, AUTHORS = AddressRule(loopback=False), AddressRule(loopback=True)
EARLY = b"the host speaks at once"


class TunnelProxy(ConnectProxy):
    """Notes what it is asked for, and is the host behind the tunnel itself.

    answer: what it sends to a request, with the first bytes of the host behind it. asked: the heads of requests.
    """

    def __init__(self) -> None:
        self.answer = b"HTTP/1.1 200 Connection established\r\nVia: test\r\n\r\n" + EARLY
        super().__init__()

    def serve(self, connection: socket.socket) -> None:
        self.asked.append(head_of(connection))
        connection.sendall(self.answer)


@pytest.fixture(autouse=True)
def no_proxy_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in ("http", "https", "all", "no"):
        monkeypatch.delenv(f"{kind}_proxy", raising=False)
        monkeypatch.delenv(f"{kind.upper()}_PROXY", raising=False)


@pytest.fixture
def upstream(monkeypatch: pytest.MonkeyPatch) -> Iterator[TunnelProxy]:
    """A proxy of this machine, which the environment names."""
    proxy = TunnelProxy()
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
    monkeypatch.setenv("HTTP_PROXY", f"127.0.0.1:{proxy.port}")
    yield proxy
    proxy.close()


@pytest.mark.parametrize(
    ("host", "port", "target"),
    [
        ("www.example.com", 443, "www.example.com:443"),
        ("WWW.Example.com.", 80, "www.example.com:80"),
        ("no_such-name.internal", 8443, "no_such-name.internal:8443"),
        ("10.1.2.3", 443, "10.1.2.3:443"),
        ("0xa.1.2.3", 443, "10.1.2.3:443"),
        ("fd12:3456::1", 443, "[fd12:3456::1]:443"),
    ],
)
@pytest.mark.parametrize("rule", [STRANGERS, AUTHORS], ids=["strangers", "authors"])
def test_a_host_is_reached_through_the_proxy(
    upstream: TunnelProxy, rule: AddressRule, host: str, port: int, target: str
):
    """No name is looked up here, the proxy's own address is not a page's, and no byte of the host is lost."""
    with connect(host, port, rule) as connection:
        assert connection.gettimeout() is None
        assert connection.recv(len(EARLY), socket.MSG_WAITALL) == EARLY
    assert upstream.asked == [f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n"]


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "0x7f.1",
        "127.0.0.1.",
        "localhost",
        "app.localhost",
        "::1",
        "::ffff:127.0.0.1",
        "169.254.169.254",
        "169.254.169.254.",
        "2852039166",
        "64:ff9b::a9fe:a9fe",
        "fe80::1",
        "100.100.100.200",
        "168.63.129.16",
        "fd00:ec2::254",
        "metadata",
        "METADATA.google.internal.",
        "224.0.0.251",
    ],
)
def test_the_rule_holds_for_what_needs_no_name_server(upstream: TunnelProxy, host: str):
    with pytest.raises(AddressForbidden):
        connect(host, 443, STRANGERS)
    assert upstream.asked == []


@pytest.mark.parametrize(
    "host", ["", "a b", "a\r\nX: y", "a\n", "a/b", "a:80", "user@a", "a?", "ä.example", "a\0", "x" * 300, "a:b\r\n"]
)
def test_a_text_that_is_no_host_is_not_sent(upstream: TunnelProxy, host: str):
    with pytest.raises(NetworkTrouble, match="its name is not known"):
        connect(host, 443, AUTHORS)
    assert upstream.asked == []


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::ffff:127.0.0.1"])
def test_this_machine_is_reached_directly(upstream: TunnelProxy, host: str):
    with socket.create_server(("127.0.0.1", 0)) as server:
        connect(host, server.getsockname()[1], AUTHORS).close()
    assert upstream.asked == []


@pytest.mark.parametrize(
    ("answer", "error", "text"),
    [
        (
            "HTTP/1.1 403 Forbidden",
            UserError,
            r"the proxy 127.0.0.1:\d+ of HTTPS_PROXY answered 403 when asked for a.e:443: ",
        ),
        ("HTTP/1.1 405 Not Allowed", UserError, "does not let this connection through"),
        ("HTTP/1.0 407 Login", UserError, r"asks for a login \(407\)"),
        ("HTTP/1.1 502 Bad Gateway", NetworkTrouble, "answered 502"),
        ("HTTP/1.1 503 Unavailable", NetworkTrouble, "answered 503"),
        ("HTTP/1.1 500 Oh", NetworkTrouble, "answered 500"),
        ("HTTP/1.1 429 Slow", NetworkTrouble, "answered 429"),
        ("SSH-2.0-OpenSSH", NetworkTrouble, "is not HTTP"),
        ("HTTP/1.1 2000 OK", NetworkTrouble, "is not HTTP"),
        ("HTTP/1.1 200", None, ""),
    ],
)
def test_what_the_proxy_answers(upstream: TunnelProxy, answer: str, error: type[Exception] | None, text: str):
    upstream.answer = f"{answer}\r\nX: y\r\n\r\n".encode()
    if error is None:
        connect("a.e", 443, STRANGERS).close()
        return
    with pytest.raises(error, match=text):
        connect("a.e", 443, STRANGERS)


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\n", b"x" * 70_000], ids=["none", "half", "endless"])
def test_an_answer_without_an_end(upstream: TunnelProxy, answer: bytes):
    upstream.answer = answer
    with pytest.raises(NetworkTrouble, match=r"the proxy 127.0.0.1:\d+ of HTTPS_PROXY failed: "):
        connect("a.e", 443, STRANGERS)


def test_a_proxy_that_is_not_there(monkeypatch: pytest.MonkeyPatch):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{port}")
    with pytest.raises(NetworkTrouble, match=f"the proxy 127.0.0.1:{port} of HTTPS_PROXY cannot be reached: nothing"):
        connect("a.e", 443, STRANGERS)


def test_a_login_is_sent_and_never_shown(upstream: TunnelProxy, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HTTPS_PROXY", f"http://me:p%40ss@127.0.0.1:{upstream.port}")
    connect("a.e", 443, STRANGERS).close()
    assert f"Proxy-Authorization: Basic {base64.b64encode(b'me:p@ss').decode()}\r\n" in upstream.asked[0]
    upstream.answer = b"HTTP/1.1 407 Login\r\n\r\n"
    with pytest.raises(UserError) as caught:
        connect("a.e", 443, STRANGERS)
    assert "ss@" not in str(caught.value)
    assert "p@ss" not in repr(upstream_for("a.e", 443))


@pytest.mark.parametrize(
    ("environment", "host", "port", "variable"),
    [
        ({}, "a.e", 443, None),
        ({"HTTPS_PROXY": "p:1"}, "a.e", 443, "HTTPS_PROXY"),
        ({"https_proxy": "p:1"}, "a.e", 443, "HTTPS_PROXY"),
        ({"HTTPS_PROXY": "p:1"}, "a.e", 80, None),
        ({"HTTP_PROXY": "p:1"}, "a.e", 80, "HTTP_PROXY"),
        ({"HTTP_PROXY": "p:1"}, "a.e", 443, "HTTP_PROXY"),
        ({"HTTP_PROXY": "p:1", "HTTPS_PROXY": "p:2"}, "a.e", 8080, "HTTPS_PROXY"),
        ({"ALL_PROXY": "p:1"}, "a.e", 80, "ALL_PROXY"),
        ({"HTTPS_PROXY": "p:1", "NO_PROXY": "b.e, a.e"}, "a.e", 443, None),
        ({"HTTPS_PROXY": "p:1", "NO_PROXY": ".e"}, "a.e", 443, None),
        ({"HTTPS_PROXY": "p:1", "NO_PROXY": "a.e:443"}, "a.e", 443, None),
        ({"HTTPS_PROXY": "p:1", "NO_PROXY": "a.e:443"}, "a.e", 8443, "HTTPS_PROXY"),
        ({"HTTPS_PROXY": "p:1", "NO_PROXY": "10.0.0.1"}, "10.0.0.1", 443, None),
        ({"HTTPS_PROXY": "p:1", "NO_PROXY": "[fd12::1]"}, "fd12::1", 443, None),
        ({"HTTPS_PROXY": "p:1", "no_proxy": "*"}, "a.e", 443, None),
    ],
)
def test_which_proxy(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], host: str, port: int, variable: str | None
):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    found = upstream_for(host, port)
    assert (found.variable if found else None) == variable


@pytest.mark.parametrize("text", ["socks5://me:secret@p:1", "https://me:secret@p", "http://", "http://me:secret@p:x"])
def test_a_proxy_of_another_kind(monkeypatch: pytest.MonkeyPatch, text: str):
    monkeypatch.setenv("HTTPS_PROXY", text)
    with pytest.raises(UserError, match="HTTPS_PROXY does not name an HTTP proxy; write it as HTTPS_PROXY=") as caught:
        connect("a.e", 443, STRANGERS)
    assert "secret" not in str(caught.value)


def test_a_host_that_needs_no_proxy_is_looked_up_and_checked(upstream: TunnelProxy, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("NO_PROXY", "nowhere.invalid")
    with pytest.raises(NetworkTrouble, match=r"its name is not known|the name server does not answer"):
        connect("nowhere.invalid", 443, STRANGERS)
    assert upstream.asked == []


def test_a_download_through_the_proxy(upstream: TunnelProxy, tmp_path: Path):
    upstream.answer = b"HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nsite"
    url = "http://films.example/site.zip"
    Download(url=url, shown=url, what="archive", limit=100, rule=STRANGERS).save(tmp_path / "site.zip")
    assert (tmp_path / "site.zip").read_bytes() == b"site"
    upstream.answer = b"HTTP/1.1 403 No\r\n\r\n"
    with pytest.raises(
        UserError, match=r"fetching http://films.example/site.zip: the proxy 127.0.0.1:\d+ of HTTP_PROXY"
    ):
        Download(url=url, shown=url, what="archive", limit=100, rule=STRANGERS).save(tmp_path / "site.zip")
