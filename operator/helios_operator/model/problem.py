"""What somebody has to change, or why a render has ended."""

from dataclasses import dataclass

from helios_operator.model.state import Work


@dataclass(frozen=True)
class Problem:
    """Why a render ends without a film. work: the piece that failed, if it was one."""

    reason: str
    message: str
    work: Work | None = None
