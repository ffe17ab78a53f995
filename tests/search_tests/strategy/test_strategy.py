"""The strategy on studies whose truth is known: the order of what it tries, and what it finds."""

from __future__ import annotations

import copy
import itertools

import pytest

from search.runs.trial_attributes import ANOTHER_SEED, HORIZON_STEPS, PEAK_LR, PURPOSE, SHAPE, SWEEP
from search.strategy.acquisition import BASELINE_EVERY, MOST_SEEDS
from search.strategy.proposal import Proposal, Wait
from search.strategy.strategy import Strategy
from tests.search_tests.strategy.synthetic import (
    SyntheticStudy,
    end_of,
    estimates_of,
    floor_matters,
    lr_term,
    model_of,
    only_lr_matters,
    spec,
)
from warmboot.baseline_schedules import baselines
from warmboot.schedule import WarmbootSchedule


@pytest.fixture(scope="module")
def searched() -> SyntheticStudy:
    """Sixty trials, one at a time."""
    study = SyntheticStudy(spec(), floor_matters)
    study.run(Strategy(study.spec, n_runs=200), 60)
    return study


def test_the_peak_lr_comes_first_then_known_shapes_then_new_ones(searched: SyntheticStudy) -> None:
    purposes = [trial.user_attrs[PURPOSE] for trial in searched.trials]
    phases = [purpose for i, purpose in enumerate(purposes) if i == 0 or purposes[i - 1] != purpose]
    assert phases[:3] == [SWEEP, PEAK_LR, SHAPE]
    assert set(phases[3:]) == {SHAPE, ANOTHER_SEED}
    known = [searched.schedule(t).replace(lr=None) for t in searched.trials if t.user_attrs[PURPOSE] == SHAPE]
    assert known[:2] == [baselines()["linear"], baselines()["cosine_floor"]]
    assert WarmbootSchedule(curve="linear", eta_min=0.05) in known
    assert sum(schedule in baselines().values() for schedule in known) >= 3


def test_the_sweep_is_of_one_shape_in_a_ninth_of_the_steps(searched: SyntheticStudy) -> None:
    swept = [trial for trial in searched.trials if trial.user_attrs[PURPOSE] == SWEEP]
    assert {trial.user_attrs[HORIZON_STEPS] for trial in swept} == {66}
    shapes = {searched.schedule(trial).replace(lr=None) for trial in swept}
    assert shapes == {baselines()["linear_warmup"]}, "it bears the highest peak lrs"
    lrs = [searched.schedule(trial).lr for trial in swept]
    assert lrs == sorted(set(lrs), key=lambda lr: lr or 0.0)


def test_the_peak_lr_is_tried_at_full_length_on_both_sides_of_the_best(searched: SyntheticStudy) -> None:
    lrs = [searched.schedule(t).lr or 0.0 for t in searched.trials if t.user_attrs[PURPOSE] == PEAK_LR]
    assert min(lrs) < 0.25 < max(lrs)


def test_at_least_a_third_of_the_later_trials_are_seeds_of_what_leads(searched: SyntheticStudy) -> None:
    """The others too where a schedule that was tried promises the most; but new ones never end."""
    later = [trial.user_attrs[PURPOSE] for trial in searched.trials[30:]]
    assert later.count(ANOTHER_SEED) / len(later) >= 1 / 3
    assert later.count(SHAPE) / len(later) >= 1 / 4
    seeds = [e.n_runs for e in estimates_of(searched)]
    assert max(seeds) <= MOST_SEEDS
    assert max(seeds[:3]) >= 4, "the best are known best"


def test_every_fourth_later_trial_is_a_baseline_and_none_waits_long(searched: SyntheticStudy) -> None:
    """What a searched schedule is compared with is tuned as long as the search goes on."""
    plain = [searched.schedule(t).replace(lr=None) in baselines().values() for t in searched.trials[20:]]
    assert 1 / 8 <= sum(plain) / len(plain) <= 1 / 3
    gaps = [i for i, is_plain in enumerate([True, *plain]) if is_plain]
    assert max(b - a for a, b in itertools.pairwise(gaps)) <= 3 * BASELINE_EVERY
    tuned = {searched.schedule(t) for t in searched.trials[8:]}
    lrs = [sum(t.replace(lr=None) == shape for t in tuned) for shape in baselines().values()]
    assert sum(n >= 2 for n in lrs) >= 2, "at several peak lrs, the first shape besides"


def test_it_finds_the_floor_and_the_peak_lr(searched: SyntheticStudy) -> None:
    best = estimates_of(searched)[0]
    assert floor_matters(best.schedule) < 2.01, "cosine to a tenth has 2.03 at its best peak lr"


def test_what_it_finds_is_the_answer_against_the_best_plain_schedule(searched: SyntheticStudy) -> None:
    answer = model_of(searched).answer()
    assert answer.baseline is not None
    assert floor_matters(answer.baseline.schedule) < 2.035, "tuned: it could not be better than 2.03"
    assert answer.difference is not None
    assert answer.difference.gain == pytest.approx(0.02, abs=0.015)
    assert answer.difference.probability > 0.95
    assert answer.chosen is answer.leader


