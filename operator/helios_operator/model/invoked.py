"""What is known of a RenderJob's work on targets outside of the cluster, at one moment."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from helios_operator.model.state import Attempt


@dataclass(frozen=True)
class Invoked:
    """One look at all of it.

    attempts: every one that this operator has made. calls: how many are under way, those included that nobody waits
    for: they cost as much. free: how many more chunks each target would take now. resting: why targets are left
    alone, by name.
    """

    attempts: tuple[Attempt, ...] = ()
    calls: int = 0
    free: Mapping[str, int] = field(default_factory=dict)
    resting: Mapping[str, str] = field(default_factory=dict)
