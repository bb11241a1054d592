"""Capacity: kept as demands change, the same as dividing them anew; and who is told of shared that become free."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from helios_crds.renderjob_status import ChunkCounts, TargetStatus
from helios_operator.control.capacity import FairShare, SlotRequest, shares, slot_requests
from helios_operator.model.decision import Demand
from helios_operator.model.observation import InvalidJob
from tests.unit.operator.builders import NOW, render_job, status

UIDS, TARGETS = "abcdefghij", ("one", "two")
MANY = 10_000
CHANGES = st.tuples(
    st.sampled_from(UIDS),
    st.dictionaries(st.sampled_from(TARGETS), st.tuples(st.integers(-1, 1), st.integers(0, 6))),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(CHANGES, max_size=40), st.integers(0, 40))
def test_shares_are_those_of_dividing_anew(changes, capacity):
    shared = FairShare()
    known: dict[str, dict[str, SlotRequest]] = {}
    given_before: dict[tuple[str, str], int] = {}
    due: set[str] = set()
    for uid, wanted in changes:
        known[uid] = {name: SlotRequest(uid, *numbers) for name, numbers in wanted.items()}
        due |= shared.put(uid, known[uid])
        for target in TARGETS:
            of_target = [of[target] for of in known.values() if target in of]
            expected = shares(of_target, capacity)
            gainers = set(shared.gainers(target, capacity))
            for demand in of_target:
                before = given_before.get((demand.uid, target))
                if demand.uid != uid and before is not None and expected[demand.uid] > before:
                    assert demand.uid in gainers
                    assert target in due
            assert {who: shared.give(who, target, capacity, MANY) for who in expected} == expected
            given_before = {key: value for key, value in given_before.items() if key[1] != target}
            given_before |= {(who, target): count for who, count in expected.items()}
        assert shared.give("nobody", "one", capacity, MANY) == 0


def test_a_thousand_who_want_alike():
    shared = FairShare()
    for index in range(1000):
        shared.put(f"{index:04}", {"one": SlotRequest(f"{index:04}", 0, 10)})
    given_shared = [shared.give(f"{index:04}", "one", 1500, MANY) for index in range(1000)]
    assert given_shared == [2] * 500 + [1] * 500


def test_who_got_enough_is_not_told():
    shared = FairShare()
    for uid, wanted in (("a", 5), ("b", 5), ("c", 1)):
        shared.put(uid, {"one": SlotRequest(uid, 0, wanted)})
    assert [shared.give(uid, "one", 6, MANY) for uid in "abc"] == [3, 2, 1]
    assert shared.gainers("one", 6) == []
    assert shared.put("a", {}) == {"one"}
    assert shared.gainers("one", 6) == ["b"]
    assert shared.give("b", "one", 6, MANY) == 5
    assert shared.put("c", {}) == set(), "nobody waits any more"


def test_who_cannot_have_its_share_yet_waits_for_it():
    shared = FairShare()
    for uid in "ab":
        shared.put(uid, {"one": SlotRequest(uid, 0, 6)})
    assert shared.give("a", "one", 6, 6) == 3, "it holds all six"
    assert shared.give("b", "one", 6, 0) == 3, "of which none is free"
    assert shared.gainers("one", 6) == ["b"]


def test_slot_requests():
    spec = {"execution": {"parallelism": 4, "priority": 7, "targets": [{"name": "one"}, {"name": "two"}]}}
    counts = ChunkCounts(total=10, done=8)
    wanted = slot_requests(render_job("########..", spec=spec, chunks=counts), Demand())
    assert wanted == dict.fromkeys(TARGETS, SlotRequest(render_job().uid, 7, 2))
    assert [demand.wanted for demand in slot_requests(render_job(), Demand()).values()] == [1], "not planned yet"
    assert slot_requests(render_job("##", completionTime=NOW), Demand()) == {}
    assert slot_requests(render_job("..", spec={"suspend": True}), Demand()) == {}
    assert slot_requests(replace(render_job(".."), deleting=True), Demand()) == {}
    assert slot_requests(render_job("########..", spec=spec, chunks=counts), Demand(duplicates=1))["one"].wanted == 3, (
        "and a duplicate"
    )


def test_what_nobody_can_use_is_no_demand():
    spec = {"execution": {"targets": [{"name": "one", "maxConcurrent": 3}, {"name": "two"}, {"name": "three"}]}}
    job = render_job("." * 10, spec=spec, chunks=ChunkCounts(total=10))
    wanted = slot_requests(job, Demand({"one": 5, "two": 1, "three": 0}))
    assert {name: demand.wanted for name, demand in wanted.items()} == {"one": 3, "two": 1}
    shared = FairShare()
    shared.put(job.uid, wanted)
    assert not shared.grows(job.uid, wanted)
    assert shared.grows(job.uid, slot_requests(job, Demand({"one": 5, "two": 2, "three": 0})))
    assert shared.grows(job.uid, slot_requests(job, Demand({"one": 5, "two": 1, "three": 1})))


def test_a_mistaken_job_keeps_what_it_has():
    held = [TargetStatus(name="one", active=3), TargetStatus(name="two")]
    job = InvalidJob("teaser", "films", "u", 1, "a mistake", status("aaa", targets=held))
    assert slot_requests(job, Demand()) == {"one": SlotRequest("u", 0, 3)}
