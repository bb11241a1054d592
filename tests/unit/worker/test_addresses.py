"""Which addresses pages and downloads may reach, in every spelling that a resolver takes."""

import socket
import subprocess
import sys

import pytest

from helios_worker.errors import NetworkTrouble, UserError
from helios_worker.network.addresses import AddressForbidden, AddressRule
from helios_worker.network.connections import addresses_of, connect

STRANGERS, AUTHORS = AddressRule(loopback=False), AddressRule(loopback=True)

THIS_MACHINE = [
    "127.0.0.1",
    "127.0.0.2",
    "127.255.255.254",
    "127.1",
    "127.0.1",
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "0x7F.0.0.0x1",
    "017700000001",
    "0177.0.0.1",
    "0177.1",
    "00000177.0.0.01",
    "0.0.0.0",
    "0",
    "0x0",
    "::1",
    "0:0:0:0:0:0:0:1",
    "::",
    "::ffff:127.0.0.1",
    "::ffff:7f00:1",
    "::ffff:0:127.0.0.1",
    "::127.0.0.1",
    "64:ff9b::127.0.0.1",
    "64:ff9b:1::7f00:1",
    "2002:7f00:1::",
    "localhost",
    "LOCALHOST",
    "localhost.",
    "app.localhost",
    "a.b.LocalHost.",
]
LINK_LOCAL = [
    "169.254.169.254",
    "169.254.169.254.",
    "169.254.0.1",
    "169.254.170.2",
    "169.254.170.23",
    "2852039166",
    "0xa9fea9fe",
    "0xa9.0xfe.0xa9.0xfe",
    "169.16689662",
    "169.254.43518",
    "0251.0376.0251.0376",
    "025177524776",
    "::ffff:169.254.169.254",
    "::ffff:a9fe:a9fe",
    "64:ff9b::a9fe:a9fe",
    "2002:a9fe:a9fe::1",
    "2001:0:a9fe:a9fe::1",
    "2001::5601:5601",  # Teredo: the client's address is written inverted
    "fe80::1",
    "febf::1",
    "fd00:ec2::254",
    "fd00:0ec2:0:0:0:0:0:254",
    "fd00:ec2::23",
    "fd20:ce::254",
    "100.100.100.200",
    "0x646464c8",
    "168.63.129.16",
    "2822734096",
    "::ffff:168.63.129.16",
    "192.0.0.192",
    "224.0.0.251",
    "ff02::fb",
    "255.255.255.255",
]
METADATA_NAMES = [
    "metadata.google.internal",
    "METADATA.google.internal.",
    "metadata",
    "metadata.goog",
    "instance-data.ec2.internal",
]
OPEN = ["10.0.0.1", "172.16.0.1", "192.168.1.1", "93.184.215.14", "100.64.0.1", "2606:2800:21f::1", "fd12:3456::1"]


def refused(rule: AddressRule, host: str, port: int = 80) -> str:
    """Why a connection to a host would be refused; "" if it would not."""
    try:
        rule.check(host, port, addresses_of(host))
    except AddressForbidden as error:
        return error.message
    except NetworkTrouble as error:  # not even this machine's resolver takes it for an address
        return error.message
    return ""


@pytest.mark.parametrize("host", THIS_MACHINE)
def test_this_machine_is_for_its_authors_alone(host: str):
    assert refused(STRANGERS, host)
    assert not refused(AUTHORS, host)


@pytest.mark.parametrize("host", LINK_LOCAL)
def test_metadata_and_link_local_are_for_nobody(host: str):
    assert refused(STRANGERS, host)
    assert refused(AUTHORS, host)


@pytest.mark.parametrize("host", METADATA_NAMES)
@pytest.mark.parametrize("rule", [STRANGERS, AUTHORS], ids=["strangers", "authors"])
def test_names_of_metadata_services(rule: AddressRule, host: str):
    with pytest.raises(AddressForbidden, match="the name of a metadata service"):
        rule.check(host, 80, ["93.184.215.14"])


@pytest.mark.parametrize("host", METADATA_NAMES)
def test_the_name_of_a_metadata_service_that_nobody_knows_here(host: str, monkeypatch: pytest.MonkeyPatch):
    def nobody(*_: object, **__: object) -> list[object]:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    monkeypatch.setattr(socket, "getaddrinfo", nobody)
    with pytest.raises(AddressForbidden, match="the name of a metadata service"):
        connect(host, 80, STRANGERS)


@pytest.mark.parametrize("host", OPEN)
def test_other_networks_are_open(host: str):
    assert not refused(STRANGERS, host)


