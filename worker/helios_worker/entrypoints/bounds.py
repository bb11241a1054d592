"""Cuts a worker's reply to the size that its callers accept. They trust no worker and read a limited number of bytes.

A text that is too long keeps its beginning and its end. A value that programs use is complete or left out.
"""

from collections.abc import Set
from typing import Any

import orjson

from helios_crds.wire import RESULT_BYTES, ExitCode, Reply
from helios_worker.surrogates import without_surrogates

TEXT_BYTES = 4096
"""The most that stdout and stderr of a reply may hold, each."""
EXACT = {"badChunks"}
"""Fields of a failure that are never cut: a part would mean something else."""
TOO_LARGE = {"error": "the result is too large"}


def bounded_reply(reply: Reply) -> Reply:
    """A reply that is at most some RESULT_BYTES and two TEXT_BYTES long."""
    result = reply.result
    if result is not None:
        cuttable = {"warnings"} if reply.exitCode == ExitCode.DONE else result.keys() - EXACT
        result = bounded_facts(result, cuttable)
    return Reply(
        exitCode=reply.exitCode,
        stdout=bounded_text(reply.stdout),
        stderr=bounded_text(reply.stderr),
        result=result,
    )


def bounded_text(text: str, limit: int = TEXT_BYTES) -> str:
    """A text in at most `limit` bytes of UTF-8. The middle is left out: the start says what happened, the end why.

    >>> bounded_text("the page threw: " + "long " * 9 + "story", 40)
    'the page threw: l … g long long story'
    """
    data = text.encode(errors="replace")
    if len(data) <= limit:
        return data.decode()
    half = (limit - len(" … ".encode())) // 2
    return f"{data[:half].decode(errors='ignore')} … {data[-half:].decode(errors='ignore')}"


def bounded_facts(facts: dict[str, Any], cuttable: Set[str]) -> dict[str, Any]:
    """Facts in at most RESULT_BYTES of JSON. Texts and lists that are too long end early.

    cuttable: names of the facts that may be cut. Where cutting them is not enough, the result is TOO_LARGE.
    """
    facts = without_surrogates(facts)
    while _size(facts) > RESULT_BYTES:
        longest = max((name for name in cuttable if facts.get(name)), key=lambda name: _size(facts[name]), default=None)
        if longest is None:
            return TOO_LARGE
        value = facts[longest]
        facts[longest] = value[: len(value) * 3 // 4] if isinstance(value, str | list | tuple) else None
    return facts


def _size(value: object) -> int:
    return len(orjson.dumps(value))
