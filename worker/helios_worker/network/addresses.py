"""Which addresses pages and downloads may reach.

The machine itself, link-local networks and the metadata services of clouds give what they have to whoever asks from
this machine, so a stranger's page must not reach them. Private networks stay open, because a cluster's own services are
there; a network policy closes those. On a command line the machine itself is open, too, for pages of a local server.

HELIOS_ALLOWED_ADDRESSES holds exceptions, separated by commas: hosts, host:port and networks, such as
assets.internal,localhost:9000,[::1]:9000,169.254.20.0/24. A host that is named is allowed whatever its address is.
"""

import os
import re
import socket
from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from helios_worker.errors import UserError

VARIABLE = "HELIOS_ALLOWED_ADDRESSES"
Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

METADATA_NAMES = frozenset(
    {"metadata", "metadata.google.internal", "metadata.goog", "instance-data", "instance-data.ec2.internal"}
    | {"metadata.tencentyun.com", "metadata.platformequinix.com"}
)
"""Names that only a cloud's own resolver knows: refused everywhere with the same sentence."""
METADATA = tuple(
    ip_network(network)
    for network in (
        "169.254.169.254",  # nearly every cloud's
        "fd00:ec2::/32",  # Amazon's services of an instance: metadata, name server, clock, credentials of pods
        "fd20:ce::/64",  # Google
        "100.100.100.200",  # Alibaba
        "168.63.129.16",  # Azure's host
        "192.0.0.192",  # Oracle, before 169.254.169.254
        "fd00:c1::a9fe:a9fe",  # Oracle
        "fd00:42::42",  # Scaleway
    )
)
# Without scope: the machine itself, whatever the address (0.0.0.0 connects to loopback).
_THIS_MACHINE = tuple(ip_network(network) for network in ("127.0.0.0/8", "0.0.0.0/8", "::1", "::"))
_LINK_LOCAL = tuple(ip_network(network) for network in ("169.254.0.0/16", "fe80::/10"))
_NO_HOST = tuple(ip_network(network) for network in ("224.0.0.0/4", "255.255.255.255", "ff00::/8"))
# IPv6 addresses that a router or the kernel turns into the IPv4 address in them; where it begins, in bits from the end.
_CARRIERS = tuple(
    (ip_network(network), bits)
    for network, bits in (
        ("::ffff:0:0/96", 0),
        ("::ffff:0:0:0/96", 0),
        ("::/96", 0),
        ("64:ff9b::/96", 0),
        ("64:ff9b:1::/48", 0),
        ("2002::/16", 80),
    )
)
_TEREDO = IPv6Network("2001::/32")
_BRACKETED = re.compile(r"^\[(.+)\](?=/)")
_ENTRY = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<host>[A-Za-z0-9._*-]+))(?::(?P<port>\d{1,5}))?")


class AddressForbidden(UserError):
    """The worker's owner does not let pages and downloads reach this address."""


