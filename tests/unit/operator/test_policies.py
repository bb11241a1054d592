"""Policies, each by its table.

Long, because each policy has its table.
"""

import json
from datetime import timedelta

import pytest

from helios_crds.backoff import Backoff
from helios_crds.renderjob import Retries, Stragglers, TargetUse
from helios_crds.renderjob_status import SoundStatus
from helios_crds.rendertarget import RenderTargetSpec
from helios_operator.control.capacity import SlotRequest, shares
from helios_operator.decide.policies import worker_results
from helios_operator.decide.policies.deadlines import has_not_started, is_lost, is_over
from helios_operator.decide.policies.delays import delay
from helios_operator.decide.policies.failure_causes import cause_of
from helios_operator.decide.policies.placement import Slots, free_slots, place
from helios_operator.decide.policies.retry import given_up, retry_delay
from helios_operator.decide.policies.stop import attempts_to_stop
from helios_operator.decide.policies.stragglers import straggler_limit, stragglers
from helios_operator.model import reasons
from helios_operator.model.observation import TargetCapacity
from helios_operator.model.state import PLAN, STITCH, Tried, by_work
from tests.unit.operator.builders import (
    JOB_ID,
    JOB_PATH,
    NOW,
    UID,
    attempt,
    observe,
    render_job,
    retry,
    seconds,
    status,
)

USES = (TargetUse(name="kubernetes", maxConcurrent=2), TargetUse(name="spot"))


@pytest.mark.parametrize(
    ("active", "grants", "free"),
    [
        pytest.param([], {"spot": 5}, [2, 5], id="empty targets have all their places"),
        pytest.param([attempt("running")], {"spot": 5}, [1, 5], id="one is held"),
        pytest.param([attempt("running")], {"kubernetes": 1, "spot": 0}, [0, 0], id="the fair share is less"),
        pytest.param([attempt("waiting", age=90)], {"spot": 5}, [0, 5], id="pods that do not start: the next target"),
        pytest.param([attempt("queued", age=900)], {"spot": 5}, [1, 5], id="in Kueue's queue: its turn comes"),
        pytest.param([attempt("waiting", age=90, target="spot")], {"spot": 5}, [2, 4], id="the last has no next"),
    ],
)
def test_free_slots(active, grants, free):
    capacity = {name: TargetCapacity(granted=count) for name, count in grants.items()}
    observation = observe(render_job(), *active, capacity=capacity)
    assert [slots.free for slots in free_slots(USES, active, observation, seconds(60))] == free


def test_nothing_is_taken_from_those_who_hold_more_than_their_share():
    capacity = {"kubernetes": TargetCapacity(granted=2, free=1), "spot": TargetCapacity(granted=50, free=0)}
    observation = observe(render_job(), capacity=capacity)
    assert [slots.free for slots in free_slots(USES, [], observation, seconds(60))] == [1, 0]


@pytest.mark.parametrize(
    ("most", "placed"),
    [
        pytest.param(9, [(4, "a"), (5, "b"), (6, "b")], id="as many as there is room for"),
        pytest.param(2, [(4, "a"), (5, "b")], id="as many as the window has places"),
        pytest.param(0, [], id="a full window"),
        pytest.param(-3, [], id="an overfull one"),
    ],
)
def test_placement_is_in_order_of_preference(most, placed):
    assert place([4, 5, 6, 7], [Slots("a", 1), Slots("b", 2)], {}, most) == placed


@pytest.mark.parametrize(
    ("free", "tried", "expected"),
    [
        pytest.param([Slots("a", 2), Slots("b", 2)], {"a": 1}, [(4, "b"), (5, "a")], id="elsewhere"),
        pytest.param([Slots("a", 2), Slots("b", 0)], {"a": 1}, [(4, "a"), (5, "a")], id="where there is room"),
        pytest.param(
            [Slots("a", 2), Slots("b", 0)], {"a": 2}, [(5, "a"), (6, "a")], id="it rather waits, others do not"
        ),
        pytest.param([Slots("a", 2), Slots("b", 0, is_open=False)], {"a": 2}, [(4, "a"), (5, "a")], id="nowhere else"),
        pytest.param([Slots("a", 2), Slots("b", 2)], {"a": 1, "b": 1}, [(4, "a"), (5, "a")], id="tried everywhere"),
        pytest.param([Slots("a", 2), Slots("b", 2)], {"a": 2, "b": 1}, [(4, "b"), (5, "a")], id="where it was least"),
        pytest.param([Slots("a", 0), Slots("b", 1)], {"a": 1}, [(4, "b")], id="no room for more"),
    ],
)
def test_a_chunk_that_was_tried_in_vain_goes_elsewhere(free, tried, expected):
    waiting = {4: Tried(tried, may_wait=True)}
    assert place([4, 5, 6], free, waiting, 2) == expected


