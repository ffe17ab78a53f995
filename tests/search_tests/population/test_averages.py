"""Averages of the weights: equal to a plain loop's, the same bits in any company, and never felt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from search.population import Measurement, Population, Run
from search.population.averages import averaging_weights
from search.population.settings import StackKind, stack_kind
from search.proxies import build_proxy
from search.proxies.proxy import Proxy
from search.spec.population import STACKED
from tests.search_tests.population.test_equality_law import EXPLODING_LR, SETTINGS, SLOTS, alone, train
from tests.search_tests.population.test_oracle import TOLERANCE, judged, plain_training

MakeRun = Callable[..., Run]


class PlainAverage:
    """The average of an ordinary module's weights, step by step."""

    def __init__(self, proxy: Proxy) -> None:
        self.model = proxy.build_model(99)
        self.n_steps = 0

    @torch.no_grad()
    def __call__(self, model: nn.Module) -> None:
        weight = 1 / (0.04 * self.n_steps + 1)
        for average, value in zip(self.model.parameters(), model.parameters(), strict=True):
            average.add_(weight * (value - average))
        self.n_steps += 1


def without_averages(measurement: Measurement) -> Measurement:
    metrics = {name: value for name, value in measurement.metrics.items() if not name.startswith("averaged")}
    return replace(measurement, metrics=metrics)


@pytest.mark.parametrize("settings", [{}, {"momentum": 0.5, "weight_decay": 0.1}, {"batch_size": 13}])
@pytest.mark.parametrize("total_steps", [1, 2, 60])
def test_an_average_equals_plain_torch(
    proxy: Proxy, make_run: MakeRun, total_steps: int, settings: dict[str, float]
) -> None:
    run = make_run(0, total_steps=total_steps, averaged_steps=(total_steps,), test_at_end=True, **settings)
    (measurement,) = alone(proxy, run)
    average = PlainAverage(proxy)
    plain_training(proxy, run, average)
    for split, name in ((proxy.validation, "averaged_val"), (proxy.test, "averaged_test")):
        loss, error = judged(average.model, split)
        assert measurement.metrics[f"{name}_loss"] == pytest.approx(loss, abs=TOLERANCE, rel=0)
        assert measurement.metrics[f"{name}_error"] == pytest.approx(error, abs=TOLERANCE, rel=0)


def test_after_one_step_the_average_is_the_weights(proxy: Proxy, make_run: MakeRun) -> None:
    (measurement,) = alone(proxy, make_run(0, total_steps=1, averaged_steps=(1,)))
    metrics = measurement.metrics
    assert metrics["averaged_val_loss"] == metrics["val_loss"]
    assert metrics["averaged_val_error"] == metrics["val_error"]


def test_averages_come_at_their_steps_alone(tokens_proxy: Proxy, make_run: MakeRun) -> None:
    measured = alone(tokens_proxy, make_run(0, report_steps=(5, 11, 23), averaged_steps=(11,)))
    assert ["averaged_val_loss" in m.metrics for m in measured] == [False, True, False]


@pytest.mark.parametrize("settings", SETTINGS)
def test_keeping_an_average_changes_nothing_else(
    proxy: Proxy, make_run: MakeRun, settings: dict[str, float]
) -> None:
    """Bit for bit, judged in the middle too."""
    raw = make_run(0, report_steps=(3, 9, 23), test_at_end=True, **settings)
    measured = alone(proxy, replace(raw, averaged_steps=(3, 9)))
    assert [without_averages(m) for m in measured] == alone(proxy, raw)


@pytest.mark.parametrize("slots", SLOTS)
def test_an_average_is_the_same_in_every_slot_beside_any_neighbour(
    proxy: Proxy, make_run: MakeRun, slots: int
) -> None:
    """Refills, neighbours that diverge or have settings of their own, some of them without averages."""
    runs = [
        make_run(
            key,
            total_steps=17 + 3 * (key % 4),
            report_steps=(9, 17),
            averaged_steps=() if key % 5 == 4 else (9, 17),
            lr=EXPLODING_LR if key % 7 == 5 else 0.1,
            **SETTINGS[key % len(SETTINGS) if slots < 8 else 0],
        )
        for key in range(len(SETTINGS) + 2 * slots)
    ]
    measured = train(Population(proxy, slots=slots, way=STACKED), runs)
    for run in runs[:: 1 if slots < 8 else 5]:
        assert measured[run.key] == alone(proxy, run)


def test_a_slot_whose_last_run_exploded_averages_anew(tokens_proxy: Proxy, make_run: MakeRun) -> None:
    population = Population(tokens_proxy, slots=1, way=STACKED)
    exploding = make_run(0, averaged_steps=(23,), lr=EXPLODING_LR)
    after = make_run(1, averaged_steps=(23,))
    measured = train(population, [exploding, after])
    assert measured[0][-1].diverged_at_step is not None
    assert measured[1] == alone(tokens_proxy, after)


def test_withdrawing_moves_an_average_with_its_run(tokens_proxy: Proxy, make_run: MakeRun) -> None:
    population = Population(tokens_proxy, slots=3, way=STACKED)
    runs = [make_run(key, averaged_steps=(23,)) for key in range(3)]
    for run in runs:
        population.admit(run)
    population.advance(7)
    population.cancel(0)
    assert population.advance() == [*alone(tokens_proxy, runs[1]), *alone(tokens_proxy, runs[2])]


def test_averages_of_the_default_proxy_are_the_same_in_any_company(make_run: MakeRun) -> None:
    proxy = build_proxy("char_lm_mlp", {})
    runs = [make_run(key, total_steps=9 + key % 2, averaged_steps=(9 + key % 2,), lr=0.3) for key in range(9)]
    measured = train(Population(proxy, slots=8, way=STACKED), runs)
    for run in (runs[0], runs[3], runs[8]):
        assert measured[run.key] == alone(proxy, run)


def test_runs_with_averages_have_a_stack_of_their_own(tokens_proxy: Proxy) -> None:
    assert stack_kind({}, tokens_proxy) == StackKind(7, False, False, averaged=False)
    assert stack_kind({}, tokens_proxy, averaged=True) == StackKind(7, False, False, averaged=True)


def test_averaged_steps_are_reports(make_run: MakeRun) -> None:
    with pytest.raises(ValueError, match=r"must be some of report_steps, \(5, 23\), but got \(5, 6\)"):
        make_run(0, report_steps=(5, 23), averaged_steps=(5, 6))


@given(
    before=st.lists(st.integers(0, 10**6), min_size=1, max_size=5),
    parts=st.lists(st.integers(1, 20), min_size=1, max_size=4),
)
def test_the_weights_of_an_average_do_not_depend_on_the_chunks(before: list[int], parts: list[int]) -> None:
    steps = np.array(before)
    whole = averaging_weights(steps, sum(parts))
    starts = np.cumsum([0, *parts[:-1]])
    pieces = [averaging_weights(steps + start, part) for start, part in zip(starts, parts, strict=True)]
    assert np.array_equal(whole, np.concatenate(pieces))
    assert np.all((whole > 0) & (whole <= 1))


def test_nothing_before_the_first_step_enters_an_average() -> None:
    weights = averaging_weights(np.array([0]), 3)[:, 0]
    assert weights == pytest.approx([1.0, 1 / 1.04, 1 / 1.08])
