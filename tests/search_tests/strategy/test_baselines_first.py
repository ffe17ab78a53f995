"""The first trials of a study: the standards that lie inside its space, a quarter of it at most."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest
from optuna.trial import FixedTrial

from search.strategy.baselines_first import MOST_PEAK_LRS, baselines_first
from tests.search_tests.studies import study_spec
from warmboot.baseline_schedules import baselines

WIDE: Mapping[str, Any] = {
    "lr": {"low": 0.01, "high": 1.0, "log": True},
    "warmup": {"low": 0.0, "high": 0.3},
    "n_restarts": {"low": 0, "high": 2},
    "hold": {"low": 0.0, "high": 0.8},
    "eta_min": {"low": 0.0, "high": 0.2},
    "curve": ["constant", "linear", "cosine", "one_minus_sqrt", "rex"],
}


def names(table: Mapping[str, Any], n_trials: int) -> list[str]:
    trials = baselines_first(study_spec(space=table), n_trials).trials
    return [trial["user_attrs"]["standard"] for trial in trials]


@pytest.mark.parametrize("n_trials", [1, 3, 4, 7, 20, 60, 200, 10_000])
def test_they_are_a_quarter_of_the_study_at_most(n_trials: int) -> None:
    count = len(names(WIDE, n_trials))
    assert count <= n_trials / 4
    assert count <= MOST_PEAK_LRS * len(baselines())
    assert count >= min(n_trials // 4, len(baselines()))


@pytest.mark.parametrize(
    ("table", "inside"),
    [
        (WIDE, set(baselines())),
        ({"lr": 0.1}, {"cosine"}),  # everything is fixed
        ({"lr": 0.1, "curve": ["linear", "cosine"]}, {"linear", "cosine"}),
        (
            {"lr": 0.1, "curve": "linear", "warmup": {"low": 0.0, "high": 0.1}},
            {"linear", "linear_warmup"},
        ),
        ({"lr": 0.1, "curve": "linear", "warmup": 0.05}, {"linear_warmup"}),  # fixed to a standard's own
        ({"lr": 0.1, "warmup": {"low": 0.01, "high": 0.02}}, set()),  # always a warm-up that none has
        ({"lr": 0.1, "n_restarts": 2}, {"sgdr"}),
        ({"lr": 0.1, "n_restarts": 2, "step_scale": {"low": 0.4, "high": 0.8}}, set()),  # 1 is outside
        ({"lr": 0.1, "curve": "one_minus_sqrt", "hold": 0.8}, {"wsd"}),
    ],
)
def test_only_those_inside_the_space_are_tried(table: Mapping[str, Any], inside: set[str]) -> None:
    assert set(names(table, 200)) == inside


def test_every_shape_comes_with_equally_many_peak_lrs_the_middle_first() -> None:
    trials = baselines_first(study_spec(space=WIDE), 200).trials
    counts = Counter(trial["user_attrs"]["standard"] for trial in trials)
    assert set(counts.values()) == {5}
    first = [trial["params"]["lr"] for trial in trials[: len(counts)]]
    assert first == pytest.approx([0.1] * len(counts)), "the middle of the range in log lr"
    lrs = {trial["params"]["lr"] for trial in trials}
    assert all(0.01 < lr < 1.0 for lr in lrs)
    assert len(lrs) == 5


def test_a_linear_range_has_its_middle_halfway() -> None:
    table = {"lr": {"low": 0.0001, "high": 1.0}, "curve": "linear"}
    first = baselines_first(study_spec(space=table), 4).trials[0]
    assert first["params"]["lr"] == pytest.approx(0.50005)


def test_their_parameters_give_the_standards_back() -> None:
    spec = study_spec(space=WIDE)
    for trial in baselines_first(spec, 200).trials:
        drawn = spec.parsed_space.sample(FixedTrial(trial["params"]))
        standard = baselines()[trial["user_attrs"]["standard"]].replace(lr=drawn.lr)
        assert drawn.restarts == pytest.approx(standard.restarts, abs=1e-12)
        assert drawn.replace(restarts=()) == standard.replace(restarts=())


def test_where_time_is_the_limit_every_fourth_trial_is_a_standard() -> None:
    """Nobody knows how many trials there will be; whenever it ends, a quarter at most were standards."""
    first = baselines_first(study_spec(space=WIDE), None)
    assert len(first.trials) == MOST_PEAK_LRS * len(baselines())
    assert [number for number in range(40) if first(number) is not None] == list(range(0, 40, 4))
    early = [first(4 * i) for i in range(len(baselines()))]
    assert {trial["user_attrs"]["standard"] for trial in early if trial} == set(baselines())
    assert first(4 * len(first.trials)) is None


def test_every_process_makes_the_same_list() -> None:
    first, second = (baselines_first(study_spec(space=WIDE), 50) for _ in range(2))
    assert first == second
    assert first(0) == first.trials[0]
    assert first(len(first.trials)) is None
