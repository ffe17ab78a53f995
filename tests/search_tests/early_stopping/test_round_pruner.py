"""Optuna's pruners on what a round knew: they decide as they do in Optuna, and by nothing else."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import optuna
import pytest
from optuna.trial import FrozenTrial, TrialState

from search.early_stopping.pruners import build_pruner
from search.early_stopping.round_pruner import RoundPruner
from search.early_stopping.stoppers import Look
from search.spec.study import StudySpec
from tests.search_tests.studies import study_spec

STEPS = (20, 40, 60, 80, 100)
PRUNERS: dict[str, dict[str, object]] = {
    "median": {"n_startup_trials": 2},
    "percentile": {"percentile": 40.0, "n_startup_trials": 2},
    "halving": {"min_resource": 20, "reduction_factor": 2},
    "hyperband": {"min_resource": 10, "max_resource": 100},
    "threshold": {"upper": 3.5},
}


def spec_of(name: str, direction: str, **more: object) -> StudySpec:
    stopping = {"name": name, **PRUNERS[name], **more}
    objective = "val_loss" if direction == "minimize" else "accuracy"
    return study_spec(early_stopping=stopping, direction=direction, objective=objective)


def curve(number: int) -> list[float]:
    """Reports of a trial, which cross those of others."""
    draws = random.Random(number)
    value = draws.uniform(3, 4)
    return [value := value - draws.uniform(0, 0.5) for _ in STEPS]


def train(
    number: int, should_prune: Callable[[int, float], bool]
) -> tuple[TrialState, dict[int, float], float]:
    reports: dict[int, float] = {}
    for step, value in zip(STEPS, curve(number), strict=True):
        reports[step] = value
        if should_prune(step, value):
            return TrialState.PRUNED, reports, value
    return TrialState.COMPLETE, reports, value


def in_optuna(spec: StudySpec, n_trials: int) -> list[FrozenTrial]:
    """The trials of a study that Optuna itself has run, one after the other."""
    study = optuna.create_study(
        study_name=spec.name, direction=spec.direction, pruner=build_pruner(spec.early_stopping)
    )

    trial = study.ask()

    def decide(step: int, value: float) -> bool:
        trial.report(value, step)
        return step < STEPS[-1] and trial.should_prune()

    for number in range(n_trials):
        state, _, value = train(number, decide)
        study.tell(trial, value if state == TrialState.COMPLETE else None, state=state)
        trial = study.ask()
    return study.trials[:n_trials]


def look(step: int, value: float) -> Look:
    return Look(step=step, value=value, metrics={}, ends_rung=False, rung="")


def decider(pruner: RoundPruner, known: Sequence[FrozenTrial]) -> Callable[[int, float], bool]:
    return lambda step, value: step < STEPS[-1] and pruner(look(step, value), lambda: known)


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
@pytest.mark.parametrize("name", PRUNERS)
def test_it_decides_and_marks_as_in_a_study_of_optunas_own(name: str, direction: str) -> None:
    spec = spec_of(name, direction)
    trials = in_optuna(spec, 40)
    stopped = sum(trial.state == TrialState.PRUNED for trial in trials)
    assert 3 <= stopped <= 37, "a test of decisions needs both"
    for trial in trials:
        pruner = RoundPruner(spec, trial.number)
        state, reports, _ = train(trial.number, decider(pruner, trials[: trial.number]))
        assert (state, reports) == (trial.state, trial.intermediate_values)
        assert pruner.marks == trial.system_attrs


@pytest.mark.parametrize("name", ["median", "halving", "hyperband"])
def test_what_it_knows_is_read_once(name: str) -> None:
    """Also of a pruner that works out its resources from the first trial that it sees complete."""
    spec = study_spec(early_stopping={"name": name})
    trials = in_optuna(spec, 20)
    reads: list[Sequence[FrozenTrial]] = []

    def known() -> Sequence[FrozenTrial]:
        reads.append(trials)
        return trials

    pruner = RoundPruner(spec, 21)
    for step, value in zip(STEPS, curve(21), strict=True):
        pruner(look(step, value), known)
    assert len(reads) == 1
