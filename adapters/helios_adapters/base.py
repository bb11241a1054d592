"""The adapter contract: the calls that the operator and the command line make to every execution target."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from helios_crds.wire import Payload, Reply

ConfigT_contra = TypeVar("ConfigT_contra", contravariant=True)


@dataclass(frozen=True)
class Deployment:
    """A target that is ready to be invoked.

    name: for people and logs. slots: how many payloads it takes at once.
    memory: GiB of a worker, for cost estimates; 0 if unknown.
    address: ARN, URL or resource name of its function, service or job; "" for this machine.
    changes: each change that `deploy` made, in words; empty if it made none.
    """

    name: str
    slots: int
    memory: float = 0.0
    address: str = ""
    changes: tuple[str, ...] = ()


class CloudAdapter(Protocol[ConfigT_contra]):
    """Deploys workers to a target and runs stages on them.

    An attempt may have a key. Targets with named executions find an execution by its key: `resume` waits for one that
    an earlier process started, and `cancel` ends it. Other targets ignore keys and inherit both methods from here.
    """

    async def deploy(self, config: ConfigT_contra) -> Deployment:
        """Makes the target ready, or checks that it is. A second call changes nothing.

        Raises:
            TargetError: the target cannot be used.
        """
        ...

    async def invoke(self, payload: "Payload", key: str = "") -> "Reply":
        """Runs one stage on a worker and waits for its reply.

        A failed stage is a reply, too. A local worker that died gives a reply with a retryable exit code.
        Cancelling the caller ends the wait. It also ends the work if the target can do that, unless the attempt has a
        key: then a later process may resume it.

        Raises:
            TargetError: there is no reply; see helios_adapters.errors.
        """
        ...

    async def resume(self, key: str) -> "Reply | None":
        """Waits for a running execution that an earlier process started with a key. None: there is none.

        Raises:
            TargetError: as for invoke.
        """
        return None

    def cancel(self, key: str) -> bool:
        """Requests an early end of an attempt. `invoke` or `resume` still returns its outcome.

        Returns False if the target cannot do that: the attempt runs on and holds a slot until it ends.
        """
        return False

    async def close(self) -> None:
        """Closes connections and ends local workers. Work on other machines continues."""
        return


def changed(what: str, before: object, after: object) -> str:
    """A change in words.

    >>> changed("memory", "2048 MiB", "4096 MiB")
    'memory 4096 MiB instead of 2048 MiB'
    """
    return f"{what} {after} instead of {before}"
