"""What the answers of targets mean: for a target's health, and for the attempt.

What may be a page's doing, an exit code, a crash, too much memory, is held against a target for that page's render
alone: nobody's page keeps others from a target. Nothing here is on record: whoever starts anew finds out again.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from helios_adapters.errors import (
    BadAnswer,
    ColdStartTimedOut,
    ConnectionLost,
    Crashed,
    NoRoom,
    ProviderFailed,
    TargetError,
    Unseen,
    Unusable,
    WorkerLost,
    as_reply,
)
from helios_adapters.health import Health
from helios_crds.text import one_line
from helios_crds.wire import ExitCode, Reply

EVERYBODY = ""
MAX_WHY = 1000
SHOWN_WHY = 300
"""Characters of a reason that are kept, and shown where several share a line."""
# The target's own trouble. A chunk that has it again and again, while others are done there, is to blame as well.
TROUBLE = (ProviderFailed, ConnectionLost, ColdStartTimedOut)
# A worker was told to stop, as those of a service are whose instance goes away.
HANDED_BACK = (ExitCode.INTERRUPTED, ExitCode.TERMINATED)
FORGIVEN = 3
"""How often the same work may be hit by what is the target's doing before it is to blame itself."""
OnChange = Callable[[str, str, Health, Health], None]


@dataclass(frozen=True)
class Call:
    """A call of a target. owner: whose render it is for. work: which piece of that."""

    target: str
    owner: str
    work: str


@dataclass(frozen=True)
class Verdict:
    """What an answer means for the attempt.

    outcome: in a word, for metrics. reply: None if nothing was tried, so that it costs no attempt.
    is_forgiven: whether a failure is the target's doing alone.
    """

    outcome: str
    reply: Reply | None = None
    is_forgiven: bool = False


class TargetHealth:
    """The health of targets, for everybody and for each render.

    now: the clock. on_change: told a target, whose health there has changed (EVERYBODY or an owner), and the health
    before and after.
    """

    def __init__(self, now: Callable[[], datetime], on_change: OnChange = lambda *_: None) -> None:
        self._now = now
        self._on_change = on_change
        self._of: dict[tuple[str, str], Health] = {}
        self._done: Counter[str] = Counter()
        self._troubles: defaultdict[Call, list[int]] = defaultdict(list)

    def of(self, target: str, owner: str = EVERYBODY) -> Health:
        """How a target is for everybody, or what else is held against it for one owner."""
        return self._of.get((target, owner), Health())

    def capacity(self, target: str, owner: str, free: int, active: int, own: int) -> int:
        """How many more chunks a target may be given. free: by its limit; active: what it does; own: for this owner."""
        now = self._now()
        for whose, at_work in ((EVERYBODY, active), (owner, own)):
            if (known := self._of.get((target, whose))) is not None:
                free = known.capacity(free, at_work, now)
        return free

    def resting(self, owner: str = EVERYBODY) -> Mapping[str, str]:
        """Why targets are left alone by everybody, or by an owner as well, by name."""
        now = self._now()
        return {
            target: f"{target} rests until {found.until:%H:%M:%S} UTC: {one_line(found.why, SHOWN_WHY)}"
            for (target, whose), found in self._of.items()
            if whose in (EVERYBODY, owner) and found.is_resting(now)
        }

    def heard(
        self, call: Call, answer: Reply | TargetError, *, others: int, is_wanted: bool = True, is_noted: bool = False
    ) -> Verdict:
        """A call has been answered.

        others: calls that the target is at work on besides this one. is_wanted: whether anybody waits for the attempt
        still; a failure after that is no chunk's. is_noted: whether its failure has been held against the target.
        """
        if isinstance(answer, Reply):
            return self._replied(call, answer, is_wanted)
        if isinstance(answer, NoRoom):
            refused = self.of(call.target).after_refusal(others, answer.retry_after, self._now())
            self._note(call.target, EVERYBODY, refused)
            return Verdict("no room")
        if isinstance(answer, Unusable):
            self.unusable(call.target, str(answer))
            return Verdict("unusable")
        assert isinstance(answer, WorkerLost | BadAnswer | Unseen), "the tree of errors has no other branch"
        return self._lost(call, answer, is_wanted=is_wanted, is_noted=is_noted)

    def overdue(self, call: Call, limit: timedelta) -> None:
        """A chunk has not been answered in its time."""
        self._failed(call, f"a chunk ran for longer than {limit.total_seconds():g} s", call.owner)

    def unusable(self, target: str, why: str) -> None:
        """A target cannot be used as it is."""
        self._note(target, EVERYBODY, self.of(target).after_unusable(one_line(why, MAX_WHY), self._now()))

    def forget_target(self, target: str) -> None:
        """It is another one now."""
        self._forget(lambda key: key[0] == target)

    def forget_owner(self, owner: str) -> None:
        """A render is over."""
        self._forget(lambda key: key[1] == owner)
        for call in [call for call in self._troubles if call.owner == owner]:
            del self._troubles[call]

    def _forget(self, is_meant: Callable[[tuple[str, str]], bool]) -> None:
        self._of = {key: found for key, found in self._of.items() if not is_meant(key)}

    def _replied(self, call: Call, reply: Reply, is_wanted: bool) -> Verdict:
        is_done = reply.exitCode == ExitCode.DONE
        is_handed_back = reply.exitCode in HANDED_BACK
        if is_done or reply.exitCode == ExitCode.USER_ERROR:
            self._done[call.target] += 1
            for whose in (EVERYBODY, call.owner):
                self._note(call.target, whose, self.of(call.target, whose).after_success())
        elif is_wanted and not is_handed_back:
            self._failed(call, reply.stderr, call.owner)
        is_forgiven = is_wanted and is_handed_back and self._is_forgiven(call, is_trouble=False)
        return Verdict("done" if is_done else "failed", reply, is_forgiven)

    def _lost(self, call: Call, error: WorkerLost | BadAnswer | Unseen, *, is_wanted: bool, is_noted: bool) -> Verdict:
        is_trouble = isinstance(error, TROUBLE)
        if not (is_noted or isinstance(error, Unseen)):
            by_target = is_trouble or isinstance(error, BadAnswer)
            self._failed(call, str(error), EVERYBODY if by_target else call.owner)
        may_forgive = is_wanted and (is_trouble or isinstance(error, Crashed))
        is_forgiven = may_forgive and self._is_forgiven(call, is_trouble=is_trouble)
        return Verdict(type(error).__name__, as_reply(error), is_forgiven)

    def _failed(self, call: Call, why: str, whose: str) -> None:
        """A chunk failed there. whose: to whom that is held; EVERYBODY where no page can have done it."""
        found = self.of(call.target, whose).after_failure(one_line(why, MAX_WHY), self._now())
        self._note(call.target, whose, found)

    def _is_forgiven(self, call: Call, *, is_trouble: bool) -> bool:
        """Whether a chunk's end is the target's doing: at first, and trouble while nothing else is done there either.

        A worker that ended by itself may have been the page's doing, or that of a service without instances.
        """
        done, troubles = self._done[call.target], self._troubles[call]
        troubles.append(done)
        if len(troubles) <= FORGIVEN:
            return True
        return is_trouble and troubles[-1 - FORGIVEN] == done

    def _note(self, target: str, whose: str, after: Health) -> None:
        before = self.of(target, whose)
        if after == Health():
            self._of.pop((target, whose), None)
        else:
            self._of[target, whose] = after
        if after != before:
            self._on_change(target, whose, before, after)
