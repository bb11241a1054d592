"""--target: where chunks are rendered, as a user writes it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from helios_crds.numbers import shown, whole_number
from helios_worker.errors import UserError

KINDS = ("lambda", "cloud-run", "local")
DEFAULT_SLOTS = 100
BUCKETS = ("s3", "gs", "az")
HOW = "write --target lambda=NAME, lambda=NAME@REGION:200, cloud-run=https://…:50 or local, with commas between them"

Kind = Literal["lambda", "cloud-run", "local"]


@dataclass(frozen=True)
class Destination:
    """One target.

    name: a function's name or ARN, a service's address, "" for this machine. slots: how many chunks at once; None for
    this machine, whose --workers say so.
    """

    kind: Kind
    name: str = ""
    region: str | None = None
    slots: int | None = None

    def __str__(self) -> str:
        return f"{self.kind}={self.name}" if self.name else self.kind


def read_targets(text: str) -> list[Destination]:
    """The targets of --target, in their order.

    Raises:
        UserError: one of them is none, or is named twice.
    """
    found = [_read(part.strip()) for part in text.split(",")]
    twice = [str(each) for number, each in enumerate(found) if str(each) in map(str, found[:number])]
    if twice:
        raise UserError(f"--target names {twice[0]} twice", remedy="name each target once, with its number: NAME:200")
    return found


def check_store(destinations: Sequence[Destination], url: str) -> None:
    """Passes an artifact store that all targets reach. url: its address.

    Raises:
        UserError: it is a folder of this machine.
    """
    away = [str(each) for each in destinations if each.kind != "local"]
    if away and urlsplit(url).scheme not in BUCKETS:
        raise UserError(
            f"{away[0]} cannot reach the artifacts, which are kept on this machine: {url}",
            remedy="name a bucket that all targets reach: --artifacts s3://BUCKET/PREFIX",
        )


def _read(text: str) -> Destination:
    kind, _, rest = text.partition("=")
    match kind:
        case "local" if text == "local":
            return Destination("local")
        case "lambda" if rest:
            return _function(text, rest)
        case "cloud-run" if rest:
            return _service(text, rest)
    raise UserError(f"--target {text or 'nothing'} is not a valid target", remedy=HOW)


def _function(text: str, rest: str) -> Destination:
    """NAME, NAME:ALIAS or an ARN, then @REGION, then :N. A number at the end is how many at once, never a version."""
    found = re.fullmatch(
        r"(?P<name>[A-Za-z0-9_$-]+(?::[A-Za-z0-9_$-]+)*?)(?:@(?P<region>[a-z0-9-]+))?(?::(?P<slots>[0-9]+))?", rest
    )
    if found is None:
        raise UserError(f"--target {text} does not name a function", remedy=HOW)
    return Destination("lambda", found["name"], found["region"], _slots(text, found["slots"]))


def _service(text: str, rest: str) -> Destination:
    """https://HOST, then :N: Cloud Run listens on no port of its own. An http:// address of this machine has one."""
    found = re.fullmatch(
        r"(?P<url>https://[^\s:@/]+[^\s:@]*|http://[^\s:@/]+:\d+[^\s:@]*?)(?::(?P<slots>[0-9]+))?", rest
    )
    if found is None:
        raise UserError(f"--target {text} does not name a service by its address", remedy=HOW)
    return Destination("cloud-run", found["url"].rstrip("/"), None, _slots(text, found["slots"]))


def _slots(text: str, number: str | None) -> int:
    slots = DEFAULT_SLOTS if number is None else whole_number(number)
    if slots is None or not 1 <= slots <= 10_000:
        raise UserError(
            f"--target {shown(text)}: {shown(number)} chunks at once is not between 1 and 10000", remedy=HOW
        )
    return slots
