"""The adapter protocol: what an execution target must be able to do."""

from dataclasses import dataclass
from typing import Protocol, TypeVar

from helios_crds.wire import Payload, Reply

ConfigT_contra = TypeVar("ConfigT_contra", contravariant=True)


@dataclass(frozen=True)
class Deployment:
    """A target that is ready to be invoked. name: for people and logs. slots: payloads it takes at once."""

    name: str
    slots: int


class CloudAdapter(Protocol[ConfigT_contra]):
    """Deploys workers to a target and invokes them."""

    async def deploy(self, config: ConfigT_contra) -> Deployment:
        """Makes the target ready. Doing it again changes nothing."""
        ...

    async def invoke(self, payload: Payload) -> Reply:
        """Has a worker do one stage.

        A stage that failed is a reply. A worker of this machine that died is one with a retryable exit code.

        Raises:
            TargetError: of a cloud; see adapters.errors.
        """
        ...


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
