"""Which settings a run may have of its own, and in which stack it is trained."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from search.population import Population, Run
from search.population.settings import (
    StackKind,
    optimizer_of,
    param_problems,
    stack_kind,
    with_batch_size,
)
from search.proxies import build_proxy
from search.proxies.proxy import SGD, Proxy
from search.spec.params import ParamSpace

MakeRun = Callable[..., Run]


def test_a_stack_is_decided_by_the_run_alone(tokens_proxy: Proxy) -> None:
    assert stack_kind({}, tokens_proxy) == StackKind(7, False, False)
    assert stack_kind({"momentum": 0.9}, tokens_proxy) == StackKind(7, True, False)
    assert stack_kind({"weight_decay": 0, "batch_size": 3}, tokens_proxy) == StackKind(3, False, True)


def test_what_a_run_does_not_have_of_its_own_is_the_proxys(tokens_proxy: Proxy) -> None:
    assert optimizer_of({"momentum": 0.5}, tokens_proxy) == SGD(momentum=0.5, weight_decay=1e-3)
    assert optimizer_of({"batch_size": 3}, tokens_proxy) == tokens_proxy.optimizer


def test_a_shuffled_epoch_has_as_many_batches_as_its_data_fill() -> None:
    digits = build_proxy("digits_mlp", {})
    larger = with_batch_size(digits, 4 * digits.batch_size)
    assert larger.steps_per_epoch == len(digits.train) // (4 * digits.batch_size)
    assert with_batch_size(digits, digits.batch_size) is digits


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (
            {"dropout": [0.1]},
            r"params\.dropout: .*; there are: batch_size, momentum, weight_decay. Other settings",
        ),
        ({"weight_decey": [0.1]}, r"params\.weight_decey: .* did you mean weight_decay\?"),
        (
            {"weight_decay": {"low": -0.1, "high": 0.1}},
            r"params\.weight_decay: got -0\.1; accepted is a number of 0",
        ),
        (
            {"momentum": {"low": 0.0, "high": 1.0}},
            r"params\.momentum: got 1\.0; accepted is a number in \[0, 1\)",
        ),
        ({"momentum": ["0.9"]}, r"params\.momentum: got '0\.9'"),
        ({"momentum": [False]}, r"params\.momentum: got False"),
        ({"batch_size": [0, 8]}, r"params\.batch_size: got 0; accepted is a whole number in \[1, 65536\]"),
        ({"batch_size": {"low": 8.0, "high": 16.0}}, r"params\.batch_size: got 8\.0"),
        (
            {"weight_decay": {"low": 0, "high": 1}},
            r"weight_decay: a range of whole numbers; write low = 0\.0",
        ),
    ],
)
def test_a_study_is_told_what_no_run_can_have(
    tokens_proxy: Proxy, table: dict[str, Any], message: str
) -> None:
    problems = "\n".join(param_problems(ParamSpace.from_dict(table), tokens_proxy))
    with pytest.raises(ValueError, match=message):
        raise ValueError(problems)


def test_all_problems_of_a_table_are_told(tokens_proxy: Proxy) -> None:
    table = {"dropout": [0.1], "momentum": [2.0], "batch_size": [-1], "weight_decay": [0.1]}
    assert len(param_problems(ParamSpace.from_dict(table), tokens_proxy)) == 3


def test_a_batch_of_a_shuffled_epoch_fits_into_its_data() -> None:
    digits = build_proxy("digits_mlp", {})
    table = {"batch_size": [len(digits.train), len(digits.train) + 1]}
    (problem,) = param_problems(ParamSpace.from_dict(table), digits)
    assert f"got {len(digits.train) + 1}" in problem


def test_a_run_that_can_not_be_is_refused_at_admission(tokens_proxy: Proxy, make_run: MakeRun) -> None:
    population = Population(tokens_proxy, slots=2)
    with pytest.raises(ValueError, match=r"momentum: got 1\.5; .*batch_size: got 0\.5"):
        population.admit(make_run(0, momentum=1.5, batch_size=0.5))
    assert population.free_slots == 2


def test_runs_of_all_batch_sizes_share_the_slots(tokens_proxy: Proxy, make_run: MakeRun) -> None:
    population = Population(tokens_proxy, slots=3)
    for key, batch_size in enumerate((3, 5, 7)):
        population.admit(make_run(key, total_steps=10 + key, batch_size=batch_size))
    assert population.free_slots == 0
    with pytest.raises(ValueError, match="finds no free slot: all 3 train"):
        population.admit(make_run(9))
    assert [m.key for m in population.advance()] == [0]
    population.cancel(1)
    assert (population.active, population.free_slots) == ((2,), 2)


def test_reports_of_several_stacks_come_in_the_order_of_admission(
    tokens_proxy: Proxy, make_run: MakeRun
) -> None:
    population = Population(tokens_proxy, slots=4)
    for key, batch_size in enumerate((5, 3, 5, 3)):
        population.admit(make_run(key, total_steps=8, batch_size=batch_size))
    assert [m.key for m in population.advance()] == [0, 1, 2, 3]
