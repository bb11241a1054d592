"""Where a film is cut: always on the unit grid, by frames, by count or by estimated time."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helios_crds.request import ChunkingRequest, CompositionRequest, RenderRequest
from helios_worker.errors import UserError
from helios_worker.jobs.spec import CostPoint, FilmSpec
from helios_worker.planning.chunking import LEAST_SHARE, CostCurve, chunk_bounds, cut_chunks, frame_costs, join_small
from tests.unit.worker.builders import ENGINE, film
from tests.unit.worker.counting import counting

COST_BASED = ("count", "targetSeconds")


def asked(**chunking: object) -> RenderRequest:
    return RenderRequest(composition=CompositionRequest(url="page"), chunking=ChunkingRequest.model_validate(chunking))


def points(*pairs: tuple[int, float]) -> list[CostPoint]:
    return [CostPoint(frame=frame, seconds=seconds) for frame, seconds in pairs]


@st.composite
def films(draw: st.DrawFn) -> FilmSpec:
    frames = draw(st.integers(1, 3000))
    first = draw(st.integers(0, frames - 1))
    return film(frames, first=first, end=draw(st.integers(first + 1, frames)), unit=draw(st.integers(1, 200)))


chunkings = st.one_of(
    st.just({}),
    st.builds(lambda n: {"frames": n}, st.integers(1, 4000)),
    st.builds(lambda n: {"count": n}, st.integers(1, 100)),
    st.builds(lambda s: {"targetSeconds": s}, st.floats(0.01, 1000)),
)
curves = st.lists(st.tuples(st.integers(0, 3000), st.floats(0.0001, 5)), max_size=6, unique_by=lambda p: p[0]).map(
    lambda pairs: points(*sorted(pairs))
)


@given(films(), curves, chunkings)
def test_chunks_cover_the_range_and_meet_on_the_grid(whole, costs, chunking):
    bounds = chunk_bounds(whole, costs, asked(**chunking))
    assert (bounds[0], bounds[-1]) == (whole.first, whole.end)
    assert all(start < end for start, end in pairwise(bounds))
    assert all(frame % whole.encoder.unit_frames == 0 for frame in bounds[1:-1])


@given(films(), curves, st.integers(1, 100))
def test_no_more_chunks_than_asked_for(whole, costs, count):
    assert len(chunk_bounds(whole, costs, asked(count=count))) - 1 <= count


@given(films(), st.integers(1, 4000))
def test_no_inner_chunk_has_fewer_frames_than_asked_for(whole, frames):
    bounds = chunk_bounds(whole, [], asked(frames=frames))
    assert all(end - start >= frames for start, end in list(pairwise(bounds))[1:-1])


@given(films(), curves, st.floats(0.5, 500))
def test_no_chunk_costs_more_than_the_target_and_one_unit(whole, costs, target):
    unit, curve = whole.encoder.unit_frames, frame_costs(whole, costs)
    dearest = max(curve.between(f, f + unit) for f in range(0, whole.end, unit))
    for start, end in pairwise(chunk_bounds(whole, costs, asked(targetSeconds=target))):
        assert curve.between(start, end) <= 1.5 * target + dearest + 1e-6


@given(films(), curves, st.one_of(*(st.builds(lambda n, by=by: {by: n}, st.integers(1, 90)) for by in COST_BASED)))
def test_no_chunk_is_much_smaller_than_the_target(whole, costs, chunking):
    curve = frame_costs(whole, costs)
    spent = [curve.between(start, end) for start, end in pairwise(chunk_bounds(whole, costs, asked(**chunking)))]
    target = chunking.get("targetSeconds") or sum(spent) / chunking["count"]
    assert len(spent) == 1 or min(spent) >= LEAST_SHARE * target - 1e-6


def test_after_one_dear_unit_chunks_are_as_large_as_before():
    """Chunks that make up for it would be of one unit each: 300 s are spent in the third, 1 s in every other."""
    costs = points((0, 0.1), (19, 0.1), (20, 30.0), (29, 30.0), (30, 0.1), (399, 0.1))
    bounds = chunk_bounds(film(400, unit=10), costs, asked(targetSeconds=10))
    assert bounds[1] == 30
    assert min(end - start for start, end in list(pairwise(bounds))[1:]) >= 60


@pytest.mark.parametrize(
    ("work", "bounds"),
    [
        pytest.param([10, 10, 10], [0, 1, 2, 3], id="nothing is small"),
        pytest.param([10, 10, 1], [0, 1, 3], id="the rest at the end joins the last"),
        pytest.param([1, 10, 10], [0, 2, 3], id="the first joins the second"),
        pytest.param([10, 1, 8], [0, 1, 3], id="the smaller neighbour is on the right"),
        pytest.param([8, 1, 10], [0, 2, 3], id="the smaller neighbour is on the left"),
        pytest.param([1, 1, 1, 1, 1, 1], [0, 2, 4, 6], id="small ones join each other"),
        pytest.param([1], [0, 1], id="a film of one small chunk"),
    ],
)
def test_small_chunks_join_their_smaller_neighbour(work, bounds):
    least = 2 if len(set(work)) == 1 else 2.5
    assert join_small(list(range(len(work) + 1)), work, least) == bounds


def test_chunks_of_equal_cost_not_of_equal_length():
    """The second half is ten times dearer, so it gets most of the chunks."""
    whole, costs = film(1200, unit=10), points((0, 0.1), (599, 0.1), (600, 1.0), (1199, 1.0))
    bounds = chunk_bounds(whole, costs, asked(count=11))
    curve = frame_costs(whole, costs)
    spent = [curve.between(start, end) for start, end in pairwise(bounds)]
    assert len(spent) == 11
    assert max(spent) < 1.2 * min(spent)
    assert bounds[1] > 400


def test_an_even_film_is_cut_evenly():
    assert chunk_bounds(film(1200, unit=60), points((0, 0.1)), asked(count=4)) == [0, 300, 600, 900, 1200]


@pytest.mark.parametrize(
    ("first", "end", "chunking", "bounds"),
    [
        pytest.param(0, 300, {"frames": 120}, [0, 120, 240, 300], id="by frames"),
        pytest.param(0, 300, {"frames": 100}, [0, 120, 240, 300], id="by frames, rounded up to units"),
        pytest.param(50, 250, {"frames": 60}, [50, 60, 120, 180, 240, 250], id="a range off the grid meets it at once"),
        pytest.param(60, 180, {"frames": 60}, [60, 120, 180], id="a range on the grid"),
        pytest.param(61, 62, {"count": 9}, [61, 62], id="one frame is one chunk"),
        pytest.param(0, 300, {"count": 100}, [0, 60, 120, 180, 240, 300], id="no more chunks than units"),
    ],
)
def test_bounds(first, end, chunking, bounds):
    assert chunk_bounds(film(300, first=first, end=end), points((0, 0.1)), asked(**chunking)) == bounds


@given(films(), st.integers(1, 4000), st.integers(0, 3000))
def test_a_range_is_cut_where_the_whole_film_is(whole, frames, first):
    """So that a render of the whole finds the chunks of a range, and the other way about."""
    tail = whole.model_copy(update={"first": min(first, whole.end - 1)})
    inner = chunk_bounds(whole.model_copy(update={"first": 0}), [], asked(frames=frames))[1:-1]
    assert chunk_bounds(tail, [], asked(frames=frames))[1:-1] == [f for f in inner if f > tail.first]


@given(curves, st.integers(0, 2000), st.integers(0, 2000), st.floats(0, 1))
def test_a_run_costs_what_its_frames_cost(costs, start, count, encode):
    curve = CostCurve(tuple(costs), encode)
    assert curve.between(start, start + count) == pytest.approx(sum(map(curve.at, range(start, start + count))))


def test_chunks_are_numbered_and_keyed():
    made = cut_chunks(film(150), points((0, 0.5)), asked(frames=60), ENGINE)
    assert [(c.id, c.startFrame, c.frameCount) for c in made] == [(0, 0, 60), (1, 60, 60), (2, 120, 30)]
    assert len({c.key for c in made}) == 3
    assert len({c.outputFile for c in made}) == 3
    assert made[0].cost == pytest.approx(60 * (0.5 + 0.012 * 0.0144), rel=1e-3)


def test_more_chunks_than_a_job_can_have_are_refused():
    with pytest.raises(UserError, match=r"1000000 chunks.*at most 10000.*chunking.frames"):
        chunk_bounds(film(1_000_000, unit=1), [], asked(frames=1))


def test_the_longest_film_has_no_more_chunks_than_a_job_can_have_for_any_target():
    bounds = chunk_bounds(film(1_000_000, unit=10), points((0, 0.5)), asked(targetSeconds=1))
    assert 5_000 < len(bounds) - 1 <= 10_000


def test_the_longest_film_is_cut_in_a_moment():
    """Frame by frame it took a minute."""
    with counting() as calls:
        assert len(chunk_bounds(film(10_000_000), points((0, 0.05), (9_000_000, 0.01)), asked(count=100))) == 101
    assert calls[0] < 1_000_000


def test_cost_between_samples_is_interpolated_and_beyond_them_held():
    curve = CostCurve(tuple(points((10, 1.0), (20, 2.0), (40, 0.0))), encode=0.5)
    assert [curve.at(n) for n in (0, 10, 15, 20, 30, 40, 99)] == [1.5, 1.5, 2.0, 2.5, 1.5, 0.5, 0.5]
    assert curve.between(10, 12) == pytest.approx(1.5 + 1.6)


def test_without_samples_every_frame_costs_the_same():
    curve = CostCurve((), encode=0.1)
    assert curve.at(0) == curve.at(99) > 0.1
