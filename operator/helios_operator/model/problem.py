"""A problem: what a user has to change before work can go on, or why a render has failed."""

from dataclasses import dataclass

from helios_operator.model.state import Work


@dataclass(frozen=True)
class Problem:
    """Why work waits or a render fails. work: the piece of work that it is about, if it is about one."""

    reason: str
    message: str
    work: Work | None = None
