"""The bracketing of one shape's peak lr: pure decisions, played through on responses of every form."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.strategy.lr_bracket import (
    FEW_RUNS,
    FEWEST,
    FINEST,
    MOST,
    SAME_LR,
    SPACING,
    LrBracket,
    plan_bracket,
)

Truth = Callable[[float], float]
LOW, HIGH = math.log(1e-4), math.log(1.0)


def played(bracket: LrBracket, truth: Truth, at_once: int = 1) -> dict[float, float]:
    """Log peak lr -> value of all that it asks for, `at_once` of them trained together."""
    values: dict[float, float] = {}
    while True:
        wanted = bracket.next(values, [])
        assert wanted is not None, "nothing is in training, so there is nothing to wait for"
        if not wanted:
            return values
        values |= {x: truth(x) for x in wanted[:at_once]}


def best_of(values: dict[float, float]) -> float:
    return min(values, key=lambda x: values[x])


def valley(at: float, left: float = 1.0, right: float = 1.0) -> Truth:
    """Falls to `at` and rises behind it, each side at its own rate."""
    return lambda x: left * (at - x) if x < at else right * (x - at)


def test_the_grid_lies_inside_the_range_and_begins_in_its_middle() -> None:
    grid = plan_bracket(0.0, 4.6, n_runs=20).grid
    assert sorted(grid) == pytest.approx([0.575, 1.725, 2.875, 4.025])
    assert set(grid[:2]) == set(sorted(grid)[1:3])


@pytest.mark.parametrize(
    ("n_runs", "n_grid", "most_runs"),
    [
        (1, FEWEST, 1),  # fewer runs than the grid has places
        (4, FEWEST, 4),  # half of the runs at most, but three
        (8, 4, 6),  # three of four runs at most, but six
        (12, 6, 9),
        (100, 8, 9),  # half a decade between two of the grid
        (None, 8, 9),
    ],
)
def test_the_bracket_costs_what_the_study_can_afford(n_runs: int | None, n_grid: int, most_runs: int) -> None:
    bracket = plan_bracket(LOW, HIGH, n_runs=n_runs)
    assert (len(bracket.grid), bracket.most_runs) == (n_grid, most_runs)
    assert bracket.most_runs <= (n_runs or MOST)


def test_a_range_without_room_is_one_run() -> None:
    bracket = plan_bracket(-1.0, -1.0 + SAME_LR / 2, n_runs=20)
    values = played(bracket, valley(0.0))
    assert len(values) == 1


def test_both_sides_of_the_best_are_refined_the_better_neighbours_first() -> None:
    bracket = LrBracket(0.0, 4.0, (0.5, 2.0, 3.5), most_runs=9)
    values = {0.5: 3.0, 2.0: 1.0, 3.5: 2.0}
    assert bracket.next(values, []) == [2.75, 1.25]


def test_it_ends_where_both_neighbours_are_close() -> None:
    bracket = LrBracket(0.0, 4.0, (1.4, 2.0, 2.6), most_runs=9)
    assert bracket.next({1.4: 2.0, 2.0: 1.0, 2.6: 2.0}, []) == []


@pytest.mark.parametrize(("sign", "end"), [(1.0, 6.0), (-1.0, -2.0)])
def test_at_the_edge_it_walks_outwards_to_the_end_of_the_range_and_stops(sign: float, end: float) -> None:
    bracket = LrBracket(-2.0, 6.0, (1.0, 2.0, 3.0), most_runs=20)
    values = played(bracket, lambda x: -sign * x)
    assert best_of(values) == end
    assert all(-2.0 <= x <= 6.0 for x in values)
    steps = sorted(values, reverse=sign < 0)
    inner = sorted(values, key=lambda x: abs(x - end))[1]
    assert abs(inner - end) <= FINEST + SAME_LR, f"the last two are neighbours: {steps}"


def test_the_walk_outwards_comes_before_the_refinement_inside() -> None:
    bracket = LrBracket(-2.0, 6.0, (1.0, 2.0, 3.0), most_runs=20)
    assert bracket.next({1.0: 3.0, 2.0: 2.0, 3.0: 1.0}, []) == [4.0, 2.5]


FEW = LrBracket(0.0, 6.0, (1.0, 3.0, 5.0), most_runs=4, leaps=True)


@pytest.mark.parametrize(
    ("values", "lr"),
    [
        ((4.9, 0.0, 3.2), 3.6),  # the parabola's minimum is close by: three tenths of the way at least
        ((9.0, 1.0, 1.0), 4.0),  # half-way where the neighbour is as good
        ((5.0, 0.0, 9.0), 2.4),  # to the side of the better neighbour
        ((1.0, 1.5, 9.0), 2.0),  # at the edge, but the way outwards would lead up
        ((1.0, 6.0, 12.0), 0.0),  # at the edge, and it lies outside: the end of the range
        ((1.0, 1.5, math.inf), 0.0),  # what diverged bends nothing: outwards
        ((9.0, 1.0, math.inf), 2.4),  # beside the best it says where not to go
        ((2.0, 2.0, 2.0), 0.0),  # nothing is known: as without
    ],
)
def test_with_few_runs_the_next_lies_where_a_parabola_points(values: tuple[float, ...], lr: float) -> None:
    wanted = FEW.next(dict(zip(FEW.grid, values, strict=True)), [])
    assert wanted is not None
    assert wanted == pytest.approx([lr])


def test_only_with_few_runs_a_parabola_is_believed() -> None:
    assert plan_bracket(LOW, HIGH, n_runs=FEW_RUNS).leaps
    assert not plan_bracket(LOW, HIGH, n_runs=FEW_RUNS + 1).leaps
    assert not plan_bracket(LOW, HIGH, n_runs=None).leaps


@given(st.floats(LOW + 1.6, HIGH - 1.6))
def test_with_four_runs_the_bottom_of_a_round_valley_is_found(best: float) -> None:
    values = played(plan_bracket(LOW, HIGH, n_runs=4), lambda x: (x - best) ** 2)
    assert abs(best_of(values) - best) <= (HIGH - LOW) / 3 * 0.3


def test_a_cliff_beside_the_best_costs_a_run_and_not_the_answer() -> None:
    """Flat on the left, 80 times as bad right of -4.1: the best is just before the wall."""
    values = played(plan_bracket(LOW, HIGH, n_runs=12), lambda x: 80.0 if x > -4.1 else 2.0 - 0.02 * x)
    assert -4.1 - FINEST <= best_of(values) <= -4.1


def test_a_second_valley_that_is_less_deep_is_left_alone() -> None:
    truth = lambda x: min(abs(x + 6.0), 0.5 + abs(x + 1.5))  # noqa: E731
    values = played(plan_bracket(LOW, HIGH, n_runs=12), truth)
    assert abs(best_of(values) + 6.0) <= FINEST / 2


def test_no_more_runs_than_it_may_whatever_is_seen() -> None:
    for n_runs in range(1, 30):
        bracket = plan_bracket(LOW, HIGH, n_runs=n_runs)
        for truth in (valley(-3.0), lambda x: x, lambda x: -x, lambda _: 1.0):
            assert len(played(bracket, truth)) <= bracket.most_runs


def test_the_grid_needs_no_results_and_what_follows_waits_for_them() -> None:
    bracket = plan_bracket(LOW, HIGH, n_runs=20)
    out: list[float] = []
    while wanted := bracket.next({}, out):
        out.append(wanted[0])
    assert out == list(bracket.grid)
    assert bracket.next({}, out) is None
    values = {x: abs(x + 3.0) for x in out[:-1]}
    assert bracket.next(values, out[-1:]) is None, "the last one decides too"
    assert bracket.next({**values, out[-1]: 9.0}, [])


def test_nothing_is_waited_for_once_all_runs_are_out() -> None:
    bracket = LrBracket(0.0, 4.0, (1.0, 2.0, 3.0), most_runs=3)
    assert bracket.next({1.0: 1.0}, [2.0, 3.0]) == []


def test_short_trainings_narrow_the_grid() -> None:
    """A grid twice as fine about where they were best, the middle first."""
    bracket = plan_bracket(LOW, HIGH, n_runs=20, start=-1.0, centre=-4.0)
    assert bracket.grid == (-4.0, -4.0 - SPACING / 2, -4.0 + SPACING / 2)


@pytest.mark.parametrize(
    ("start", "grid"),
    [
        (-4.0, (-4.0, -4.0 - SPACING, -4.0 + SPACING)),  # inside
        (HIGH - 0.5, (HIGH - 0.5, HIGH - 0.5 - SPACING)),  # no room on one side
        (HIGH + 20.0, (HIGH,)),  # outside: the nearest end
    ],
)
def test_with_a_start_it_begins_there(start: float, grid: tuple[float, ...]) -> None:
    assert plan_bracket(LOW, HIGH, n_runs=20, start=start).grid == pytest.approx(grid)


@pytest.mark.parametrize("decades", [-3.0, -1.0, 0.0, 2.0, 3.0])
def test_from_a_start_it_walks_to_an_optimum_three_decades_away(decades: float) -> None:
    start, best = math.log(1e-3), math.log(1e-3) + decades * math.log(10)
    bracket = plan_bracket(start - 9.2, start + 9.2, n_runs=20, start=start)
    values = played(bracket, valley(best))
    assert next(iter(values)) == start
    assert abs(best_of(values) - best) <= SPACING


unimodal = st.builds(valley, st.floats(LOW, HIGH), st.floats(0.01, 10.0), st.floats(0.01, 10.0))
brackets = st.builds(
    lambda n_runs, start: plan_bracket(LOW, HIGH, n_runs=n_runs, start=start),
    st.none() | st.integers(1, 40),
    st.none() | st.floats(LOW, HIGH),
)


@given(brackets, st.builds(lambda f, k: lambda x: f(x) + k(x), unimodal, unimodal), st.integers(1, 4))
def test_what_is_asked_for_lies_in_the_range_and_is_never_asked_twice(
    bracket: LrBracket, truth: Truth, at_once: int
) -> None:
    asked = sorted(played(bracket, truth, at_once))
    assert all(LOW <= x <= HIGH for x in asked)
    assert all(b - a >= SAME_LR for a, b in itertools.pairwise(asked))
    assert len(asked) <= bracket.most_runs


@given(unimodal)
def test_on_one_valley_the_best_is_bracketed_by_close_neighbours(truth: Truth) -> None:
    """With runs enough; so the optimum is no further away than the closer of them."""
    bracket = LrBracket(LOW, HIGH, plan_bracket(LOW, HIGH, n_runs=None).grid, most_runs=40)
    values = played(bracket, truth)
    tried = sorted(values)
    i = tried.index(best_of(values))
    optimum = min((LOW + (HIGH - LOW) * j / 5000 for j in range(5001)), key=truth)
    for neighbour in tried[max(i - 1, 0) : i] + tried[i + 1 : i + 2]:
        assert abs(neighbour - tried[i]) <= FINEST
    assert abs(tried[i] - optimum) <= FINEST
    assert i > 0 or tried[0] - LOW < SAME_LR, "at the end of the range, or with a neighbour"
    assert i < len(tried) - 1 or HIGH - tried[-1] < SAME_LR


@given(unimodal, st.integers(1, 40))
def test_it_is_never_worse_than_its_grid(truth: Truth, n_runs: int) -> None:
    bracket = plan_bracket(LOW, HIGH, n_runs=n_runs)
    values = played(bracket, truth)
    in_grid = [x for x in bracket.grid if x in values]
    assert min(values.values()) <= min(truth(x) for x in in_grid)
    best = best_of({x: truth(x) for x in in_grid})
    spacing = (HIGH - LOW) / len(bracket.grid)
    if len(in_grid) == len(bracket.grid):
        assert abs(best_of(values) - best) <= 1.5 * spacing + SAME_LR


def test_where_all_diverged_it_walks_down() -> None:
    """What diverged is infinitely bad, so nothing but the lr itself tells which of two is closer."""
    bracket = plan_bracket(LOW, HIGH, n_runs=20, start=-1.0)
    values = dict.fromkeys(bracket.grid, math.inf)
    wanted = bracket.next(values, [])
    assert wanted is not None
    assert wanted[0] == pytest.approx(min(bracket.grid) - SPACING)