def test_where_only_the_lr_matters_no_shape_is_said_to_be_better() -> None:
    """On several draws of the noise; one of them may fool it."""
    found = []
    for luck in range(5):
        study = SyntheticStudy(spec(), only_lr_matters, luck=luck)
        study.run(Strategy(study.spec, seed=luck, n_runs=200), 40)
        answer = model_of(study).answer()
        assert answer.difference is not None
        assert abs(answer.difference.gain) < 0.01
        assert only_lr_matters(answer.chosen.schedule) < 2.02
        found.append(answer.difference.probability)
    assert sum(probability > 0.95 for probability in found) <= 1


def test_maximising_finds_the_same() -> None:
    study = SyntheticStudy(
        spec(objective="val_accuracy", direction="maximize"), floor_matters, maximize=True, noise=0.3
    )
    study.run(Strategy(study.spec, n_runs=200), 45)
    best = estimates_of(study)[0]
    assert best.mean == pytest.approx(-2.0, abs=0.05)
    assert floor_matters(best.schedule) < 2.015


def test_the_trials_of_a_round_are_chosen_knowing_those_before_them(searched: SyntheticStudy) -> None:
    """As if each had been asked for with the others in training."""
    study = copy.deepcopy(searched)
    del study.trials[30:]
    a_round = list(itertools.islice(Strategy(study.spec, n_runs=200).round(study.trials), 8))
    again = list(itertools.islice(Strategy(study.spec, n_runs=200).round(study.trials), 8))
    assert a_round == again
    shapes = [str(p.params) for p in a_round if p.purpose == SHAPE]
    assert len(set(shapes)) == len(shapes) >= 4
    assert {p.purpose for p in a_round} == {SHAPE, ANOTHER_SEED}


def test_full_runs_wait_for_the_sweep() -> None:
    study = SyntheticStudy(spec(), floor_matters)
    strategy = Strategy(study.spec, n_runs=200)
    out = []
    while isinstance(proposal := strategy(study.trials), Proposal):
        assert proposal.purpose == SWEEP
        out.append(study.begin(proposal))
    for trial in out:
        assert isinstance(strategy(study.trials), Wait)
        study.end(trial)
    assert isinstance(strategy(study.trials), Proposal)


def test_those_in_training_are_not_proposed_again() -> None:
    study = SyntheticStudy(spec(), floor_matters)
    strategy = Strategy(study.spec, n_runs=200)
    study.run(strategy, 25)
    proposals = [strategy(study.trials) for _ in range(1)]
    for _ in range(7):
        assert isinstance(proposals[-1], Proposal)
        study.begin(proposals[-1])
        proposals.append(strategy(study.trials))
    shapes = [str(p.params) for p in proposals if isinstance(p, Proposal) and p.purpose == SHAPE]
    assert len(set(shapes)) == len(shapes)


def test_another_process_goes_on_where_the_first_was(searched: SyntheticStudy) -> None:
    study = copy.deepcopy(searched)
    study.run(Strategy(study.spec, seed=7, n_runs=200), 3)
    assert {trial.user_attrs[PURPOSE] for trial in study.trials[60:]} <= {SHAPE, ANOTHER_SEED}


def test_the_same_seed_proposes_the_same(searched: SyntheticStudy) -> None:
    first = Strategy(searched.spec, seed=5, n_runs=200)(searched.trials)
    second = Strategy(searched.spec, seed=5, n_runs=200)(searched.trials)
    assert first == second


def test_where_the_lr_is_fixed_only_shapes_are_tried() -> None:
    fixed = spec(space={"lr": 0.25, "eta_min": {"low": 0.0, "high": 0.3}, "curve": ["cosine", "linear"]})
    study = SyntheticStudy(fixed, floor_matters)
    study.run(Strategy(fixed, n_runs=200), 30)
    assert all(study.schedule(trial).lr == 0.25 for trial in study.trials)
    assert SWEEP not in {trial.user_attrs[PURPOSE] for trial in study.trials}
    assert abs(estimates_of(study)[0].schedule.eta_min - 0.2) < 0.1


def test_a_shape_of_an_earlier_study_is_among_the_first() -> None:
    earlier = WarmbootSchedule(curve="linear", eta_min=0.123, hold=0.2)
    study = SyntheticStudy(spec(), floor_matters)
    study.run(Strategy(study.spec, n_runs=200, earlier=[earlier]), 24)
    assert earlier in [study.schedule(trial).replace(lr=None) for trial in study.trials]


def test_a_lucky_run_does_not_lead_a_schedule_of_many_seeds() -> None:
    study = SyntheticStudy(spec(), floor_matters)
    study.run(Strategy(study.spec, n_runs=200), 50)
    shapes = [trial for trial in study.trials if trial.user_attrs[PURPOSE] == SHAPE]
    lucky = next(trial for trial in shapes if floor_matters(study.schedule(trial)) > 2.02)
    lucky.values = [1.997]
    best = estimates_of(study)[0]
    assert best.number != lucky.number


def test_lr_and_shape_do_not_hide_each_other() -> None:
    """A shape that needs a peak lr twice as high is not thrown away for it."""

    def truth(schedule: WarmbootSchedule) -> float:
        end = end_of(schedule)
        return 2.0 + lr_term(schedule, 1.0 + 1.5 * end) - 0.3 * end

    study = SyntheticStudy(spec(), truth)
    study.run(Strategy(study.spec, n_runs=200), 70)
    assert estimates_of(study)[0].schedule.eta_min > 0.15
