"""Repeats what a store refused only for the moment, and turns the library's errors into ours.

obstore itself repeats requests that had no answer, were throttled (429) or failed on the server's side (from 500 on);
StoreTimeouts says how often. The repeats here are for the other refusals that pass.
"""

import random
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

from helios_crds.backoff import Backoff
from helios_worker.artifacts.errors import StoreResponse, explain

T = TypeVar("T")
REPEATS = 3
BACKOFF = Backoff(base=0.2, factor=5, cap=4, jitter=0.5)


def insist(doing: str, call: Callable[[], T]) -> T:
    """Calls until the store accepts or refuses for good.

    doing: what is tried and where, such as "writing s3://media/key".

    Raises:
        HeliosError: says what happened. The library's own error is not chained, since it quotes what was signed.
    """
    for is_last in tries():
        try:
            return call()
        except Exception as error:
            if is_last or not StoreResponse.of(error).is_passing:
                raise explain(doing, error) from None
    raise AssertionError("the last try returns or raises")


def ask(doing: str, call: Callable[[], T]) -> T | None:
    """As `insist`, and None where there is no such object."""

    def call_or_none() -> T | None:
        try:
            return call()
        except FileNotFoundError as error:
            if StoreResponse.of(error).is_missing_object:
                return None
            raise

    return insist(doing, call_or_none)


def tries() -> Iterator[bool]:
    """Once for each try, whether it is the last; sleeps between them."""
    for failures in range(1, REPEATS + 1):
        yield False
        time.sleep(BACKOFF.seconds(failures, random.random()))
    yield True
