"""How many runs train at once: the fewest that are nearly as fast as the fastest, and fit into memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from search.population import memory, slots
from search.population.choice import choose_way
from search.population.make import choose_training
from search.population.memory import bytes_of_a_run, free_bytes, ran_out, runs_that_fit
from search.population.slots import CPU_SLOTS, choose_slots, rises_no_more, settled
from search.proxies.proxy import Proxy
from search.spec.population import AUTO, ONE_BY_ONE, STACKED, VMAP
from tests.search_tests.population.models import NETS

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("rates", "number"),
    [
        ({4: 100.0}, 4),
        ({4: 100.0, 8: 190.0, 16: 300.0}, 16),
        ({4: 100.0, 8: 180.0, 16: 190.0}, 8),  # within the error of a few steps
        ({4: 100.0, 8: 105.0}, 8),  # the usual number, though fewer are nearly as fast
        ({4: 100.0, 8: 81.0}, 8),
        ({4: 100.0, 8: 79.0}, 4),
        ({4: 100.0, 8: 300.0, 16: 380.0, 32: 400.0}, 16),
    ],
)
def test_the_usual_number_is_taken_else_the_fewest_of_the_fastest(
    rates: Mapping[int, float], number: int
) -> None:
    assert settled(rates, usual=8) == number


def test_no_more_are_tried_once_more_gain_nothing() -> None:
    assert not rises_no_more({})
    assert not rises_no_more({4: 100.0, 8: 180.0})
    assert rises_no_more({4: 100.0, 8: 180.0, 16: 185.0})


def test_slots_are_one_of_those_that_were_tried(features_proxy: Proxy) -> None:
    assert choose_slots(features_proxy, STACKED, most=100, device="cpu") in CPU_SLOTS
    assert choose_slots(features_proxy, STACKED, most=7, device="cpu") == 4
    assert choose_slots(features_proxy, STACKED, most=3, device="cpu") == 3, "fewer than any that is tried"


def test_memory_bounds_what_is_tried(features_proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with room for five runs."""
    room = 5.5 * bytes_of_a_run(features_proxy) / memory.SHARE
    monkeypatch.setattr(memory, "free_bytes", lambda device: int(room))
    assert runs_that_fit(features_proxy, CPU) == 5
    assert choose_slots(features_proxy, STACKED, most=100, device="cpu") == 4
    monkeypatch.setattr(memory, "free_bytes", lambda device: 0)
    assert runs_that_fit(features_proxy, CPU) == 1


def test_a_run_takes_its_weights_and_what_its_layers_give(features_proxy: Proxy) -> None:
    """7 samples: 15 features, the same flat, 19 behind the first layer, 19 behind its tanh, 3 logits."""
    assert features_proxy.parameter_count == 15 * 19 + 19 + 19 * 3
    outputs = 7 * (15 + 15 + 19 + 19 + 3) * 4
    assert bytes_of_a_run(features_proxy) == 5 * 4 * features_proxy.parameter_count + 2 * outputs


def test_a_container_has_less_than_its_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_CONTROL_GROUP", tmp_path)
    machine = free_bytes(CPU)
    assert machine > 0
    (tmp_path / "memory.max").write_text("max\n")
    (tmp_path / "memory.current").write_text("1000\n")
    assert free_bytes(CPU) == pytest.approx(machine, rel=0.5)
    (tmp_path / "memory.max").write_text("1000000\n")
    assert free_bytes(CPU) <= 999_000


def _full(most_samples: int) -> Proxy:
    """A model trained on a device that holds so many samples at once."""

    def held(inputs: Tensor, keys: Tensor) -> Tensor:
        if len(inputs) > most_samples:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return inputs

    return replace(NETS["tied"], augment=held)


def test_slots_that_do_not_fit_are_not_taken() -> None:
    """Batches of 7, and one more that is thrown away: four runs fit, eight don't."""
    assert choose_slots(_full(40), VMAP, most=100, device="cpu") == 4


def test_a_way_is_tried_with_half_as_many_where_memory_runs_out() -> None:
    assert choose_way(_full(40), slots=8, device="cpu").slots == 4
    alone = choose_way(_full(6), slots=8, device="cpu")
    assert (alone.way, alone.slots) == (ONE_BY_ONE, 1)


def test_only_slots_that_are_left_to_us_are_measured(
    features_proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slots, "CPU_SLOTS", (2,))
    for asked, given, expected in ((AUTO, None, 2), (STACKED, None, 2), (AUTO, 5, 5), (ONE_BY_ONE, None, 8)):
        chosen = choose_training(features_proxy, asked, slots=given, device="cpu")
        assert chosen is not None
        assert chosen.slots == expected


@pytest.mark.parametrize(
    ("error", "says_so"),
    [
        (torch.OutOfMemoryError("CUDA out of memory."), True),
        (
            RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory"),
            True,
        ),
        (MemoryError(), True),
        (RuntimeError("shapes can't be multiplied"), False),
    ],
)
def test_what_says_that_memory_ran_out(error: BaseException, says_so: bool) -> None:
    assert ran_out(error) is says_so


def test_torch_itself_says_so_where_a_tensor_is_too_large() -> None:
    with pytest.raises(RuntimeError) as error:
        torch.empty(2**46)
    assert ran_out(error.value)
