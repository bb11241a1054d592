"""What offloaded work costs, as far as the targets' prices tell, and how much more of it a budget allows."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from helios_crds.rendertarget import TargetPrice
from helios_operator.model.observation import Observation
from helios_operator.model.state import Attempt
from helios_operator.model.target_usage import TargetUsage

UNTRIED = 4
"""Invocations at once, as long as none has ended that tells what one costs."""
DIGITS = Decimal("0.000001")


@dataclass(frozen=True)
class Budget:
    """What is left of execution.budget.

    priced: targets that cost something. calls: to them, under way. affordable: how many more calls may begin.
    """

    priced: frozenset[str]
    calls: int
    affordable: int

    @property
    def is_used_up(self) -> bool:
        """Whether nothing more may cost anything, and no call under way can show that there is more left."""
        return self.affordable == 0 and not self.calls


def budget_left(observation: Observation, usage: TargetUsage, holding: Iterable[Attempt]) -> Budget | None:
    """What is left; None if the RenderJob has no budget. holding: attempts that hold a slot."""
    limit = observation.job.spec.execution.budget
    targets = observation.targets.items()
    priced = frozenset(name for name, target in targets if target.is_offload and is_priced(target.price))
    calls = max(sum(attempt.target in priced for attempt in holding), observation.paid_calls) if priced else 0
    spent, ended = usage.spent()
    more = affordable(None if limit is None else Decimal(limit), spent, ended, calls)
    return None if more is None else Budget(priced, calls, more)


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
    """How many more priced invocations may begin within the budget; None: any number.

    Each is taken to cost what the ended ones did on average, those under way too.
    """
    if budget is None:
        return None
    if spent >= budget:
        return 0
    if not ended or not spent:
        return max(0, UNTRIED - active)
    each = spent / ended
    return max(0, int((budget - spent) / each) - active)
