"""Events for the failures of one reconcile: one for each of a few, or one for many that share a reason."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from helios_operator.model.decision import Announcement
from helios_operator.model.state import Work

MOST = 3


@dataclass(frozen=True)
class Failure:
    """A failed attempt. message: of the failure's cause."""

    work: Work
    number: int
    reason: str
    message: str


def failure_events(failures: Iterable[Failure], most: int = MOST) -> Iterator[Announcement]:
    """One Event for each failure, or one for all failures of a reason if there are more than `most`: all chunks."""
    ordered = sorted(failures, key=lambda failure: (failure.reason, failure.work))
    for reason, group in groupby(ordered, key=lambda failure: failure.reason):
        alike = list(group)
        messages = [f"{failure.work}, attempt {failure.number}: {failure.message}" for failure in alike]
        if len(alike) > most:
            text = f"{len(alike)} chunks failed, first: {messages[0]}"
            yield Announcement("Warning", reason, text, "many", len(alike))
        else:  # a later attempt that fails in the same way has the same topic
            for failure, message in zip(alike, messages, strict=True):
                yield Announcement("Warning", reason, message, f"{failure.work}: {failure.message}")