def test_a_chunk_waits_for_another_target_no_longer_than_a_while():
    impatient = Tried({"a": 2}, may_wait=False)
    assert place([4], [Slots("a", 2), Slots("b", 0)], {4: impatient}) == [(4, "a")]
    assert place([4], [Slots("a", 2), Slots("b", 1)], {4: impatient}) == [(4, "b")]


@pytest.mark.parametrize(
    ("wanted", "capacity", "granted"),
    [
        pytest.param({"a": (0, 10), "b": (0, 10)}, 8, {"a": 4, "b": 4}, id="evenly"),
        pytest.param({"a": (0, 1), "b": (0, 10)}, 8, {"a": 1, "b": 7}, id="what one leaves the other takes"),
        pytest.param({"a": (0, 10), "b": (5, 6)}, 8, {"a": 2, "b": 6}, id="priority first"),
        pytest.param({"a": (0, 3), "b": (0, 3)}, 0, {"a": 0, "b": 0}, id="no capacity"),
        pytest.param({"a": (0, 9), "b": (0, 9), "c": (0, 9)}, 4, {"a": 2, "b": 1, "c": 1}, id="all of it is used"),
    ],
)
def test_fair_share(wanted, capacity, granted):
    requests = [SlotRequest(uid, priority, count) for uid, (priority, count) in wanted.items()]
    assert shares(requests, capacity) == granted


def test_backoff_doubles_within_its_bounds_and_is_the_same_each_time():
    first, longest = seconds(10), seconds(60)
    backoff = Backoff(base=10, cap=60, jitter=0.5)
    waits = [retry_delay(UID, PLAN, failures, backoff) for failures in range(1, 20)]
    for failures, wait in enumerate(waits, start=1):
        full = min(first * 2 ** (failures - 1), longest)
        assert full / 2 <= wait <= full
    assert waits == [retry_delay(UID, PLAN, failures, backoff) for failures in range(1, 20)]


@pytest.mark.parametrize(
    ("exit_code", "failures", "total", "reason"),
    [
        (1, 3, 3, None),
        (64, 1, 1, reasons.INPUT_INVALID),
        (1, 4, 4, reasons.RETRIES_EXHAUSTED),
        (1, 1, 21, reasons.TOO_MANY_FAILURES),
        (None, 1, 1, None),
    ],
)
def test_when_a_render_is_given_up(exit_code, failures, total, reason):
    found = given_up(PLAN, exit_code, failures, total, Retries(perChunk=3, total=20), "words")
    assert (found and found.reason) == reason
    assert found is None or "words" in found.message


@pytest.mark.parametrize(
    ("failures", "limit", "words"),
    [
        (1, 0, "the plan failed and is not tried again (spec.execution.retries.perChunk is 0): no room"),
        (
            3,
            2,
            (
                "the plan failed 3 times and is not tried again (spec.execution.retries.perChunk is 2): "
                "the last time: no room"
            ),
        ),
    ],
)
def test_words_of_a_render_that_is_given_up(failures, limit, words):
    found = given_up(PLAN, 1, failures, failures, Retries(perChunk=limit), "no room")
    assert found is not None
    assert found.message == words


SMALL = RenderTargetSpec.model_validate({"kubernetes": {"pod": {"resources": {"limits": {"memory": "100Mi"}}}}})
TOLD = '{"message": "the browser ended"}'


@pytest.mark.parametrize(
    ("ended", "reason", "words"),
    [
        pytest.param({"exit_code": 1, "message": TOLD}, "WorkerFailed", ["the browser ended"], id="its own words"),
        pytest.param({"exit_code": 75, "message": TOLD}, "OutOfResources", ["the browser ended"], id="disk full"),
        pytest.param({"exit_code": 137}, "WorkerKilled", ["exit code 137"], id="killed"),
        pytest.param({"exit_code": None}, "WorkerKilled", ["the pod was killed"], id="gone"),
        pytest.param(
            {"exit_code": 137, "reason": "OOMKilled"}, "OutOfResources",
            ["its limit of 100Mi", "raise resources.limits.memory of the RenderTarget small"], id="out of memory",
        ),
        pytest.param(
            {"exit_code": 1, "reason": "OOMKilled", "message": TOLD}, "OutOfResources", ["its limit of 100Mi"],
            id="a browser was, and the worker noticed",
        ),
        pytest.param(
            {"exit_code": 137, "reason": "OOMKilled", "target": "kubernetes"}, "OutOfResources",
            ["its node ran out of memory", "set resources.requests.memory"], id="without a limit",
        ),
        pytest.param(
            {"exit_code": 64, "reason": "OOMKilled", "message": TOLD}, "WorkerFailed", ["the browser ended"],
            id="the page is wrong whatever the memory",
        ),
        pytest.param(
            {"exit_code": 137, "reason": "Evicted", "message": "Pod ephemeral local storage usage exceeds 1Mi. "},
            "OutOfResources", ["evicted the pod: Pod ephemeral", "raise resources.limits.ephemeral-storage"],
            id="too much on its disk",
        ),
        pytest.param(
            {"exit_code": 143, "reason": "DeadlineExceeded", "allowed": seconds(20)}, "DeadlineExceeded",
            ["longer than spec.execution.chunkTimeout (20 s) and was stopped"], id="too long",
        ),
        pytest.param(
            {"exit_code": 143, "reason": "DeadlineExceeded", "work": PLAN}, "DeadlineExceeded",
            ["longer than the time limit of a plan and was stopped"], id="too long for a plan",
        ),
    ],
)  # fmt: skip
def test_why_an_attempt_failed(ended, reason, words):
    target = ended.get("target", "small")
    found = cause_of(attempt("failed", **{"target": target, **ended}), {"small": SMALL}.get(target))
    assert found.reason == reason
    for word in words:
        assert word in found.message


