"""What a deployment to a cloud came to."""

from dataclasses import dataclass

from helios_adapters.base import Deployment


@dataclass(frozen=True)
class Deployed(Deployment):
    """A function, service or job that is ready.

    address: its ARN, URL or resource name. changes: what was made or altered, in words; empty where nothing differed.
    memory: GiB of a worker, for estimates of what it costs; 0 where that is not known.
    """

    address: str = ""
    changes: tuple[str, ...] = ()
    memory: float = 0.0


def changed(what: str, before: object, after: object) -> str:
    """One change in words.

    >>> changed("memory", "2048 MiB", "4096 MiB")
    'memory 4096 MiB instead of 2048 MiB'
    """
    return f"{what} {after} instead of {before}"
