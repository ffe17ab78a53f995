"""Numbers by hash: even, unlike each other, and the same however they are asked for."""

from __future__ import annotations

import pytest
import torch

from search.proxies.counter_random import mixed, sample_keys, step_keys, uniform, whole


def keys(seeds: list[int], n_steps: int) -> torch.Tensor:
    return step_keys(torch.tensor(seeds), torch.arange(n_steps)[:, None])


def test_no_two_steps_of_any_runs_share_their_key() -> None:
    found = keys([0, 1, 2, 7, 2**31, 2**32 - 1], 2000)
    assert len(torch.unique(found)) == found.numel()


def test_a_key_does_not_depend_on_what_is_asked_beside_it() -> None:
    together = sample_keys(keys([3, 2**32 - 5], 50), 64)
    alone = sample_keys(step_keys(torch.tensor(2**32 - 5), torch.tensor(49)), 64)
    assert torch.equal(together[49, 1], alone)
    assert torch.equal(uniform(together, 4)[49, 1], uniform(alone, 4))


def test_a_shuffle_of_words_loses_none() -> None:
    words = torch.arange(-(2**15), 2**15, dtype=torch.int32) * 65_521
    assert len(torch.unique(mixed(words))) == len(words)


def test_draws_are_even_and_unlike_each_other() -> None:
    drawn = sample_keys(keys([1, 2, 3, 4], 500), 64)
    first, second = uniform(drawn, 0).flatten(), uniform(drawn, 1).flatten()
    assert float(first.min()) >= 0.0
    assert float(first.max()) < 1.0
    counts = torch.histc(first, bins=16, min=0, max=1)
    assert float(((counts / len(first) * 16) - 1).abs().max()) < 0.03
    pairs = torch.stack([first, second, first.roll(1), first.roll(64)])
    off_diagonal = torch.corrcoef(pairs) - torch.eye(4)
    assert float(off_diagonal.abs().max()) < 0.01


@pytest.mark.parametrize("n", [1, 2, 5, 1000])
def test_whole_numbers_stay_below_their_bound(n: int) -> None:
    drawn = whole(sample_keys(keys([9], 400), 64), 2, n)
    assert drawn.dtype == torch.int64
    assert set(torch.unique(drawn).tolist()) == set(range(n))
