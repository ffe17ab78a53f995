"""A handful of full runs of one's own training, as `warmboot` is mostly used where a run takes an hour."""

from __future__ import annotations

import math

import pytest
from optuna.trial import TrialState

from search.runs.trial_attributes import PEAK_LR, PURPOSE
from search.strategy.proposal import Proposal
from search.strategy.strategy import Strategy
from tests.search_tests.strategy.synthetic import (
    SPACE,
    SyntheticStudy,
    floor_matters,
    model_of,
    small_gpt2,
    spec,
)

OPTIMUM = 0.009
GPT2_SPACE = {**SPACE, "lr": {"low": 1e-4, "high": 3e-2, "log": True}}


def searched(luck: int, n_runs: int) -> SyntheticStudy:
    """No training can be shortened."""
    study = SyntheticStudy(spec(n_trials=n_runs, space=GPT2_SPACE), small_gpt2, luck=luck)
    study.run(Strategy(study.spec, seed=luck, n_runs=n_runs, may_shorten=False), n_runs)
    return study


@pytest.mark.parametrize("luck", range(8))
def test_eight_runs_of_a_small_gpt2_find_its_peak_lr(luck: int) -> None:
    """The plain shape without a warm-up hits a wall at half of the optimum: what it teaches must neither
    keep the search from the optimum nor spoil what is known there."""
    study = searched(luck, 8)
    lr = model_of(study).answer().chosen.schedule.lr
    assert lr is not None
    assert 1 / 1.6 < lr / OPTIMUM < 1.6


@pytest.mark.parametrize("n_runs", [6, 8, 12])
def test_the_answer_of_few_runs_is_as_good_as_the_best_of_them(n_runs: int) -> None:
    study = searched(0, n_runs)
    truths = [small_gpt2(study.schedule(trial)) for trial in study.trials]
    assert small_gpt2(model_of(study).answer().chosen.schedule) < min(truths) + 0.015


def test_the_first_runs_are_of_a_shape_that_bears_high_peak_lrs_and_none_is_tried_twice() -> None:
    study = searched(0, 8)
    first = [study.schedule(t) for t in study.trials if t.user_attrs[PURPOSE] == PEAK_LR]
    assert len(first) in (5, 6), "of eight runs"
    assert {schedule.warmup for schedule in first} == {0.05}
    assert len({round(math.log(schedule.lr or 1.0) / 0.06) for schedule in first}) == len(first)


def test_a_peak_lr_at_which_trainings_fail_does_not_take_all_runs() -> None:
    """A script that ends with an error where it diverges: that may happen twice, not ten times."""
    study = SyntheticStudy(spec(n_trials=12), floor_matters)
    strategy = Strategy(study.spec, n_runs=12, may_shorten=False)
    for _ in range(12):
        proposal = strategy(study.trials)
        assert isinstance(proposal, Proposal)
        trial = study.begin(proposal)
        if (study.schedule(trial).lr or 0.0) > 0.5:
            trial.state = TrialState.FAIL
        else:
            study.end(trial)
    failed = [study.schedule(t) for t in study.trials if t.state == TrialState.FAIL]
    assert max(failed.count(schedule) for schedule in failed) <= 2
    assert len(failed) <= 6
    assert floor_matters(model_of(study).answer().chosen.schedule) < 2.06


def test_a_start_at_which_trainings_diverge_leads_down_to_where_they_do_not() -> None:
    """The script's own lr is thirty times too high."""
    lr = {"low": 1e-5, "high": 10.0, "log": True, "start": 30 * OPTIMUM}
    study = SyntheticStudy(spec(n_trials=12, space={**SPACE, "lr": lr}), small_gpt2)
    strategy = Strategy(study.spec, n_runs=12, may_shorten=False)
    for _ in range(12):
        proposal = strategy(study.trials)
        assert isinstance(proposal, Proposal)
        trial = study.begin(proposal)
        study.end(trial)
        if (
            study.schedule(trial).lr or 0.0
        ) > 3 * OPTIMUM:  # as the worker judges it: no better than untrained
            trial.values = [4.6]
            trial.set_user_attr("diverged", {"diverged_at_step": None, "last_value": "9"})
    found = model_of(study).answer().chosen.schedule.lr
    assert found is not None
    assert 1 / 1.6 < found / OPTIMUM < 1.6
