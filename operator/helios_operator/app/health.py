"""Whether the operator serves its RenderJobs, for the liveness probe."""

import time
from collections.abc import Callable

import kopf

STARTING = 120.0
"""Seconds in which an operator that works must have listed everything. A large cluster's lists take a few."""


class Health:
    """From the Lease to the first decision. An operator that waits for the Lease is well."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began: float | None = None
        self._why: Callable[[], str] = str
        self._serves = False

    def starts(self, why: Callable[[], str]) -> None:
        """Called with the Lease. why: says what is missing, if it does not come to serve."""
        self._began, self._why, self._serves = self._clock(), why, False

    def serves(self) -> None:
        """Called when everything is listed."""
        self._serves = True

    def probe(self, **_: object) -> str:
        """What the operator does, as kopf's endpoint shows it.

        Raises:
            PermanentError: it has been starting for too long, so it serves nobody; the endpoint answers with 500.
        """
        if self._began is None:
            return "waiting for the Lease"
        if self._serves:
            return "serving"
        if self._clock() - self._began < STARTING:
            return "starting"
        raise kopf.PermanentError(
            f"the operator serves nobody: {self._why() or 'the API server does not answer its lists'}"
        )
