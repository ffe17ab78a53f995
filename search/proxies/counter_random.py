"""Random numbers that are a function of what they are for: the same for a run in any company, on any device.

A generator has a state, so what it gives depends on who drew before. Here a number is a hash of *words*: the
run's seed, the step, the place in the batch, the layer. Nothing is remembered, any of them can be computed
alone, for one run or for a stack of runs at once, and in any order.

The hash mixes 32 bits by shifts, exclusive ors and odd factors: MurmurHash3's finalizer with the constants
of Wellons ("Prospecting for Hash Functions", 2018). It is for masks and augmentation, not for secrets.
"""

from __future__ import annotations

import torch
from torch import Tensor

_STEPS = ((16, 0x7FEB352D), (15, 0x846CA68B - (1 << 32)))
"""Shift and factor of both rounds, as signed 32 bits."""
_LAST_SHIFT = 16
_OFFSET = 0x9E3779B9 - (1 << 32)
"""Tells words from keys: seed 1 in step 2 is not seed 2 in step 1."""


def mixed(words: Tensor) -> Tensor:
    """A fixed shuffle of all 32-bit words; int32 in and out, any shape."""
    for shift, factor in _STEPS:
        words = (words ^ _shifted(words, shift)) * factor
    return words ^ _shifted(words, _LAST_SHIFT)


def combined(keys: Tensor, words: Tensor) -> Tensor:
    """The key of a word under a key; int32, broadcast."""
    return mixed(keys ^ mixed(words + _OFFSET))


def step_keys(seeds: Tensor, steps: Tensor) -> Tensor:
    """The key of each step of a run; int32, broadcast.

    Args:
        seeds: of runs: int64, their lowest 32 bits count.
        steps: int64, numbers of steps from 0.
    """
    return combined(mixed(_word(seeds)), _word(steps))


def sample_keys(keys: Tensor, n_samples: int) -> Tensor:
    """One key for each sample of a batch: `...` int32 to `... x n_samples`."""
    places = torch.arange(n_samples, dtype=torch.int32, device=keys.device)
    return combined(keys[..., None], places)


def drawn_keys(keys: Tensor, draw: int) -> Tensor:
    """The keys of a numbered draw under others; int32 of their shape."""
    # Filled where the keys lie: a number of the host's could not be captured in a CUDA graph.
    return combined(keys, torch.full((), draw, dtype=torch.int32, device=keys.device))


def uniform(keys: Tensor, draw: int) -> Tensor:
    """Float32 in [0, 1), one for each key.

    Args:
        keys: int32 of any shape.
        draw: tells the draws of one key apart, 0 to 2^31 - 1.

    >>> uniform(sample_keys(torch.tensor(1, dtype=torch.int32), 3), draw=0).shape
    torch.Size([3])
    """
    bits = drawn_keys(keys, draw)
    return ((bits >> 8) & 0xFFFFFF).float() * 2.0**-24


def whole(keys: Tensor, draw: int, n: int) -> Tensor:
    """Int64 in [0, n), one for each key; `n` up to 65,536; see `uniform`."""
    return (uniform(keys, draw) * n).long()


def _shifted(words: Tensor, shift: int) -> Tensor:
    """Shifted to the right, zeros coming in: of signed words torch's own shift repeats the sign."""
    return (words >> shift) & ((1 << (32 - shift)) - 1)


def _word(numbers: Tensor) -> Tensor:
    """The lowest 32 bits of int64."""
    low = numbers & 0xFFFFFFFF
    return torch.where(low >= 1 << 31, low - (1 << 32), low).to(torch.int32)
