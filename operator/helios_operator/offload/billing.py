"""Costs that are about to be written, so that each is counted once."""

from collections.abc import Sequence
from dataclasses import dataclass

from helios_crds.renderjob_status import TargetStatus

MAX_BILLS = 16
"""Statuses with costs whose writing is not known to have come to something, for each RenderJob."""


@dataclass(frozen=True)
class _Bill:
    """Costs in a status that was, or will be, written. targets: the status' part; uids: of the attempts in it."""

    targets: Sequence[TargetStatus]
    uids: frozenset[str]
