"""A RenderJob's work on targets outside of the cluster, observed at one moment."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from helios_operator.model.state import Attempt


@dataclass(frozen=True)
class Invoked:
    """One observation of this work.

    attempts: all attempts that this operator process has made. calls: how many calls are under way, including those
    whose result nobody awaits, since they cost as much. free: how many more chunks each target would take now.
    resting: why targets rest, by name.
    """

    attempts: tuple[Attempt, ...] = ()
    calls: int = 0
    free: Mapping[str, int] = field(default_factory=dict)
    resting: Mapping[str, str] = field(default_factory=dict)
