"""Which folders of shared stores belong to which namespace, by the prefixes that an admin allows.

An allowed prefix is a folder that holds one folder for each namespace: s3://media/ gives the namespace films
s3://media/films/. A placeholder says where else the name goes: s3://{namespace}-media/. A prefix that only one
namespace may use belongs to it as a whole, and a volume belongs to the namespace of its claim.

Prefixes may lie in each other, in one target or in several. The innermost one that holds an address says whose it is.
So the namespace `artifacts` does not own s3://media/artifacts/ by s3://media/ if others have their folders there.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from helios_crds.addresses import ARTIFACT_FOLDERS, InvalidAddress, StoreAddress
from helios_crds.rendertarget import NAMESPACE, RenderTargetSpec
from helios_operator.model.config import Store

EVERYBODY = "*"
TAKEN = ARTIFACT_FOLDERS | {"out"}
"""Folders that stores of earlier versions have, so they cannot be those of namespaces."""
_STAND_IN = "namespace-stand-in"
_NAME = "([a-z0-9](?:[-a-z0-9]*[a-z0-9])?)"


class NotYours(ValueError):
    """An address that a namespace may not use. The message says why and what it may use."""


@dataclass(frozen=True)
class Area:
    """An allowed prefix.

    base: the folder above the namespaces' folders; with `bucket`, only its scheme counts.
    below: the names after the namespace's own. bucket: a pattern of bucket names that contain a namespace's.
    owner: the namespace to which the whole base belongs; EVERYBODY: to each in a volume of its own; None: shared.
    """

    base: StoreAddress
    below: tuple[str, ...] = ()
    bucket: str = ""
    owner: str | None = None

    @classmethod
    def parse(cls, prefix: str, namespaces: frozenset[str]) -> "Area":
        """Reads an allowed prefix. namespaces: those that may use it.

        Raises:
            InvalidAddress: it is not the address of a store.
        """
        sole = next(iter(namespaces)) if len(namespaces) == 1 else EVERYBODY
        if NAMESPACE not in prefix:
            return cls(StoreAddress.parse(prefix), owner=None if sole == EVERYBODY else sole)
        address = StoreAddress.parse(prefix.replace(NAMESPACE, _STAND_IN))
        if _STAND_IN in address.bucket:
            pattern = re.escape(address.bucket).replace(re.escape(_STAND_IN), _NAME)
            return cls(StoreAddress(address.scheme, ""), address.names, pattern)
        place = address.names.index(_STAND_IN)
        return cls(StoreAddress(address.scheme, address.bucket, address.names[:place]), address.names[place + 1 :])

    def covers(self, address: StoreAddress) -> bool:
        """Whether an address lies in the prefix, in whosever folder."""
        if self.bucket:
            return address.scheme == self.base.scheme and re.fullmatch(self.bucket, address.bucket) is not None
        return address.is_within(self.base)

    def holds(self, address: StoreAddress, namespace: str) -> bool:
        """Whether a covered address is in the namespace's own folder."""
        if self.owner is not None:
            return self.owner in (namespace, EVERYBODY)
        whose, inside = self._split(address)
        return whose == namespace and inside[: len(self.below)] == self.below

    def home(self, address: StoreAddress, namespace: str) -> StoreAddress:
        """The place in the namespace's folder for a covered address outside of it.

        Raises:
            NotYours: there is none.
        """
        if self.owner is not None or self.bucket:
            raise NotYours(f"{address.folder} belongs to another namespace than {namespace}")
        return self.base.joined(namespace, *self.below, *address.names[len(self.base.names) :])

    def _split(self, address: StoreAddress) -> tuple[str, tuple[str, ...]]:
        """Whose folder an address is in, "" if in none; and the names after it."""
        if self.bucket:
            match = re.fullmatch(self.bucket, address.bucket)
            return (match[1] if match else ""), address.names
        inside = address.names[len(self.base.names) :]
        return (inside[0], inside[1:]) if inside and inside[0] not in TAKEN else ("", ())

    @property
    def depth(self) -> tuple[bool, int, bool, int]:
        """Of areas that cover an address, the one with the highest depth decides. A shared one wins over an owned."""
        return (not self.bucket, len(self.base.names), self.owner is None, len(self.below))


class Areas:
    """All allowed prefixes, of all targets and of the operator's own store."""

    def __init__(self, areas: Mapping[str, Area]) -> None:
        self._areas = areas

    @classmethod
    def of(cls, targets: Iterable[RenderTargetSpec], store: Store) -> "Areas":
        """The prefixes of these targets. store: the operator's default one."""
        rules = [(prefix, name) for each in targets for prefix in each.allowedStores or () for name in _users(each)]
        return _areas(frozenset(rules), store)

    def belongs(self, address: StoreAddress, namespace: str) -> bool:
        """Whether an address is in a folder of the namespace."""
        area = self._innermost(address)
        return area is not None and area.holds(address, namespace)

    def home(self, address: StoreAddress, namespace: str) -> StoreAddress:
        """Where a namespace keeps what is meant to be at an address: there, if that is in a folder of its own.

        An address that no prefix covers is returned as it is.

        Raises:
            NotYours: the namespace has no folder there, or others have theirs in it.
        """
        area = self._innermost(address)
        if area is None:
            return address
        home = address if area.holds(address, namespace) else area.home(address, namespace)
        if not self.belongs(home, namespace):
            raise NotYours(
                f"{home.folder} cannot belong to the namespace {namespace}, whose name others use there: "
                f"ask an admin to allow another prefix with {NAMESPACE}"
            )
        for other in self._areas.values():
            if other.base != home and other.base.is_within(home) and not other.bucket:
                raise NotYours(f"in {home.folder} other namespaces may have their folders: use a folder in it")
        return home

    def is_shared(self, address: StoreAddress) -> bool:
        """Whether an address is itself a prefix that several namespaces may use, so no namespace's folder."""
        area = self._innermost(address)
        return area is not None and area.owner is None and not area.bucket and area.base == address

    def allows(self, target: RenderTargetSpec, address: StoreAddress, namespace: str) -> bool:
        """Whether one of a target's own prefixes covers an address, whosever folder it is in."""
        for prefix in ("", *(target.allowedStores or ())):
            area = self._areas.get(prefix)
            if area is not None and area.covers(address) and (not area.below or area.holds(address, namespace)):
                return True
        return False

    def _innermost(self, address: StoreAddress) -> Area | None:
        covering = [area for area in self._areas.values() if area.covers(address)]
        return max(covering, key=lambda area: area.depth, default=None)


def _users(target: RenderTargetSpec) -> list[str]:
    return [EVERYBODY] if EVERYBODY in target.allowedNamespaces else target.allowedNamespaces


@lru_cache(maxsize=16)
def _areas(rules: frozenset[tuple[str, str]], store: Store) -> Areas:
    own = StoreAddress.parse(store.url)
    areas = {"": Area(own, owner=EVERYBODY if store.claim else None)}
    users: dict[StoreAddress, set[str]] = defaultdict(set)
    places: dict[str, StoreAddress] = {}
    for prefix, name in rules:
        try:
            places[prefix] = StoreAddress.parse(prefix.replace(NAMESPACE, _STAND_IN))
        except InvalidAddress:  # it allows nothing
            continue
        users[places[prefix]].add(name)
    for prefix, place in places.items():  # one place may be written in two ways
        areas[prefix] = Area.parse(prefix, frozenset(users[place]))
    return Areas(areas)