@pytest.mark.parametrize(
    ("attempts", "told"),
    [
        pytest.param([attempt("running"), attempt("waiting", age=9)], "", id="nothing"),
        pytest.param([attempt("queued", age=999)], "", id="a queue holds it back"),
        pytest.param([attempt("running", stopping=True, leaving="the pod was deleted")], "", id="we stop it"),
        pytest.param(
            [attempt("waiting", 1, age=10, waiting="ErrImagePull: x"), attempt("waiting", 2, age=99)],
            "2 pods are not starting: ErrImagePull: x",
            id="not starting",
        ),
        pytest.param([attempt("running", silent=True)], "a pod is on a node that does not answer", id="silent"),
        pytest.param(
            [attempt("running", silent=True, leaving="Drain: 5"), attempt("waiting", 1, age=20, waiting="no room")],
            "a pod is being taken away: Drain: 5; a pod is not starting: no room",
            id="leaving",
        ),
    ],
)
def test_what_holds_a_render_up(attempts, told):
    assert delay(attempts, NOW) == told


def test_patience_is_a_multiple_of_the_median():
    done = [attempt("succeeded", index, age=age) for index, age in enumerate((30, 40, 500))]
    assert straggler_limit(done, Stragglers(factor=3, minimum="60s")) == seconds(120)
    assert straggler_limit(done, Stragglers(factor=3, minimum="5m")) == timedelta(minutes=5)
    assert straggler_limit(done[:2], Stragglers()) is None


@pytest.mark.parametrize(
    ("attempts", "slow"),
    [
        pytest.param([attempt("running", 1, age=121)], [1], id="slow"),
        pytest.param([attempt("running", 1, age=119)], [], id="not yet"),
        pytest.param([attempt("waiting", 1, age=999)], [], id="has not started"),
        pytest.param([attempt("queued", 1, age=999)], [], id="is in a queue"),
        pytest.param([attempt("running", 1, age=300), attempt("running", 1, 2)], [], id="has its duplicate"),
        pytest.param([attempt("running", 1, age=300), attempt("failed", 1, 2)], [], id="had one"),
        pytest.param([attempt("running", 1, age=200), attempt("running", 2, age=300)], [2, 1], id="slowest first"),
    ],
)
def test_stragglers(attempts, slow):
    assert [work.chunk for work in stragglers(by_work(attempts), seconds(120), NOW)] == slow


def test_deadlines():
    assert has_not_started(attempt("waiting", age=601), NOW, seconds(600))
    assert not has_not_started(attempt("queued", age=601), NOW, seconds(600))
    assert not has_not_started(attempt("running", age=601), NOW, seconds(600))
    assert is_lost(attempt("running", terminating_since=NOW - seconds(121)), NOW, seconds(120))
    assert not is_lost(attempt("running", terminating_since=NOW - seconds(9)), NOW, seconds(120))
    assert not is_lost(attempt("running", age=999), NOW, seconds(120))
    assert is_over(NOW - seconds(61), NOW, seconds(60))
    assert not is_over(NOW - seconds(61), NOW, None)
    assert not is_over(None, NOW, seconds(60))


@pytest.mark.parametrize(
    ("observed", "found", "suspended", "stopped"),
    [
        pytest.param(status("a."), attempt("running"), False, False, id="at work"),
        pytest.param(status("#."), attempt("running"), False, True, id="overtaken by another attempt"),
        pytest.param(status("a.", [retry(0, 1)]), attempt("running"), False, True, id="given up"),
        pytest.param(status("a.", [retry(0, 1)]), attempt("running", 0, 2), False, False, id="the next attempt"),
        pytest.param(status("a."), attempt("running"), True, True, id="suspended"),
        pytest.param(status("a."), attempt("succeeded"), True, False, id="finished anyway"),
        pytest.param(status("a."), attempt("running", stopping=True), True, False, id="under way"),
        pytest.param(status("a!", completionTime=NOW), attempt("running"), False, True, id="the render ended"),
        pytest.param(status("a."), attempt("running", PLAN), False, True, id="planned already"),
        pytest.param(status("##"), attempt("running", STITCH), False, False, id="the stitch"),
    ],
)
def test_what_is_stopped(observed, found, suspended, stopped):
    assert bool(attempts_to_stop(observed, [found], suspended=suspended)) is stopped


