"""What offloaded work costs, as far as the targets' prices tell, and how much more of it a budget allows."""

from decimal import Decimal

from helios_crds.rendertarget import TargetPrice

UNTRIED = 4
"""Invocations at once, as long as none has ended that tells what one costs."""
DIGITS = Decimal("0.000001")


def invocation_cost(price: TargetPrice | None, memory: float, seconds: float) -> Decimal:
    """An estimate of what one invocation cost: the time is that between request and answer.

    memory: GiB of the worker.
    """
    if price is None:
        return Decimal(0)
    of_time = Decimal(price.perGiBSecond or 0) * Decimal(str(memory)) * Decimal(str(seconds))
    return (Decimal(price.perRequest or 0) + of_time).quantize(DIGITS)


def is_priced(price: TargetPrice | None) -> bool:
    """Whether running there costs anything that a budget is for."""
    return price is not None and bool(Decimal(price.perGiBSecond or 0) or Decimal(price.perRequest or 0))


def affordable(budget: Decimal | None, spent: Decimal, ended: int, active: int) -> int | None:
    """How many more priced invocations may begin so that the budget is not passed; None: as many as one likes.

    Each is taken to cost what the ended ones did on average, those that are active too.
    """
    if budget is None:
        return None
    if spent >= budget:
        return 0
    if not ended or not spent:
        return max(0, UNTRIED - active)
    each = spent / ended
    return max(0, int((budget - spent) / each) - active)
