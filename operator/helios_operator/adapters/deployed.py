"""What a deployment to a cloud came to."""

from dataclasses import dataclass

from helios_operator.adapters.base import Deployment


@dataclass(frozen=True)
class Deployed(Deployment):
    """A function, service or job that is ready.

    address: its ARN, URL or resource name. changes: what was made or altered, in words; empty where nothing differed.
    """

    address: str = ""
    changes: tuple[str, ...] = ()


def changed(what: str, before: object, after: object) -> str:
    """One change in words.

    >>> changed("memory", "2048 MiB", "4096 MiB")
    'memory 4096 MiB instead of 2048 MiB'
    """
    return f"{what} {after} instead of {before}"
