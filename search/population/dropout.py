"""Dropout whose masks belong to the run: a hash of its seed, the step, the layer and the element.

Torch draws masks from a generator, one after the other, so that they depend on who drew before; and a stack
of models would draw for all at once. Here every call of `torch.nn.functional.dropout` (`nn.Dropout` is one)
takes its mask from a key of the step (`search.proxies.counter_random`): the same for a run that is trained
alone, in a stack of any size or beside any neighbours.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from search.proxies.counter_random import drawn_keys, mixed

_LOWEST, _RANGE = -(2**31), 2**32


class CounterDropout(TorchFunctionMode):
    """A context in which dropout is drawn by hash; `begin` names the key of each forward.

    Calls in one forward are layers, numbered as they come.
    """

    def __init__(self) -> None:
        super().__init__()
        self._key: Tensor | None = None
        self._n_calls = 0
        self._words: dict[tuple[int, torch.device], Tensor] = {}

    def begin(self, key: Tensor) -> None:
        """The next forward is of the step with this key, one int32; under `vmap` one of each model."""
        self._key, self._n_calls = key, 0

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        if func is functional.dropout:
            return self._dropout(*args, **(kwargs or {}))
        return func(*args, **(kwargs or {}))

    def _dropout(self, input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
        if not training or p == 0.0:
            return input
        factors = self._factors(input, p)
        return input.mul_(factors) if inplace else input * factors

    def _factors(self, like: Tensor, p: float) -> Tensor:
        """Of every element."""
        assert self._key is not None, "begin names the key of a forward"
        words = self._element_words(like.numel(), like.device)
        drawn = factors(self._key, self._n_calls, words, p)
        self._n_calls += 1
        return drawn.to(like.dtype).view(like.shape)

    def _element_words(self, n: int, device: torch.device) -> Tensor:
        if (n, device) not in self._words:
            self._words[n, device] = element_words(n, device)
        return self._words[n, device]


def element_words(n: int, device: torch.device) -> Tensor:
    """What tells the elements of a tensor apart, `n`, int32."""
    return mixed(torch.arange(n, dtype=torch.int32, device=device))


def factors(key: Tensor, number: int, words: Tensor, p: float) -> Tensor:
    """Zero with probability `p`, else what keeps the mean; float32.

    Args:
        key: of the step, int32; any shape that goes with `words`.
        number: of dropouts before it in the forward.
        words: of the elements.
        p: in (0, 1].
    """
    bits = mixed(drawn_keys(key, number) ^ words)
    kept = bits >= _LOWEST + min(round(p * _RANGE), _RANGE - 1)
    scale = 0.0 if p == 1.0 else 1.0 / (1.0 - p)
    return kept.to(torch.float32) * scale