@pytest.mark.parametrize(
    "addresses",
    [["127.0.0.1"], ["93.184.215.14", "127.0.0.1"], ["10.0.0.1", "::1"], ["::ffff:169.254.169.254"], ["fe80::1"]],
    ids=" ".join,
)
def test_a_name_with_a_forbidden_address(addresses: list[str]):
    """Like nip.io's names, or one of two answers: the next connection would get the other one."""
    with pytest.raises(AddressForbidden, match=r"cdn\.example \(.+\) may not be reached"):
        STRANGERS.check("cdn.example", 443, addresses)


@pytest.mark.parametrize(
    ("exceptions", "host", "port", "is_open"),
    [
        (["localhost:9000"], "localhost", 9000, True),
        (["localhost:9000"], "LOCALHOST.", 9000, True),
        (["localhost:9000"], "localhost", 9001, False),
        (["localhost:9000"], "127.0.0.1", 9000, False),
        (["127.0.0.1:9000"], "127.0.0.1", 9000, True),
        (["127.0.0.1:9000"], "0x7f.1", 9000, True),
        (["127.0.0.1:9000"], "::ffff:127.0.0.1", 9000, True),
        (["127.0.0.1:9000"], "127.0.0.1", 80, False),
        (["[::1]:9000"], "::1", 9000, True),
        (["[::1]:9000"], "::1", 9001, False),
        (["::1"], "::1", 5, True),
        (["169.254.20.0/24"], "169.254.20.7", 80, True),
        (["169.254.20.0/24"], "169.254.21.7", 80, False),
        (["169.254.169.254"], "169.254.169.254", 80, True),
        (["metadata.google.internal"], "metadata.google.internal", 80, True),
        (["127.0.0.0/8", "fe80::/64"], "127.0.0.9", 80, True),
        (["[fe80::]/64"], "fe80::1", 80, True),
        (["localhost"], "app.localhost", 80, False),
    ],
)
def test_exceptions(exceptions: list[str], host: str, port: int, is_open: bool):
    rule = AddressRule(loopback=False, exceptions=exceptions)
    addresses = ["169.254.169.254"] if host.startswith("metadata") else addresses_of(host)
    if is_open:
        rule.check(host, port, addresses)
        return
    with pytest.raises(AddressForbidden):
        rule.check(host, port, addresses)


@pytest.mark.parametrize("entry", ["10.0.0.0/99", "a b", "http://x", "host:0", "host:99999", "[x]:1", "::g", "[1.2]"])
def test_an_exception_that_is_none(entry: str):
    with pytest.raises(UserError, match="in HELIOS_ALLOWED_ADDRESSES is neither a host, host:port nor a network"):
        AddressRule.from_environment(loopback=False, environment={"HELIOS_ALLOWED_ADDRESSES": f"ok.example, {entry}"})


@pytest.mark.parametrize("host", ["", "a..b", "x" * 300, "ä.example", "a\0b", ".", "no such name"])
def test_hosts_that_are_none(host: str):
    with pytest.raises(NetworkTrouble, match="its name is not known"):
        addresses_of(host)


def test_the_machines_own_address_is_this_machine(monkeypatch: pytest.MonkeyPatch):
    """Another one than loopback's, as a pod has: services that listen everywhere are there, too.

    Only a network namespace has such an address for sure, so a process in one of its own asks.
    """
    script = (
        "import subprocess, sys\n"
        "from helios_worker.network.addresses import AddressRule, AddressForbidden\n"
        "for line in ('link set lo up', 'addr add 10.99.0.7/32 dev lo', 'addr add fd12::7/128 dev lo nodad'):\n"
        "    subprocess.run(['ip', *line.split()], check=True)\n"
        "for address in ('10.99.0.7', 'fd12::7', '::ffff:10.99.0.7'):\n"
        "    try: AddressRule(loopback=False).check('x', 80, [address])\n"
        "    except AddressForbidden: print('refused')\n"
        "    AddressRule(loopback=True).check('x', 80, [address])\n"
        "AddressRule(loopback=False).check('x', 80, ['10.99.0.8'])\n"
    )
    namespace = ["unshare", "--map-root-user", "--net"]
    if subprocess.run([*namespace, "true"], capture_output=True, check=False).returncode:
        pytest.skip("no network namespaces here")
    done = subprocess.run([*namespace, sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["refused"] * 3, done.stderr


def test_a_name_is_resolved_once(monkeypatch: pytest.MonkeyPatch):
    """DNS rebinding: the name's second answer is never asked for."""
    listener = socket.create_server(("127.0.0.1", 0))
    answers = iter([["127.0.0.1"], ["169.254.169.254"]])
    monkeypatch.setattr("helios_worker.network.connections.addresses_of", lambda host: next(answers))
    with connect("rebind.example", listener.getsockname()[1], AUTHORS) as connection:
        assert connection.getpeername()[0] == "127.0.0.1"
    with pytest.raises(AddressForbidden):
        connect("rebind.example", listener.getsockname()[1], AUTHORS)
    listener.close()
