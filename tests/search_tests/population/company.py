"""Runs that share a stack, held against the same runs alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from search.population import Measurement, Population, Run
from search.proxies.proxy import Proxy
from search.spec.population import STACKED
from tests.search_tests.population.conftest import MakeRun
from tests.search_tests.population.test_equality_law import train


def uneven_runs(
    make_run: MakeRun, *, lr: float, too_high: float, own: Sequence[Mapping[str, Any]]
) -> list[Run]:
    """Fourteen: uneven horizons, averages, neighbours that go to infinity at the lr `too_high`, and among the
    later ones settings of their `own`."""
    return [
        make_run(
            key,
            total_steps=(total := 9 + 4 * (key % 3)),
            report_steps=(5, total),
            averaged_steps=(5,) if key % 3 == 1 else (),
            lr=too_high if key % 5 == 3 else lr,
            **own[key % 4 if key > 7 else 0],
        )
        for key in range(14)
    ]


def assert_the_same_in_company(proxy: Proxy, runs: Sequence[Run]) -> None:
    """Bit for bit, in stacks of 3 and 8, which are refilled; one of `uneven_runs` has diverged."""
    measured = {slots: train(Population(proxy, slots=slots, way=STACKED), [*runs]) for slots in (3, 8)}
    for run in runs:
        alone = train(Population(proxy, slots=1, way=STACKED), [run])[run.key]
        assert [measured[slots][run.key] for slots in measured] == [alone, alone]
    assert measured[8][3][-1].diverged_at_step is not None


def left_as_alone(
    proxy: Proxy, population: Population, runs: Sequence[Run]
) -> dict[object, list[Measurement]]:
    """Of three runs half-way the first is withdrawn, and the others end as alone: what they gave, by key."""
    population.cancel(0)
    left = {measurement.key: [measurement] for measurement in population.advance()}
    for key in (1, 2):
        assert left[key] == train(Population(proxy, slots=1, way=STACKED), [runs[key]])[key]
    return left