def plan_message(**changes: object) -> str:
    said = {"jobPath": JOB_PATH, "jobId": JOB_ID, "frames": 300, "chunks": 5, "cached": "5", "stateful": False}
    return json.dumps({**said, **changes})


def test_a_plan_is_read():
    found = worker_results.plan_result(plan_message(warnings=["a\nb"] * 20), "file:///artifacts/")
    assert found is not None
    plan, marks = found
    assert (plan.frames, plan.chunks, plan.cached, marks) == (300, 5, 2, "=.=..")
    assert plan.warnings == ["a b"] * 8


@pytest.mark.parametrize(
    "message",
    [
        "",
        "garbage",
        "[]",
        "null",
        "[" * 4000,
        "9" * 4090,
        plan_message(frames="300"),
        plan_message(frames=True),
        plan_message(frames=-1),
        plan_message(chunks=10_001),
        plan_message(chunks=1e9),
        plan_message(cached="xyz"),
        plan_message(jobPath="s3://theirs/jobs/x/job.json"),
        plan_message(jobPath=f"file:///artifacts/../jobs/{JOB_ID}/job.json"),
        plan_message(jobId="../x"),
        plan_message(padding="x" * 4096),
        plan_message() + "\ud800",
    ],
)
def test_no_plan(message):
    assert worker_results.plan_result(message, "file:///artifacts/") is None


@pytest.mark.parametrize(
    ("message", "bad"),
    [
        ('{"badChunks": "a"}', [1, 3]),
        ('{"badChunks": "21"}', [0]),
        ('{"badChunks": [1, 3]}', []),
        ('{"badChunks": "-a"}', []),
        ('{"badChunks": 3}', []),
        ("garbage", []),
    ],
)
def test_bad_chunks(message, bad):
    assert worker_results.bad_chunks(message, 5) == bad


def test_a_film_that_lies_about_its_length_is_kept_without_its_claims():
    message = json.dumps({"sha256": "ab" * 32, "bytes": 7, "frames": 300})
    assert worker_results.film_result(message, "s3://a/b.mp4", 300).bytes == 7
    assert worker_results.film_result(message, "s3://a/b.mp4", 299).sha256 == ""
    assert worker_results.film_result("garbage", "s3://a/b.mp4", 300).url == "s3://a/b.mp4"


@pytest.mark.parametrize(
    ("sound", "heard"),
    [
        (
            {"sources": 2, "seconds": 12.5, "loudness": -14.2, "peak": -1},
            SoundStatus(sources=2, seconds=12.5, loudness=-14.2),
        ),
        ({"sources": 0, "seconds": 1, "loudness": None}, SoundStatus(seconds=1)),
        (None, None),
    ],
)
def test_what_is_heard(sound, heard):
    message = json.dumps({"sha256": "ab" * 32, "bytes": 7, "frames": 300, "sound": sound})
    assert worker_results.film_result(message, "s3://a/b.mp4", 300).sound == heard


@pytest.mark.parametrize(
    ("message", "exit_code", "words"),
    [
        ('{"message": "frame 7: no asset"}', 64, "frame 7: no asset"),
        ("Traceback\x1b[31m\nboom", 1, "Traceback boom"),
        ("", 137, "exit code 137"),
        ("", None, "the pod was killed"),
        ('{"message": 5}', 1, '{"message": 5}'),
        ("\x1b[1;31mred\x1b[0m \N{RIGHT-TO-LEFT OVERRIDE}4pm\N{ZERO WIDTH SPACE}", 1, "red 4pm"),
        (
            "\N{WOMAN}\N{ZERO WIDTH JOINER}\N{PERSONAL COMPUTER}",
            1,
            "\N{WOMAN}\N{ZERO WIDTH JOINER}\N{PERSONAL COMPUTER}",
        ),
        (r'{"message": "\ud800"}', 1, "?"),
    ],
)
def test_words(message, exit_code, words):
    assert worker_results.failure_text(message, exit_code) == words


def test_long_words_keep_their_end():
    assert len(worker_results.failure_text("x" * 3000 + "the end", 1)) == worker_results.MAX_TEXT
    assert worker_results.failure_text("x" * 3000 + "the end", 1).endswith("the end")
