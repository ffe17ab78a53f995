"""A run's numbers are the same bits in any company. Every comparison here is `==`."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import cache

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from search.population import Measurement, Population, Run
from search.proxies import build_proxy
from search.proxies.proxy import Proxy
from search.spec.population import STACKED
from tests.laws import few

MakeRun = Callable[..., Run]
EXPLODING_LR = 1e25
SLOTS = (1, 2, 8, 17)


def train(population: Population, runs: list[Run]) -> dict[object, list[Measurement]]:
    """All runs through a population, each admitted as soon as a slot is free."""
    measured: dict[object, list[Measurement]] = {run.key: [] for run in runs}
    waiting = list(runs)
    while waiting or population.active:
        while waiting and population.free_slots:
            population.admit(waiting.pop(0))
        for measurement in population.advance():
            measured[measurement.key].append(measurement)
    return measured


def alone(proxy: Proxy, run: Run) -> list[Measurement]:
    """What the run gives in a population of its own; trained once for all that it is held against."""
    name = (proxy, run.key, run.identity)
    if name not in _ALONE:
        _ALONE[name] = train(Population(proxy, slots=1, way=STACKED), [run])[run.key]
    return _ALONE[name]


_ALONE: dict[tuple[Proxy, Hashable, str], list[Measurement]] = {}


@pytest.mark.parametrize("slots", SLOTS)
def test_a_run_is_the_same_in_every_slot_of_every_stack(proxy: Proxy, make_run: MakeRun, slots: int) -> None:
    runs = [make_run(key, report_steps=(5, 23), test_at_end=True) for key in range(slots)]
    measured = train(Population(proxy, slots=slots, way=STACKED), runs)
    for run in (runs[0], runs[slots // 2], runs[-1]):
        assert measured[run.key] == alone(proxy, run)


@pytest.mark.parametrize("slots", [2, 3, 16, 17])
def test_a_neighbour_that_diverges_changes_nothing(proxy: Proxy, make_run: MakeRun, slots: int) -> None:
    """Its infinities stay in its own slot, and whoever comes after it there starts clean."""
    runs = [
        make_run(key, total_steps=40, report_steps=(40,), lr=EXPLODING_LR if key % 3 == 1 else 0.1)
        for key in range(2 * slots)
    ]
    measured = train(Population(proxy, slots=slots, way=STACKED), runs)
    for run in runs:
        assert measured[run.key] == alone(proxy, run)
    assert measured[1][0].diverged_at_step is not None


@pytest.mark.parametrize("slots", [1, 3, 8])
def test_refills_and_uneven_horizons_change_nothing(proxy: Proxy, make_run: MakeRun, slots: int) -> None:
    lengths = [3, 41, 17, 30, 1, 29, 9, 58, 23, 2, 36]
    runs = [
        make_run(key, total_steps=n, report_steps=tuple(sorted({-(-n // 3), n})))
        for key, n in enumerate(lengths)
    ]
    measured = train(Population(proxy, slots=slots, way=STACKED), runs)
    for run in runs:
        assert measured[run.key] == alone(proxy, run)


SETTINGS: tuple[dict[str, float], ...] = (
    {},  # the proxy's own
    {"weight_decay": 0.0},
    {"weight_decay": 0.02},
    {"momentum": 0.0},
    {"momentum": 0.7, "weight_decay": 0.05},
    {"batch_size": 3},
    {"batch_size": 11, "momentum": 0.95},
    {"batch_size": 11, "momentum": 0.5},
)


@pytest.mark.parametrize("slots", [1, 2, 3, 8, 17])
def test_neighbours_with_other_settings_change_nothing(proxy: Proxy, make_run: MakeRun, slots: int) -> None:
    """Momentum, weight decay and batch size of a run's own, mixed, with refills and one that diverges."""
    runs = [
        make_run(
            key,
            total_steps=17 + 3 * (key % 4),
            report_steps=(9, 17 + 3 * (key % 4)),
            lr=EXPLODING_LR if key % 7 == 5 else 0.1,
            **SETTINGS[key % len(SETTINGS)],
        )
        for key in range(2 * len(SETTINGS) + slots)
    ]
    measured = train(Population(proxy, slots=slots, way=STACKED), runs)
    for run in runs:
        assert measured[run.key] == alone(proxy, run)


@pytest.mark.parametrize("slots", SLOTS)
def test_the_law_holds_for_the_default_proxy(slots: int, make_run: MakeRun) -> None:
    proxy, expected = _default_proxy(make_run)
    runs = [make_run(key, total_steps=50 + key % 2, lr=0.3) for key in range(slots)]
    measured = train(Population(proxy, slots=slots, way=STACKED), runs)
    for run in {runs[0], runs[-1]}:
        if run.key in expected:
            assert measured[run.key] == expected[run.key]


@cache
def _default_proxy(make_run: MakeRun) -> tuple[Proxy, dict[object, list[Measurement]]]:
    proxy = build_proxy("char_lm_mlp", {})
    runs = [make_run(key, total_steps=50 + key % 2, lr=0.3) for key in (0, 1, 2, 4, 7, 15, 16, 31)]
    return proxy, {run.key: alone(proxy, run) for run in runs}


ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("admit"), st.integers(1, 45)),
        st.tuples(st.just("advance"), st.integers(1, 30)),
        st.tuples(st.just("cancel"), st.integers(0, 7)),
        st.tuples(st.just("look at an untrained model"), st.integers(0, 3)),
    ),
    max_size=30,
)


@settings(few(25), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(actions=ACTIONS, slots=st.integers(1, 8), mixed=st.booleans())
def test_no_history_of_a_population_shows_in_a_result(
    tokens_proxy: Proxy, make_run: MakeRun, actions: list[tuple[str, int]], slots: int, mixed: bool
) -> None:
    """Any order of admissions, steps, withdrawals: what is measured is what the run gives alone."""
    population = Population(tokens_proxy, slots=slots, way=STACKED)
    runs: dict[object, Run] = {}
    measured: list[Measurement] = []
    for action, number in [*actions, ("advance", 1000)]:
        if action == "admit" and population.free_slots:
            # Run number 4 of every 5 explodes.
            lr = EXPLODING_LR if number % 5 == 4 else 0.1
            settings_of_its_own = SETTINGS[number % len(SETTINGS)] if mixed else {}
            run = make_run(len(runs), total_steps=number, lr=lr, **settings_of_its_own)
            runs[run.key] = run
            population.admit(run)
        elif action == "cancel" and population.active:
            population.cancel(population.active[number % len(population.active)])
        elif action == "look at an untrained model":
            population.untrained((0, 1, number))
        elif action == "advance":
            measured += population.advance(number)
    for measurement in measured:
        assert [measurement] == alone(tokens_proxy, runs[measurement.key])
