"""Which runs the model learns from when there are more than it can take."""

from __future__ import annotations

from collections import Counter
from statistics import fmean

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.strategy.learning_runs import MOST_RUNS, learning_runs
from search.strategy.progress import EvaluatedTrial, Place, TrialReader, value_of
from tests.search_tests.strategy.synthetic import SyntheticStudy, floor_matters, model_of, spec

FLOOR = {
    "lr": 0.25,
    "warmup": 0.0,
    "n_restarts": 0,
    "hold": 0.0,
    "eta_min": 0.2,
    "curve": "linear",
}
PLAIN = {**FLOOR, "eta_min": 0.0, "lr": 0.3}
SMALLEST = TrialReader(spec()).shape(FLOOR)


def run(schedule: int, value: float, number: int) -> EvaluatedTrial:
    lr = 0.1 + schedule
    place = Place(lambda: (SMALLEST.shape, lr))
    return EvaluatedTrial({"lr": lr}, place, seed=number, value=value, number=number)


runs_of_a_study = st.lists(st.tuples(st.integers(0, 12), st.floats(1.0, 3.0)), min_size=1, max_size=60).map(
    lambda rows: [run(schedule, value, number) for number, (schedule, value) in enumerate(rows)]
)


@given(runs_of_a_study, st.integers(2, 60))
def test_each_run_is_learnt_from_once_and_never_more_than_can_be_taken(
    runs: list[EvaluatedTrial], most: int
) -> None:
    taken = [tried.number for tried in learning_runs(runs, most)]
    assert taken == sorted(set(taken))
    assert len(taken) == min(len(runs), most)


@given(runs_of_a_study, st.integers(4, 60))
def test_the_best_and_the_worst_schedule_are_always_learnt_from(
    runs: list[EvaluatedTrial], most: int
) -> None:
    values: dict[str, list[float]] = {}
    for tried in runs:
        values.setdefault(tried.identity, []).append(value_of(tried))
    means = sorted(fmean(found) for found in values.values())
    taken = [fmean(values[tried.identity]) for tried in learning_runs(runs, most)]
    assert (min(taken), max(taken)) == (means[0], means[-1])


@given(runs_of_a_study, st.integers(2, 60), st.integers(0, 12))
def test_what_must_be_learnt_from_is_learnt_from_whole(
    runs: list[EvaluatedTrial], most: int, schedule: int
) -> None:
    wanted = run(schedule, 1.0, 0).identity
    taken = Counter(t.identity for t in learning_runs(runs, most, frozenset({wanted})))
    assert taken[wanted] == min(most, sum(tried.identity == wanted for tried in runs))


@pytest.mark.parametrize("n_good", [MOST_RUNS - 100, MOST_RUNS + 100])
def test_what_did_badly_is_not_thought_good_however_many_good_runs_there_are(n_good: int) -> None:
    study = SyntheticStudy(spec(), floor_matters)
    noise = np.random.default_rng(0)
    for _ in range(n_good // 5):
        params = {**FLOOR, "eta_min": float(noise.uniform(0.1, 0.3)), "lr": float(noise.uniform(0.22, 0.28))}
        study.add(params, list(2.0 + 0.012 * noise.normal(size=5)))
    for lr in (0.02, 0.05, 0.3, 0.8):
        study.add({**PLAIN, "lr": lr}, list(2.1 + 0.1 * abs(lr - 0.3) + 0.012 * noise.normal(size=3)))
    model = model_of(study)
    answer = model.answer()
    assert answer.baseline is not None
    assert answer.difference is not None
    assert answer.baseline.mean == pytest.approx(2.1, abs=0.02)
    assert answer.difference.gain == pytest.approx(0.1, abs=0.02)
    assert answer.chosen is answer.leader
