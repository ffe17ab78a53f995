"""`RandomDraws`: values such as a study's first trials have them, without a study."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np


class RandomDraws:
    """Stands in for an Optuna trial: the three `suggest_*` methods, each a random draw.

    >>> RandomDraws(seed=0).suggest_int("batch_size", 32, 32)
    32
    """

    def __init__(self, seed: int) -> None:
        self._generator = np.random.default_rng(seed)

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        if step is not None:
            return low + step * int(self._generator.integers(round((high - low) / step) + 1))
        if log:
            # `exp` may round past a bound.
            drawn = math.exp(self._generator.uniform(math.log(low), math.log(high)))
            return min(high, max(low, drawn))
        return float(self._generator.uniform(low, high))

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1, log: bool = False) -> int:
        if log:
            return min(high, max(low, round(self.suggest_float(name, low, high, log=True))))
        return low + step * int(self._generator.integers((high - low) // step + 1))

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        return choices[int(self._generator.integers(len(choices)))]
