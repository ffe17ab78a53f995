"""A population whose losses are computed behaves as one that trains, and its numbers are the task's."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from search.population import Population, Run
from search.population.make import params_problems
from search.proxies.noisy_quadratic import NoisyQuadratic, noisy_quadratic
from search.proxies.proxy import Proxy
from search.proxies.quadratic_noise import observed
from search.runs.run import Measurement
from search.spec.params import ParamSpace

MakeRun = Callable[..., Run]


@pytest.fixture(scope="module")
def task() -> NoisyQuadratic:
    return noisy_quadratic(n_eigenvalues=16)


def _all_of(population: Population) -> list[Measurement]:
    measured: list[Measurement] = []
    while population.active:
        measured += population.advance()
    return measured


def test_a_measurement_is_the_tasks_own_arithmetic(task: NoisyQuadratic, make_run: MakeRun) -> None:
    run = make_run(0, total_steps=30, report_steps=(10, 30), test_at_end=True)
    population = Population(task, slots=2)
    population.admit(run)
    (half_way,), (end,) = population.advance(), population.advance()
    risks = task.risks(run.lr_table)
    seen = observed(task, float(risks[10]), seed=run.seed, trained=run.lr_table[:10])
    assert (half_way.step, half_way.last, set(half_way.metrics)) == (10, False, {"val_loss", "train_loss"})
    assert half_way.metrics["val_loss"] == seen
    assert half_way.metrics["train_loss"] == pytest.approx(risks[:10].mean())
    assert (end.step, end.last, end.metrics["test_loss"]) == (30, True, risks[30])
    assert end.metrics["train_loss"] == pytest.approx(risks[10:30].mean())
    assert population.free_slots == 2


def test_a_run_is_the_same_in_any_company_and_in_any_pieces(task: NoisyQuadratic, make_run: MakeRun) -> None:
    def run() -> Run:
        return make_run(0, total_steps=250, report_steps=(7, 120, 250), lr=0.5)

    alone = Population(task, slots=1)
    alone.admit(run())
    crowded = Population(task, slots=3)
    crowded.admit(make_run(1, total_steps=90, lr=1e6))
    crowded.admit(run())
    crowded.admit(make_run(2, total_steps=131))
    measured = []
    while crowded.active:
        measured += crowded.advance(max_steps=11)
    assert [m for m in measured if m.key == 0] == _all_of(alone)


def test_a_diverged_run_ends_soon_and_names_its_first_bad_step(
    task: NoisyQuadratic, make_run: MakeRun
) -> None:
    table = np.full(1000, 0.1)
    table[33] = 1e30
    population = Population(task, slots=2)
    population.admit(Run(key="bad", lr_table=table, seed=(0, 1, 0), report_steps=(10, 1000)))
    population.admit(make_run(1, total_steps=1000))
    (fine,), (bad,), (neighbour,) = (population.advance() for _ in range(3))
    assert fine.diverged_at_step is None
    assert (bad.key, bad.step, bad.diverged_at_step, bad.last) == ("bad", 34, 34, True)
    assert bad.metrics == {}
    assert (neighbour.key, neighbour.diverged_at_step) == (1, None)


def test_measurements_come_in_the_order_of_admission(task: NoisyQuadratic, make_run: MakeRun) -> None:
    population = Population(task, slots=3)
    for key, total_steps in ((0, 5), (1, 12), (2, 12)):
        population.admit(make_run(key, total_steps=total_steps))
    assert [m.key for m in population.advance()] == [0]
    assert set(population.active) == {1, 2}
    assert [m.key for m in population.advance()] == [1, 2]


def test_advance_stops_after_max_steps(task: NoisyQuadratic, make_run: MakeRun) -> None:
    population = Population(task, slots=1)
    population.admit(make_run(0, total_steps=300))
    assert population.advance(299) == []
    (measurement,) = population.advance(299)
    assert measurement.step == 300
    assert population.advance() == []
    with pytest.raises(ValueError, match="max_steps must be at least 1 but got 0"):
        population.advance(0)


def test_a_run_without_a_report_at_its_end_frees_its_slot_in_silence(
    task: NoisyQuadratic, make_run: MakeRun
) -> None:
    population = Population(task, slots=1)
    population.admit(make_run(0, total_steps=30, report_steps=(10,)))
    assert [(m.step, m.last) for m in population.advance()] == [(10, False)]
    assert population.advance() == []
    assert population.free_slots == 1


def test_a_withdrawn_run_frees_its_slot_at_once(task: NoisyQuadratic, make_run: MakeRun) -> None:
    population = Population(task, slots=2)
    for key in (0, 1):
        population.admit(make_run(key))
    population.cancel(0)
    assert (population.active, population.free_slots) == ((1,), 1)
    with pytest.raises(KeyError, match="no run with the key 0 is in training"):
        population.cancel(0)


def test_admission_is_refused_with_its_reason(task: NoisyQuadratic, make_run: MakeRun) -> None:
    population = Population(task, slots=2)
    population.admit(make_run(0))
    with pytest.raises(ValueError, match="key 0 is in training already"):
        population.admit(make_run(0))
    with pytest.raises(ValueError, match="momentum: the runs of noisy_quadratic differ in schedule and seed"):
        population.admit(make_run(1, momentum=0.5))
    population.admit(make_run(1))
    with pytest.raises(ValueError, match="run 2 finds no free slot: all 2 train"):
        population.admit(make_run(2))
    with pytest.raises(ValueError, match="slots must be at least 1 but got 0"):
        Population(task, slots=0)


def test_an_untrained_run_has_the_expected_loss(task: NoisyQuadratic) -> None:
    assert Population(task, slots=1).untrained((0, 1, 0)) == {"val_loss": task.untrained}


def test_a_study_that_searches_its_hyperparameters_is_refused(
    task: NoisyQuadratic, tokens_proxy: Proxy
) -> None:
    space = ParamSpace.from_dict({"weight_decay": {"low": 0.0, "high": 0.1}})
    (problem,) = params_problems(space, task)
    assert problem.startswith("params.weight_decay: the runs of noisy_quadratic differ in schedule and seed")
    assert params_problems(space, tokens_proxy) == []
