"""What is said of starts that the API server refuses."""

from collections.abc import Sequence

from helios_operator.decide.policies.retry import GivenUp
from helios_operator.decide.policies.worker_results import clean
from helios_operator.model import reasons
from helios_operator.model.state import RefusedStart

MAX_SAID = 600


def starts_refused(refused: Sequence[RefusedStart]) -> GivenUp | None:
    """The obstacle that they are; None if there are none."""
    if not refused:
        return None
    first = refused[0]
    more = f" ({len(refused) - 1} more starts are refused as well)" if len(refused) > 1 else ""
    text = f"the API server refuses to start {first.work}, and is asked again from time to time: "
    reason = reasons.QUOTA_EXCEEDED if first.by_quota else reasons.START_REFUSED
    return GivenUp(reason, f"{text}{clean(first.message, MAX_SAID)}{more}", first.work)
