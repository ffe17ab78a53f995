"""Streams of different purposes never meet; the same seed starts the same streams."""

from __future__ import annotations

import pytest
import torch

from search.runs.seeds import (
    confirmation_seed,
    run_generators,
    run_seed,
    sampler_seed,
    verdict_seed,
)


def test_each_purpose_has_seeds_of_its_own() -> None:
    assert (run_seed(3, 4), confirmation_seed(3, 4), verdict_seed(3, 4)) == (
        (3, 1, 4),
        (3, 2, 4),
        (3, 3, 4),
    )


def test_every_opening_samples_differently_and_reproducibly() -> None:
    seeds = [sampler_seed(0, opening) for opening in range(100)]
    assert len(set(seeds)) == 100
    assert seeds[7] == sampler_seed(0, 7)
    assert all(0 <= seed < 2**32 for seed in seeds)


def test_weights_and_order_have_streams_of_their_own() -> None:
    one, same = run_generators((0, 1, 0)), run_generators((0, 1, 0))
    assert one.weights_seed == same.weights_seed != one.order.initial_seed()
    assert torch.equal(torch.rand(3, generator=one.order), torch.rand(3, generator=same.order))


def test_seeds_and_numbers_cannot_be_negative() -> None:
    with pytest.raises(ValueError, match="study_seed cannot be negative but got -1"):
        run_seed(-1, 0)
    with pytest.raises(ValueError, match="cannot be negative: got -2"):
        sampler_seed(0, -2)
