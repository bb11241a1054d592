"""The contract of an execution target: what the operator and the command line may ask of every one of them."""

from dataclasses import dataclass
from typing import Protocol, TypeVar

from helios_crds.wire import Payload, Reply

ConfigT_contra = TypeVar("ConfigT_contra", contravariant=True)


@dataclass(frozen=True)
class Deployment:
    """A target that is ready to be invoked.

    name: for people and logs. slots: payloads that it takes at once.
    memory: GiB of a worker, for estimates of what it costs; 0 where that is not known.
    address: ARN, URL or resource name of its function, service or job; "" for this machine.
    changes: what was made or altered, in words; empty where nothing differed.
    """

    name: str
    slots: int
    memory: float = 0.0
    address: str = ""
    changes: tuple[str, ...] = ()


class CloudAdapter(Protocol[ConfigT_contra]):
    """Deploys workers to a target and has them do stages.

    An attempt may have a key. Targets that name what they run find it again by that: `resume` waits for what an
    earlier process began, `cancel` ends it. To the others a key means nothing, and they inherit both from here.
    """

    async def deploy(self, config: ConfigT_contra) -> Deployment:
        """Makes the target ready, or finds out that it is. Doing it again changes nothing.

        Raises:
            TargetError: why nobody can be sent there.
        """
        ...

    async def invoke(self, payload: Payload, key: str = "") -> Reply:
        """Has a worker do one stage and waits for its answer.

        A stage that failed is a reply. A worker of this machine that died is one with a retryable exit code.
        A caller that is cancelled waits no longer. The work ends with it where the target allows that, unless it has
        a key: then a successor may resume it.

        Raises:
            TargetError: see helios_adapters.errors.
        """
        ...

    async def resume(self, key: str) -> Reply | None:
        """Waits for what an earlier process began under a key. None: nothing under way there has that key.

        Raises:
            TargetError: as for invoke.
        """
        return None

    def cancel(self, key: str) -> bool:
        """Asks for an attempt to be ended early. `invoke` or `resume` still returns what it came to.

        Returns False where that cannot be done: the attempt runs on and takes a slot until it is over.
        """
        return False

    async def close(self) -> None:
        """Ends connections and workers of this machine. What runs elsewhere is left to itself."""
        return


def changed(what: str, before: object, after: object) -> str:
    """One change in words.

    >>> changed("memory", "2048 MiB", "4096 MiB")
    'memory 4096 MiB instead of 2048 MiB'
    """
    return f"{what} {after} instead of {before}"
