"""What a population accepts, when it measures, and what it says of a run that diverges."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from search.population import Population, Run
from search.proxies.proxy import Proxy
from search.runs.seeds import run_seed

MakeRun = Callable[..., Run]


def test_each_report_is_measured_at_its_step_and_the_last_frees_the_slot(
    tokens_proxy: Proxy, make_run: MakeRun
) -> None:
    population = Population(tokens_proxy, slots=2)
    population.admit(make_run(0, total_steps=50, report_steps=(7, 40, 50)))
    seen = []
    while population.active:
        (measurement,) = population.advance()
        seen.append((measurement.step, measurement.last))
        assert set(measurement.metrics) == {"val_loss", "val_error", "train_loss"}
    assert seen == [(7, False), (40, False), (50, True)]
    assert population.free_slots == 2


def test_the_test_split_is_read_only_at_the_end_and_only_when_asked(
    tokens_proxy: Proxy, make_run: MakeRun
) -> None:
    population = Population(tokens_proxy, slots=1)
    population.admit(make_run(0, total_steps=6, report_steps=(3, 6), test_at_end=True))
    (half_way,), (end,) = population.advance(), population.advance()
    assert "test_loss" not in half_way.metrics
    assert {"test_loss", "test_error"} < set(end.metrics)


def test_a_run_without_a_report_at_its_end_frees_its_slot_in_silence(
    tokens_proxy: Proxy, make_run: MakeRun
) -> None:
    population = Population(tokens_proxy, slots=1)
    population.admit(make_run(0, total_steps=30, report_steps=(10,)))
    (measurement,) = population.advance()
    assert (measurement.step, measurement.last) == (10, False)
    assert population.advance() == []
    assert population.active == ()


def test_measurements_come_in_the_order_of_admission(tokens_proxy: Proxy, make_run: MakeRun) -> None:
    population = Population(tokens_proxy, slots=3)
    population.admit(make_run(0, total_steps=5))
    population.admit(make_run(1, total_steps=12))
    population.admit(make_run(2, total_steps=12))
    assert [m.key for m in population.advance()] == [0]
    assert population.active == (2, 1)  # the last run moved into the free slot
    assert [m.key for m in population.advance()] == [1, 2]


def test_advance_stops_after_max_steps(tokens_proxy: Proxy, make_run: MakeRun) -> None:
    population = Population(tokens_proxy, slots=1)
    population.admit(make_run(0, total_steps=100))
    assert population.advance(99) == []
    (measurement,) = population.advance(99)
    assert measurement.step == 100
    assert population.advance() == []


def test_the_training_loss_is_the_mean_since_the_last_report(tokens_proxy: Proxy, make_run: MakeRun) -> None:
    """Cut into reports or not, the losses of all steps are the same ones."""
    population = Population(tokens_proxy, slots=1)
    population.admit(make_run(0, total_steps=30, report_steps=(10, 30)))
    (first,), (second,) = population.advance(), population.advance()
    population.admit(make_run(0, total_steps=30))
    (whole,) = population.advance()
    joined = (10 * first.metrics["train_loss"] + 20 * second.metrics["train_loss"]) / 30
    assert whole.metrics["train_loss"] == pytest.approx(joined, rel=1e-12)
    assert whole.metrics["val_loss"] == second.metrics["val_loss"]


def test_a_diverged_run_ends_soon_and_names_its_first_bad_step(
    tokens_proxy: Proxy, make_run: MakeRun
) -> None:
    lr_table = np.full(1000, 0.1)
    lr_table[33] = 1e30
    population = Population(tokens_proxy, slots=2)
    population.admit(Run(key="bad", lr_table=lr_table, seed=(0, 1, 0), report_steps=(10, 1000)))
    (fine,) = population.advance()
    assert fine.diverged_at_step is None
    (measurement,) = population.advance()
    # Steps 0 to 33 had finite losses; the step with that lr spoils the next one's.
    assert (measurement.step, measurement.diverged_at_step, measurement.last) == (34, 34, True)
    assert measurement.metrics == {}
    assert population.free_slots == 2


def test_a_last_step_that_ruins_the_model_is_seen_at_the_report(tokens_proxy: Proxy) -> None:
    """All training losses are finite here; the validation loss is the first that is not."""
    population = Population(tokens_proxy, slots=1)
    lr_table = np.array([0.1, 0.1, 1e38])
    population.admit(Run(key=0, lr_table=lr_table, seed=(0, 1, 0), report_steps=(3,)))
    (measurement,) = population.advance()
    assert (measurement.diverged_at_step, measurement.metrics) == (3, {})


def test_a_withdrawn_run_frees_its_slot_at_once(tokens_proxy: Proxy, make_run: MakeRun) -> None:
    population = Population(tokens_proxy, slots=2)
    for key in (0, 1):
        population.admit(make_run(key))
    population.cancel(0)
    assert (population.active, population.free_slots) == ((1,), 1)
    with pytest.raises(KeyError, match="no run with the key 0 is in training"):
        population.cancel(0)


def test_admission_is_refused_without_a_slot_or_with_a_key_in_use(
    tokens_proxy: Proxy, make_run: MakeRun
) -> None:
    population = Population(tokens_proxy, slots=2)
    population.admit(make_run(0))
    with pytest.raises(ValueError, match="key 0 is in training already"):
        population.admit(make_run(0))
    population.admit(make_run(1))
    with pytest.raises(ValueError, match="run 2 finds no free slot: all 2 train"):
        population.admit(make_run(2))


def test_an_untrained_model_is_looked_at_beside_a_full_population(
    tokens_proxy: Proxy, make_run: MakeRun
) -> None:
    population = Population(tokens_proxy, slots=1)
    population.admit(make_run(0))
    untrained = population.untrained(run_seed(0, 0))
    assert population.untrained(run_seed(0, 0)) is untrained
    assert untrained["val_loss"] == pytest.approx(np.log(97), rel=0.2)
    assert population.untrained(run_seed(0, 1)) != untrained


def test_admission_leaves_the_global_generators_alone(tokens_proxy: Proxy, make_run: MakeRun) -> None:
    before = torch.get_rng_state()
    population = Population(tokens_proxy, slots=1)
    population.admit(make_run(0))
    population.advance()
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"lr_table": np.array([])}, "float64 vector of one lr a step"),
        ({"lr_table": np.zeros(3, dtype=np.float32)}, "float32 of shape"),
        ({"lr_table": np.array([0.1, np.nan, 0.1])}, "is nan at step 1"),
        ({"lr_table": np.array([0.1, 0.1, -0.1])}, r"is -0.1 at step 2"),
        ({"report_steps": ()}, r"lie in \[1, 3\] but got \(\)"),
        ({"report_steps": (0, 3)}, "report_steps must be strictly rising"),
        ({"report_steps": (2, 2)}, "report_steps must be strictly rising"),
        ({"report_steps": (4,)}, r"lie in \[1, 3\] but got \(4,\)"),
        ({"report_steps": (2,), "test_at_end": True}, "report_steps end at 2, the lr table at 3"),
        ({"seed": ()}, "seed must be one or more ints"),
        ({"seed": (-1,)}, "seed must be one or more ints"),
    ],
)
def test_a_run_that_makes_no_sense_is_refused(changes: dict[str, object], message: str) -> None:
    run = Run(key=0, lr_table=np.full(3, 0.1), seed=(0, 1, 0), report_steps=(3,))
    with pytest.raises(ValueError, match=message):
        replace(run, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("slots", [0, -1])
def test_a_population_has_a_slot(tokens_proxy: Proxy, slots: int) -> None:
    with pytest.raises(ValueError, match=f"slots must be at least 1 but got {slots}"):
        Population(tokens_proxy, slots=slots)


def test_max_steps_is_positive(tokens_proxy: Proxy) -> None:
    with pytest.raises(ValueError, match="max_steps must be at least 1 but got 0"):
        Population(tokens_proxy, slots=1).advance(0)
