"""What a target's answers mean, for the health of the target and for the attempt.

A page may cause an exit code, a crash or a lack of memory. Such a failure counts against the target for that page's
render only, so that one page cannot keep other renders from a target. Health is kept in memory only: a restarted
process learns it again.
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
    NoCapacity,
    ProviderFailed,
    TargetError,
    Unseen,
    Unusable,
    WorkerLost,
    as_reply,
)
from helios_adapters.health import Health
from helios_crds.text import one_line
from helios_crds.wire import ExitCode, Reply, is_other_engine

EVERYBODY = ""
MAX_WHY = 1000
SHOWN_WHY = 300
"""Characters of a reason that are kept, and that are shown where several reasons share a line."""
# Faults of the target. A chunk that meets them again and again, while other chunks succeed there, is to blame too.
TARGET_FAULTS = (ProviderFailed, ConnectionLost, ColdStartTimedOut)
# A worker was told to stop, as when the instance of a service is shut down.
HANDED_BACK = (ExitCode.INTERRUPTED, ExitCode.TERMINATED)
FORGIVEN = 3
"""How often target faults may hit the same work before the work itself is to blame."""
OnChange = Callable[[str, str, Health, Health], None]


@dataclass(frozen=True)
class Call:
    """A call of a target. owner: UID or name of the render. work: the piece of work."""

    target: str
    owner: str
    work: str


@dataclass(frozen=True)
class Verdict:
    """What an answer means for the attempt.

    outcome: one word, for metrics. reply: None if no work was started, so that it costs no attempt.
    is_forgiven: whether the target alone is to blame for a failure.
    """

    outcome: str
    reply: Reply | None = None
    is_forgiven: bool = False


class TargetHealth:
    """The health of targets, for everybody and for each render.

    now: the clock. on_change: called with a target, with EVERYBODY or the owner for whom its health has changed, and
    with the health before and after.
    """

    def __init__(self, now: Callable[[], datetime], on_change: OnChange = lambda *_: None) -> None:
        self._now = now
        self._on_change = on_change
        self._of: dict[tuple[str, str], Health] = {}
        self._done: Counter[str] = Counter()
        self._faults: defaultdict[Call, list[int]] = defaultdict(list)

    def of(self, target: str, owner: str = EVERYBODY) -> Health:
        """The health of a target for all renders, or for the failures of one owner's render."""
        return self._of.get((target, owner), Health())

    def capacity(self, target: str, owner: str, free: int, active: int, own: int) -> int:
        """How many more chunks a target may get. free: by its limit. active: its chunks; own: those of this owner."""
        now = self._now()
        for whose, at_work in ((EVERYBODY, active), (owner, own)):
            if (known := self._of.get((target, whose))) is not None:
                free = known.capacity(free, at_work, now)
        return free

    def resting(self, owner: str = EVERYBODY) -> Mapping[str, str]:
        """Why targets rest, by name: for all renders, and for an owner's."""
        now = self._now()
        return {
            target: f"{target} rests until {health.until:%H:%M:%S} UTC: {_shown(health.why)}"
            for (target, whose), health in self._of.items()
            if whose in (EVERYBODY, owner) and health.is_resting(now)
        }

    def record_answer(
        self,
        call: Call,
        answer: Reply | TargetError,
        *,
        others: int,
        is_wanted: bool = True,
        is_noted: bool = False,
        made_plan: bool = False,
    ) -> Verdict:
        """Updates the health after an answer. Returns what the answer means for the attempt.

        others: other calls under way on the target. is_wanted: whether the attempt is still wanted; if not, a failure
        counts against no chunk. is_noted: whether its failure has already been counted, by `overdue`. made_plan:
        whether the target made the render's plan, so that another engine there means that the target has changed.
        """
        if isinstance(answer, Reply) and is_other_engine(answer):
            return self._other_engine(call, answer, made_plan=made_plan)
        if isinstance(answer, Reply):
            return self._replied(call, answer, is_wanted)
        if isinstance(answer, NoCapacity):
            refused = self.of(call.target).after_refusal(others, answer.retry_after, self._now())
            self._note(call.target, EVERYBODY, refused)
            return Verdict("no room")
        if isinstance(answer, Unusable):
            self.unusable(call.target, str(answer))
            return Verdict("unusable")
        assert isinstance(answer, WorkerLost | BadAnswer | Unseen), "the tree of errors has no other branch"
        return self._lost(call, answer, is_wanted=is_wanted, is_noted=is_noted)

    def overdue(self, call: Call, limit: timedelta) -> None:
        """Counts a chunk that was not answered within its time limit."""
        self._failed(call, f"a chunk ran longer than {limit.total_seconds():g} s", call.owner)

    def unusable(self, target: str, why: str) -> None:
        """Has a target rest that cannot be used as it is."""
        self._note(target, EVERYBODY, self.of(target).after_unusable(one_line(why, MAX_WHY), self._now()))

    def forget_target(self, target: str) -> None:
        """Forgets the health of a target that has changed."""
        self._forget(lambda key: key[0] == target)

    def forget_owner(self, owner: str) -> None:
        """Forgets the health for a render that is over."""
        self._forget(lambda key: key[1] == owner)
        for call in [call for call in self._faults if call.owner == owner]:
            del self._faults[call]

    def _forget(self, matches: Callable[[tuple[str, str]], bool]) -> None:
        self._of = {key: health for key, health in self._of.items() if not matches(key)}

    def _other_engine(self, call: Call, reply: Reply, *, made_plan: bool) -> Verdict:
        """A worker with other software than the plan's: it rests for this render, which other targets go on with."""
        if made_plan:
            return Verdict("other engine", reply)
        why = one_line(f"{reply.stderr}; deploy the image there that the plan was made with", MAX_WHY)
        self._note(call.target, call.owner, self.of(call.target, call.owner).after_unusable(why, self._now()))
        return Verdict("other engine")

    def _replied(self, call: Call, reply: Reply, is_wanted: bool) -> Verdict:
        is_done = reply.exitCode == ExitCode.DONE
        is_handed_back = reply.exitCode in HANDED_BACK
        if is_done or reply.exitCode == ExitCode.USER_ERROR:
            self._done[call.target] += 1
            for whose in (EVERYBODY, call.owner):
                self._note(call.target, whose, self.of(call.target, whose).after_success())
        elif is_wanted and not is_handed_back:
            self._failed(call, reply.stderr, call.owner)
        is_forgiven = is_wanted and is_handed_back and self._is_forgiven(call, is_target_fault=False)
        return Verdict("done" if is_done else "failed", reply, is_forgiven)

    def _lost(self, call: Call, error: WorkerLost | BadAnswer | Unseen, *, is_wanted: bool, is_noted: bool) -> Verdict:
        is_target_fault = isinstance(error, TARGET_FAULTS)
        if not (is_noted or isinstance(error, Unseen)):
            by_target = is_target_fault or isinstance(error, BadAnswer)
            self._failed(call, str(error), EVERYBODY if by_target else call.owner)
        may_forgive = is_wanted and (is_target_fault or isinstance(error, Crashed))
        is_forgiven = may_forgive and self._is_forgiven(call, is_target_fault=is_target_fault)
        return Verdict(type(error).__name__, as_reply(error), is_forgiven)

    def _failed(self, call: Call, why: str, whose: str) -> None:
        """Counts a failure. whose: the owner whose page may be the cause; EVERYBODY if no page can be."""
        health = self.of(call.target, whose).after_failure(one_line(why, MAX_WHY), self._now())
        self._note(call.target, whose, health)

    def _is_forgiven(self, call: Call, *, is_target_fault: bool) -> bool:
        """Whether the target is to blame for a chunk's failure.

        It is for the first FORGIVEN failures of a chunk. After that it is for target faults, as long as no other chunk
        has succeeded there either. A crash may be caused by the page, or by a service that lost its instance.
        """
        done, faults = self._done[call.target], self._faults[call]
        faults.append(done)
        if len(faults) <= FORGIVEN:
            return True
        return is_target_fault and faults[-1 - FORGIVEN] == done

    def _note(self, target: str, whose: str, after: Health) -> None:
        before = self.of(target, whose)
        if after == Health():
            self._of.pop((target, whose), None)
        else:
            self._of[target, whose] = after
        if after != before:
            self._on_change(target, whose, before, after)


def _shown(why: str) -> str:
    return one_line(why, SHOWN_WHY, keep_start=True)
