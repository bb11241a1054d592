"""What is said of names of children that others have."""

from collections.abc import Sequence

from helios_operator.decide.policies.retry import GivenUp
from helios_operator.model import reasons
from helios_operator.model.state import TakenName


def names_taken(taken: Sequence[TakenName]) -> GivenUp | None:
    """The obstacle that they are; None if there are none."""
    if not taken:
        return None
    more = f" ({len(taken) - 1} more names are taken as well)" if len(taken) > 1 else ""
    text = f"{taken[0].kind} {taken[0].name} is there already and belongs to somebody else: remove or rename it{more}"
    return GivenUp(reasons.NAME_TAKEN, text, taken[0].work)
