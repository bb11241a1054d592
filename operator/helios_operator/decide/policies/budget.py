"""The cost of offloaded work by the targets' prices, and how many more invocations a budget allows."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from helios_crds.rendertarget import TargetPrice
from helios_operator.model.observation import Observation
from helios_operator.model.state import Attempt
from helios_operator.model.target_usage import TargetUsage

UNTRIED = 4
"""Concurrent invocations until the first one has ended, which shows the cost of one."""
DIGITS = Decimal("0.000001")


@dataclass(frozen=True)
class Budget:
    """The rest of execution.budget.

    priced: targets with a price. calls: running calls of these targets. affordable: how many more calls may start.
    """

    priced: frozenset[str]
    calls: int
    affordable: int

    @property
    def is_used_up(self) -> bool:
        """Whether no priced call may start, and no running call could turn out cheaper than estimated."""
        return self.affordable == 0 and not self.calls


def budget_left(observation: Observation, usage: TargetUsage, holding: Iterable[Attempt]) -> Budget | None:
    """The rest of the budget; None if the RenderJob has none. holding: attempts that hold a slot."""
    limit = observation.job.spec.execution.budget
    targets = observation.targets.items()
    priced = frozenset(name for name, target in targets if target.is_offload and is_priced(target.price))
    calls = max(sum(attempt.target in priced for attempt in holding), observation.paid_calls) if priced else 0
    spent, ended = usage.spent()
    more = affordable(None if limit is None else Decimal(limit), spent, ended, calls)
    return None if more is None else Budget(priced, calls, more)


def invocation_cost(price: TargetPrice | None, memory: float, seconds: float) -> Decimal:
    """The estimated cost of one invocation.

    memory: GiB of the worker. seconds: between request and reply.
    """
    if price is None:
        return Decimal(0)
    of_time = Decimal(price.perGiBSecond or 0) * Decimal(str(memory)) * Decimal(str(seconds))
    return (Decimal(price.perRequest or 0) + of_time).quantize(DIGITS)


def is_priced(price: TargetPrice | None) -> bool:
    """Whether a target has a price that counts towards a budget."""
    return price is not None and bool(Decimal(price.perGiBSecond or 0) or Decimal(price.perRequest or 0))


def affordable(budget: Decimal | None, spent: Decimal, ended: int, active: int) -> int | None:
    """How many more priced invocations may start within the budget; None: any number.

    Every running or new invocation is assumed to cost the average of the ended ones.
    """
    if budget is None:
        return None
    if spent >= budget:
        return 0
    if not ended or not spent:
        return max(0, UNTRIED - active)
    each = spent / ended
    return max(0, int((budget - spent) / each) - active)