class AddressRule:
    """The rule of one worker.

    loopback: whether this machine itself may be reached, as on a command line.
    exceptions: what may be reached in addition; see the module.

    Raises:
        UserError: an exception is neither a host nor a network.
    """

    def __init__(self, *, loopback: bool, exceptions: Iterable[str] = ()) -> None:
        self._loopback = loopback
        self._networks: list[Network] = []
        self._places: set[tuple[str | Address, int | None]] = set()
        for entry in exceptions:
            self._allow(entry)

    @classmethod
    def from_environment(cls, *, loopback: bool, environment: Mapping[str, str] = os.environ) -> "AddressRule":
        """With the exceptions of HELIOS_ALLOWED_ADDRESSES."""
        entries = (entry.strip() for entry in environment.get(VARIABLE, "").split(","))
        return cls(loopback=loopback, exceptions=[entry for entry in entries if entry])

    @property
    def is_of_a_desk(self) -> bool:
        """Whether the worker is its author's own machine, whose files are no secret to the author."""
        return self._loopback

    def check(self, host: str, port: int, addresses: Iterable[str]) -> None:
        """Refuses a host if one of its addresses may not be reached: the next connection might get that one.

        host: as it was asked for. addresses: all that it has now, in any spelling without a scope.

        Raises:
            AddressForbidden: the message says why.
        """
        name = plain_name(host)
        if (name, None) in self._places or (name, port) in self._places:
            return
        if name in METADATA_NAMES:
            raise _refusal(host, "the name of a metadata service")
        for text in addresses:
            address = ip_address(text)
            why = self._objection(address, port)
            if why:
                raise _refusal(host if text == name else f"{host} ({text})", why)

    def _objection(self, address: Address, port: int) -> str:
        """Why an address may not be reached; "" if it may."""
        carried = _carried(address)
        if self._is_excepted(address, port) or (carried and all(self._is_excepted(each, port) for each in carried)):
            return ""
        for each in (address, *carried):
            if _is_in(each, METADATA):
                return "an address of a metadata service"
            if _is_in(each, _LINK_LOCAL):
                return "a link-local address"
            if _is_in(each, _NO_HOST):
                return "no address of one host"
            if not self._loopback and (_is_in(each, _THIS_MACHINE) or _is_own(each)):
                return "an address of the worker's own machine"
        return ""

    def _is_excepted(self, address: Address, port: int) -> bool:
        return (address, None) in self._places or (address, port) in self._places or _is_in(address, self._networks)

    def _allow(self, entry: str) -> None:
        match = _ENTRY.fullmatch(entry)
        try:
            if "/" in entry or (match is None and ":" in entry):
                self._networks.append(ip_network(_BRACKETED.sub(r"\1", entry), strict=False))
                return
            if match is None or int(match["port"] or 1) not in range(1, 65536):
                raise ValueError
            host = plain_name(match["v6"] or match["host"])
            port = int(match["port"]) if match["port"] else None
            self._places.add((_address(host) or host, port))
            if match["v6"]:
                IPv6Address(match["v6"])
        except ValueError:
            raise UserError(
                f"{entry[:100]!r} in {VARIABLE} is neither a host, host:port nor a network",
                remedy="write entries such as assets.internal, localhost:9000, [::1]:9000 or 169.254.20.0/24",
            ) from None


def plain_name(host: str) -> str:
    """A host's name as it is compared: in lower case, without the final dot."""
    return host.lower().rstrip(".")


def is_near(text: str) -> bool:
    """Whether an address means this machine or its own network segment, wherever it is used: no proxy can lead there.

    text: in any spelling without a scope.
    """
    address = ip_address(text)
    return any(_is_in(each, (*_THIS_MACHINE, *_LINK_LOCAL)) or _is_own(each) for each in (address, *_carried(address)))


def _refusal(what: str, why: str) -> AddressForbidden:
    return AddressForbidden(
        f"{what} may not be reached: it is {why}",
        remedy=f"use another address, or have the worker's owner add it to {VARIABLE} (allowedAddresses of a "
        "RenderTarget)",
    )


def _address(text: str) -> Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None


def _is_in(address: Address, networks: Iterable[Network]) -> bool:
    return any(address in network for network in networks)


def _carried(address: Address) -> list[Address]:
    """The IPv4 addresses that an IPv6 address stands for."""
    if isinstance(address, IPv4Address):
        return []
    number = int(address)
    carried: list[Address] = [
        IPv4Address(number >> bits & 0xFFFFFFFF)
        for network, bits in _CARRIERS
        if address in network and number > 1  # :: and ::1 are themselves
    ]
    if address in _TEREDO:
        carried += [IPv4Address(number >> 64 & 0xFFFFFFFF), IPv4Address(~number & 0xFFFFFFFF)]
    return carried


def _is_own(address: Address) -> bool:
    """Whether an address is one of this machine's: then the kernel would connect from that very address."""
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:  # connecting it sends nothing
            probe.connect((str(address), 9))
            return ip_address(str(probe.getsockname()[0]).partition("%")[0]) == address
    except OSError:
        return False  # there is no way to it
