"""How long a confirmation goes on."""

from __future__ import annotations

from typing import Any

import pytest

from search.results.told_apart import (
    CLEARLY_EQUAL,
    MOST_PAIRS,
    is_quick,
    is_quick_anywhere,
    pair_budget,
    told_apart,
)
from search.strategy.study_model import Answer, Difference, Estimate
from search.strategy.sureness import probability_of
from tests.search_tests.studies import study_spec
from warmboot.schedule import WarmbootSchedule

MANY = 10**6
"""Degrees of freedom: the normal distribution."""


def estimate(*, is_baseline: bool) -> Estimate:
    schedule = WarmbootSchedule(lr=0.1, eta_min=0.0 if is_baseline else 0.2)
    return Estimate(
        {}, schedule, mean=2.0, sd=0.1, n_runs=1, number=0, cautious=2.05, is_baseline=is_baseline
    )


LEADER, BASELINE = estimate(is_baseline=False), estimate(is_baseline=True)


@pytest.mark.parametrize(
    ("gain", "sd", "apart"),
    [
        (2.34, 1.0, True),  # 99.03% likely to be better
        (2.31, 1.0, False),  # 98.95%
        (0.5, 1.0, False),
        (-1.60, 1.0, False),  # 5.5%
        (-1.65, 1.0, True),  # 4.9%: it lost
        (-5.0, 1.0, True),
        # the noise between seeds is 1; alike is what lies within 0.35 of it with 95% probability
        (0.0, 0.21, True),
        (0.0, 0.22, False),
        (0.2, 0.09, True),  # 98.7% likely, but alike
        (0.1, 0.15, True),
        (0.2, 0.12, False),
    ],
)
def test_two_are_told_apart_where_one_is_surely_better_or_both_are_alike(
    gain: float, sd: float, apart: bool
) -> None:
    answer = Answer(LEADER, BASELINE, Difference(gain, sd, MANY), noise_sd=1.0)
    assert told_apart(answer) is apart


def test_few_repeats_are_not_sure_of_the_same_numbers() -> None:
    few, many = (Answer(LEADER, BASELINE, Difference(3.0, 1.0, f), noise_sd=1.0) for f in (1, MANY))
    assert probability_of(3.0, 1.0, 1) < 0.98
    assert not told_apart(few)
    assert told_apart(many)


@pytest.mark.parametrize(("leader", "baseline"), [(LEADER, None), (None, BASELINE)])
def test_one_alone_needs_no_pairs(leader: Estimate | None, baseline: Estimate | None) -> None:
    assert told_apart(Answer(leader, baseline, None, noise_sd=1.0))


@pytest.mark.parametrize(
    ("limit", "seconds", "runs"),
    [
        ({"n_trials": 200}, 60.0, 20),  # a tenth of the study
        ({"n_trials": 200}, None, 20),  # how long one takes is not known
        ({"n_trials": 200}, 1.0, 20),
        ({"n_trials": 9}, 3600.0, 0),
        ({"n_trials": None, "budget": "2h"}, 60.0, 0),  # only time limits it: no more than planned
        ({"n_trials": None, "budget": "2h"}, None, 0),
    ],
)
def test_where_runs_take_long_a_tenth_of_them_is_what_pairs_may_cost(
    limit: dict[str, Any], seconds: float | None, runs: int
) -> None:
    assert pair_budget(study_spec(**limit), quick=is_quick(seconds)).runs == runs


@pytest.mark.parametrize("limit", [{"n_trials": 8}, {"n_trials": 1000}, {"n_trials": None, "budget": "2h"}])
def test_where_runs_are_quick_thirty_pairs_are_never_too_many(limit: dict[str, Any]) -> None:
    budget = pair_budget(study_spec(**limit), quick=is_quick(0.99))
    assert budget.pairs == MOST_PAIRS == 30
    assert budget.runs >= 10 * MOST_PAIRS


@pytest.mark.parametrize(("n_runs", "runs"), [(8, 0), (24, 6), (1000, 15)])
@pytest.mark.parametrize("seconds", [0.01, 60.0, None])
def test_where_runs_are_counted_pairs_take_no_more_than_was_set_aside(
    n_runs: int, runs: int, seconds: float | None
) -> None:
    spec = study_spec(n_trials=None, n_runs=n_runs)
    assert pair_budget(spec, quick=is_quick(seconds)).runs == spec.confirmation_size.most_runs == runs


def test_thirty_pairs_can_show_that_two_are_alike() -> None:
    """Or a confirmation of two that are equal would always go on to the end."""
    sd_of_mean = 1.0 / MOST_PAIRS**0.5
    assert 1.64 * sd_of_mean < CLEARLY_EQUAL


@pytest.mark.parametrize(
    ("facts", "total_steps", "quick"),
    [
        ({"parameters": 31447, "batch_size": 32}, 600, True),  # char_lm
        ({"parameters": 67680, "batch_size": 8}, 600, True),
        ({"parameters": 31447, "batch_size": 32}, 60_000, False),
        ({"parameters": 10_000_000, "batch_size": 32}, 600, False),
        ({}, 10, False),  # not known: it may take long
    ],
)
def test_what_a_training_has_to_do_tells_on_any_machine_whether_it_is_quick(
    facts: dict[str, int], total_steps: int, quick: bool
) -> None:
    assert is_quick_anywhere(facts, total_steps) is quick
