"""The end of an attempt on a target outside of the cluster or on this machine: replied, overdue, or stopped."""

import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from helios_crds.text import one_line
from helios_crds.wire import RESULT_BYTES, ExitCode, Reply, Stage
from helios_operator.decide.policies.failure_causes import TOO_LONG
from helios_operator.model.state import Attempt, AttemptPhase

MAX_WORDS = 1000
KEPT, SHORT = ("badChunks", "error", "remedy"), {"error", "remedy"}
MAX_SHORT = 400
"""Fields of a failure's result that are kept, and those of them that are shortened, to so many characters."""


def replied(attempt: Attempt, reply: Reply, now: datetime, *, disrupted: bool) -> Attempt:
    """The attempt after its reply. An ended attempt may still succeed, but a second failure changes nothing."""
    is_done = reply.exitCode == ExitCode.DONE
    if not (attempt.is_active or is_done):
        return attempt
    return replace(
        attempt,
        phase=AttemptPhase.SUCCEEDED if is_done else AttemptPhase.FAILED,
        finished=now,
        exit_code=reply.exitCode,
        message=message_of(reply, attempt.work.stage),
        disrupted=disrupted,
    )


def overdue(attempt: Attempt, limit: timedelta, now: datetime) -> Attempt:
    """The attempt after `limit` has passed. The target may still be working on it."""
    ended = replace(attempt, phase=AttemptPhase.FAILED, finished=now, exit_code=1)
    return replace(ended, allowed=limit, reason=TOO_LONG)


def stopped(attempt: Attempt, now: datetime) -> Attempt:
    """The attempt after it was stopped."""
    return replace(attempt, phase=AttemptPhase.FAILED, stopping=True, disrupted=True, finished=now)


def message_of(reply: Reply, stage: Stage) -> str:
    """A reply as a termination message: the result of a success, or the failed worker's message, shortened to fit."""
    if reply.exitCode == ExitCode.DONE:
        return "" if stage is Stage.CHUNK else _json(reply.result or {})
    kept = ((name, (reply.result or {}).get(name)) for name in KEPT)
    result: dict[str, Any] = {name: value for name, value in kept if isinstance(value, str)}
    result |= {name: one_line(result[name], MAX_SHORT, keep_start=True) for name in SHORT & result.keys()}
    words = one_line(reply.stderr, MAX_WORDS)
    while len(whole := _json({**result, "message": words}).encode(errors="replace")) > RESULT_BYTES and words:
        words = words[: len(words) // 2]
    return whole.decode()


def _json(value: object) -> str:
    """Compact JSON as workers write it: a result within the limit must stay within it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
