"""What a study's schedules are worth, and which of them is its answer."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from search.runs.trial_attributes import SWEEP
from search.strategy.study_model import (
    Answer,
    Difference,
    Estimate,
    StudyModel,
    study_model,
)
from search.strategy.sureness import SURE_ENOUGH, probability_of
from tests.search_tests.strategy.synthetic import (
    SyntheticStudy,
    estimates_of,
    floor_matters,
    lr_term,
    model_of,
    spec,
)
from warmboot.schedule import WarmbootSchedule

LINEAR: dict[str, Any] = {
    "lr": 0.25,
    "warmup": 0.0,
    "n_restarts": 0,
    "hold": 0.0,
    "eta_min": 0.0,
    "curve": "linear",
}
FLOOR = {**LINEAR, "eta_min": 0.1}
EIGHT_SEEDS = [2.0 + 0.01 * z for z in (-1.4, 1.4, -0.7, 0.7, -0.2, 0.2, -1.1, 1.1)]
"""Mean 2, standard deviation 0.01."""


@pytest.mark.parametrize(
    ("gain", "sd", "freedom", "probability"),
    [
        (0.0, 1.0, 5, 0.5),
        (1.0, 1.0, 1, 0.75),  # Cauchy: 1/2 + atan(1)/pi
        (-1.0, 1.0, 1, 0.25),
        (2.015, 1.0, 5, 0.95),  # a table of Student's t
        (1.645, 1.0, 10**6, 0.95),  # a table of the normal distribution
        (1e-9, 0.0, 3, 1.0),  # no doubt at all
        (0.0, 0.0, 3, 0.0),
    ],
)
def test_the_probability_of_being_better_is_students(
    gain: float, sd: float, freedom: int, probability: float
) -> None:
    assert probability_of(gain, sd, freedom) == pytest.approx(probability, abs=1e-4)


@given(st.floats(0.0, 10.0), st.floats(0.01, 10.0), st.integers(1, 50))
@example(5.960464477539063e-08, 5.0, 1)  # near a gain of 0 the distribution is known to some 1e-9
def test_whoever_is_ahead_is_likelier_to_be_better_and_more_repeats_make_it_surer(
    gain: float, sd: float, freedom: int
) -> None:
    ahead = probability_of(gain, sd, freedom)
    assert 0.5 <= ahead <= 1.0
    assert probability_of(-gain, sd, freedom) == pytest.approx(1.0 - ahead)
    assert probability_of(gain, sd, freedom + 1) >= ahead - 1e-8


def estimate(number: int, *, is_baseline: bool) -> Estimate:
    schedule = WarmbootSchedule(lr=0.1, eta_min=0.0 if is_baseline else 0.2)
    return Estimate(
        {}, schedule, mean=2.0, sd=0.1, n_runs=1, number=number, cautious=2.05, is_baseline=is_baseline
    )


LEADER, BASELINE = estimate(0, is_baseline=False), estimate(1, is_baseline=True)


@pytest.mark.parametrize(
    ("leader", "baseline", "gain", "chosen"),
    [
        (LEADER, BASELINE, 1.35, BASELINE),  # 79.7%
        (LEADER, BASELINE, 1.40, LEADER),  # 80.3%
        (LEADER, BASELINE, -1.0, BASELINE),
        (LEADER, None, None, LEADER),  # nothing to compare it with
        (None, BASELINE, None, BASELINE),
    ],
)
def test_the_leader_is_the_answer_where_it_is_likely_enough_to_be_better(
    leader: Estimate | None, baseline: Estimate | None, gain: float | None, chosen: Estimate
) -> None:
    difference = None if gain is None else Difference(gain, sd=1.0, freedom=1)
    if difference is not None:
        assert (difference.probability >= SURE_ENOUGH) is (chosen is leader)
    assert Answer(leader, baseline, difference, noise_sd=0.1).chosen is chosen


@pytest.mark.parametrize(
    ("changes", "is_baseline"),
    [
        ({}, True),
        ({"lr": 0.7}, True),
        ({"warmup": 0.05}, True),
        ({"warmup": 0.06}, False),
        ({"eta_min": 0.1}, False),
        ({"curve": "cosine", "eta_min": 0.1}, True),
        ({"warmup": 0.0005}, True),  # rounds to no step of 600
    ],
)
def test_a_baseline_is_a_schedule_that_everybody_knows_at_any_lr(
    changes: dict[str, Any], is_baseline: bool
) -> None:
    study = SyntheticStudy(spec(), floor_matters)
    study.add({**LINEAR, **changes}, [2.0])
    (found,) = estimates_of(study)
    assert found.is_baseline is is_baseline


def test_parameters_that_give_the_same_lrs_are_one_schedule() -> None:
    study = SyntheticStudy(spec(), floor_matters)
    other_lrs(study)
    study.add({**FLOOR, "warmup": 0.1}, [2.0, 2.01])
    study.add({**FLOOR, "warmup": 0.1001}, [1.99])
    found = [e for e in estimates_of(study) if not e.is_baseline]
    assert [(e.number, e.n_runs) for e in found] == [(4, 3)]


def other_lrs(study: SyntheticStudy) -> None:
    for lr in (0.05, 0.12, 0.5, 1.0):
        study.add({**LINEAR, "lr": lr}, [2.0 + lr_term(WarmbootSchedule(lr=lr, curve="linear"))])


def two_schedules(baseline: list[float], other: list[float], *, maximize: bool = False) -> StudyModel:
    """Runs of linear and of a floor, and of linear at other peak lrs."""
    changes = {"objective": "val_accuracy", "direction": "maximize"} if maximize else {}
    study = SyntheticStudy(spec(**changes), floor_matters)
    other_lrs(study)
    study.add(LINEAR, baseline)
    study.add(FLOOR, other)
    if maximize:
        for trial in study.trials:
            trial.values = [-value for value in trial.values]
    return model_of(study)


def test_one_lucky_run_does_not_displace_a_baseline_of_eight_seeds() -> None:
    """Two standard deviations ahead, by a single run: that happens to one in forty of no worth."""
    answer = two_schedules(EIGHT_SEEDS, [1.98]).answer()
    assert answer.leader is not None
    assert answer.difference is not None
    assert answer.leader.schedule.eta_min == 0.1
    assert answer.difference.gain < 0.5 * 0.02, "what it has shown counts for less than half"
    assert answer.difference.probability < SURE_ENOUGH
    assert answer.chosen is answer.baseline


def test_the_same_gain_on_eight_seeds_does() -> None:
    answer = two_schedules(EIGHT_SEEDS, [value - 0.02 for value in EIGHT_SEEDS]).answer()
    assert answer.difference is not None
    assert answer.difference.gain == pytest.approx(0.02, abs=0.005)
    assert answer.difference.probability > 0.95
    assert answer.chosen is answer.leader


def test_what_is_as_good_or_worse_leaves_the_baseline() -> None:
    for worse in (0.0, 0.01, 0.05):
        answer = two_schedules(EIGHT_SEEDS, [value + worse for value in reversed(EIGHT_SEEDS)]).answer()
        assert answer.chosen is answer.baseline
        assert answer.difference is not None
        assert answer.difference.gain == pytest.approx(-worse, abs=0.01)


def test_higher_is_better_where_the_objective_is_maximized() -> None:
    up, down = (
        two_schedules(EIGHT_SEEDS, [value + by for value in EIGHT_SEEDS], maximize=True).answer()
        for by in (0.02, -0.02)  # of the loss, whose sign is turned
    )
    assert up.difference is not None
    assert down.difference is not None
    assert up.difference.gain == pytest.approx(-0.02, abs=0.005)
    assert down.difference.gain == pytest.approx(0.02, abs=0.005)
    assert down.leader is not None
    assert down.chosen is down.leader
    assert down.leader.mean == pytest.approx(-1.98, abs=0.01)
    assert down.leader.cautious < down.leader.mean, "the worse side is the lower one"


def test_the_best_of_two_on_many_seeds_leads_the_lucky_one() -> None:
    study = SyntheticStudy(spec(), floor_matters)
    other_lrs(study)
    study.add(FLOOR, EIGHT_SEEDS)
    study.add({**FLOOR, "eta_min": 0.3, "curve": "cosine"}, [1.99])
    assert estimates_of(study)[0].schedule.eta_min == 0.1


def test_every_schedule_has_one_estimate_with_all_its_runs() -> None:
    found = {e.schedule: e for e in two_schedules(EIGHT_SEEDS, [2.0, 2.01]).estimates()}
    assert len(found) == 6
    linear = found[WarmbootSchedule(lr=0.25, curve="linear")]
    assert (linear.n_runs, linear.number) == (8, 4)
    assert linear.mean == pytest.approx(2.0, abs=0.005)
    assert linear.cautious > linear.mean


def test_estimates_come_best_first() -> None:
    found = two_schedules(EIGHT_SEEDS, [1.9] * 3).estimates()
    assert [e.cautious for e in found] == sorted(e.cautious for e in found)
    assert found[0].schedule.eta_min == 0.1
    assert found[-1].schedule.lr in (0.05, 1.0)


def test_a_difference_knows_how_many_repeats_tell_the_noise() -> None:
    model = two_schedules(EIGHT_SEEDS, [2.0, 2.01])
    assert model.difference(4, 12).freedom == 1 + 7 + 1
    back, forth = model.difference(4, 12), model.difference(12, 4)
    assert back.gain == pytest.approx(-forth.gain)
    assert back.sd == pytest.approx(forth.sd)


def test_the_confirmation_counts_as_runs_on_seeds_of_its_own() -> None:
    """Two alike in the search; on fresh seeds, which both share, one is 0.03 better each time."""
    study = SyntheticStudy(spec(), floor_matters)
    other_lrs(study)
    study.add(LINEAR, [2.0, 2.01])
    study.add(FLOOR, [2.0, 2.01])
    shared = (0.06, -0.05, 0.01, 0.04)
    confirmed = {4: [2.0 + s for s in shared], 6: [1.97 + s for s in shared]}
    model = study_model(study.spec, study.trials, confirmed)
    assert model is not None
    answer = model.answer()
    assert answer.leader is not None
    assert answer.leader.n_runs == 6
    assert answer.chosen is answer.leader
    assert answer.difference is not None
    assert 0.01 < answer.difference.gain < 0.03
    assert answer.difference.sd < 0.5 * answer.noise_sd, "it is paired"


def test_a_study_without_a_full_run_has_no_model() -> None:
    study = SyntheticStudy(spec(), floor_matters)
    assert study_model(study.spec, study.trials) is None
    study.add(LINEAR, [2.0], purpose=SWEEP)
    assert study_model(study.spec, study.trials) is None


def test_only_plain_schedules_or_only_others_are_an_answer_too() -> None:
    for params, missing in ((LINEAR, "leader"), (FLOOR, "baseline")):
        study = SyntheticStudy(spec(), floor_matters)
        study.add(params, [2.0, 2.01])
        answer = model_of(study).answer()
        assert getattr(answer, missing) is None
        assert answer.difference is None
        assert answer.chosen.n_runs == 2


WARM: dict[str, Any] = {**LINEAR, "warmup": 0.05}
BESIDE_A_CLIFF = {1e-3: 2.422, 3.2e-4: 2.836, 3.2e-3: 1.972, 1e-2: 1.786, 3.2e-2: 1.763, 0.1: 2.804}
"""Peak lr -> a run's loss, of a small GPT-2 with AdamW; its seeds differ by about 0.02."""


def beside_a_cliff() -> SyntheticStudy:
    wide = {"low": 1e-4, "high": 1.0, "log": True}
    study = SyntheticStudy(spec(space={**spec().space, "lr": wide}), truth=floor_matters)
    for lr, value in BESIDE_A_CLIFF.items():
        study.add({**WARM, "lr": lr}, [value])
    study.add({**LINEAR, "lr": 0.021}, [1.790])
    return study


def test_what_was_measured_stands_where_the_model_is_not_sure_of_the_opposite() -> None:
    """Near a cliff a smooth curve expects more of the lr that is farther away from it."""
    chosen = model_of(beside_a_cliff()).answer().chosen
    assert (chosen.schedule.warmup, chosen.schedule.lr) == (0.05, 3.2e-2)
