"""`PreciseEngine`: an engine whose models compute in another precision than float32."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from search.population.engine import Engine, Losses, Score, SplitName
from search.proxies.precision import Precision, computed_in
from search.runs.seeds import Seed


class PreciseEngine:
    """See `Engine`; its steps and evaluations are those of another engine, in a precision."""

    def __init__(self, engine: Engine, precision: Precision, device: torch.device) -> None:
        self._engine, self._precision, self._device = engine, precision, device

    @property
    def chunk_steps(self) -> int:
        return self._engine.chunk_steps

    def load(self, slot: int, seed: Seed, params: Mapping[str, Any]) -> None:
        self._engine.load(slot, seed, params)

    def move(self, source: int, target: int) -> None:
        self._engine.move(source, target)

    def state(self, slot: int) -> dict[str, Any]:
        return self._engine.state(slot)

    def restore(self, slot: int, state: Mapping[str, Any]) -> None:
        self._engine.restore(slot, state)

    def train(self, samples: Tensor, lrs: NDArray[np.float64]) -> Losses:
        with computed_in(self._precision, self._device):
            return self._engine.train(samples, lrs)

    def evaluate(self, slots: Sequence[int], split: SplitName, averaged: bool = False) -> list[Score]:
        with computed_in(self._precision, self._device):
            return self._engine.evaluate(slots, split, averaged)
