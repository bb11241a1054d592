"""How much is said of what failed in one look: people read a few lines, not two hundred that are alike."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from helios_operator.model.decision import Announcement
from helios_operator.model.state import Work

MOST = 3


@dataclass(frozen=True)
class Failure:
    """A failed attempt. said: by its worker, or by what kept it from working."""

    work: Work
    number: int
    reason: str
    said: str


def failure_events(failures: Iterable[Failure], most: int = MOST) -> Iterator[Announcement]:
    """An announcement for each failure; for more than `most` of one reason, which can only be chunks', one of all."""
    ordered = sorted(failures, key=lambda failure: (failure.reason, failure.work))
    for reason, group in groupby(ordered, key=lambda failure: failure.reason):
        found = list(group)
        told = [f"{failure.work}, attempt {failure.number}: {failure.said}" for failure in found]
        if len(found) > most:
            yield Announcement("Warning", reason, f"{len(found)} chunks failed, first: {told[0]}", "many", len(found))
        else:  # another attempt that fails alike is the same topic
            for failure, message in zip(found, told, strict=True):
                yield Announcement("Warning", reason, message, f"{failure.work}: {failure.said}")
