"""Capacity: kept as demands change, the same as dividing them anew; and who is told of places that become free."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from helios_crds.renderjob_status import ChunkCounts, TargetStatus
from helios_operator.control.capacity import Capacity, Demand, demands, shares
from helios_operator.model.state import InvalidJob
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
    places = Capacity()
    known: dict[str, dict[str, Demand]] = {}
    given_before: dict[tuple[str, str], int] = {}
    due: set[str] = set()
    for uid, wanted in changes:
        known[uid] = {name: Demand(uid, *numbers) for name, numbers in wanted.items()}
        due |= places.put(uid, known[uid])
        for target in TARGETS:
            of_target = [of[target] for of in known.values() if target in of]
            expected = shares(of_target, capacity)
            gainers = set(places.gainers(target, capacity))
            for demand in of_target:
                before = given_before.get((demand.uid, target))
                if demand.uid != uid and before is not None and expected[demand.uid] > before:
                    assert demand.uid in gainers
                    assert target in due
            assert {who: places.give(who, target, capacity, MANY) for who in expected} == expected
            given_before = {key: value for key, value in given_before.items() if key[1] != target}
            given_before |= {(who, target): count for who, count in expected.items()}
        assert places.give("nobody", "one", capacity, MANY) == 0


def test_a_thousand_who_want_alike():
    places = Capacity()
    for index in range(1000):
        places.put(f"{index:04}", {"one": Demand(f"{index:04}", 0, 10)})
    given_places = [places.give(f"{index:04}", "one", 1500, MANY) for index in range(1000)]
    assert given_places == [2] * 500 + [1] * 500


def test_who_got_enough_is_not_told():
    places = Capacity()
    for uid, wanted in (("a", 5), ("b", 5), ("c", 1)):
        places.put(uid, {"one": Demand(uid, 0, wanted)})
    assert [places.give(uid, "one", 6, MANY) for uid in "abc"] == [3, 2, 1]
    assert places.gainers("one", 6) == []
    assert places.put("a", {}) == {"one"}
    assert places.gainers("one", 6) == ["b"]
    assert places.give("b", "one", 6, MANY) == 5
    assert places.put("c", {}) == set(), "nobody waits any more"


def test_who_cannot_have_its_share_yet_waits_for_it():
    places = Capacity()
    for uid in "ab":
        places.put(uid, {"one": Demand(uid, 0, 6)})
    assert places.give("a", "one", 6, 6) == 3, "it holds all six"
    assert places.give("b", "one", 6, 0) == 3, "of which none is free"
    assert places.gainers("one", 6) == ["b"]


def test_demands():
    spec = {"execution": {"parallelism": 4, "priority": 7, "targets": [{"name": "one"}, {"name": "two"}]}}
    counts = ChunkCounts(total=10, done=8)
    wanted = demands(render_job("########..", spec=spec, chunks=counts), {})
    assert wanted == dict.fromkeys(TARGETS, Demand(render_job().uid, 7, 2))
    assert [demand.wanted for demand in demands(render_job(), {}).values()] == [1], "not planned yet"
    assert demands(render_job("##", completionTime=NOW), {}) == {}
    assert demands(render_job("..", spec={"suspend": True}), {}) == {}
    assert demands(replace(render_job(".."), deleting=True), {}) == {}
    assert demands(render_job("########..", spec=spec, chunks=counts), {}, 1)["one"].wanted == 3, "and a duplicate"


def test_what_nobody_can_use_is_no_demand():
    spec = {"execution": {"targets": [{"name": "one", "maxConcurrent": 3}, {"name": "two"}, {"name": "three"}]}}
    job = render_job("." * 10, spec=spec, chunks=ChunkCounts(total=10))
    wanted = demands(job, {"one": 5, "two": 1, "three": 0})
    assert {name: demand.wanted for name, demand in wanted.items()} == {"one": 3, "two": 1}
    places = Capacity()
    places.put(job.uid, wanted)
    assert not places.grows(job.uid, wanted)
    assert places.grows(job.uid, demands(job, {"one": 5, "two": 2, "three": 0}))
    assert places.grows(job.uid, demands(job, {"one": 5, "two": 1, "three": 1}))


def test_a_mistaken_job_keeps_what_it_has():
    held = [TargetStatus(name="one", active=3), TargetStatus(name="two")]
    job = InvalidJob("teaser", "films", "u", 1, "a mistake", status("aaa", targets=held))
    assert demands(job, {}) == {"one": Demand("u", 0, 3)}
