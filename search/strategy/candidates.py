"""Drawing shapes from a space: plain ones more often than wild ones, and neighbours of what is known.

Each class stands in for Optuna's trial in `Space.sample`, so that conditions between parameters are written
in one place.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

PLAIN_SHARE = 0.4
"""How often a parameter of a plain shape lies at the low end of its range: no warm-up, no floor, ..."""
NO_RESTARTS_SHARE = 0.8
POWER_SPREAD = 0.3
"""Standard deviation of the log power of a plain shape; 1 is linear."""
KEEP_SHARE = 0.9
MOVE_SHARE = 0.5
MOVE = 0.12
"""Standard deviation of a neighbour's step, as a share of the range."""


class UniformTrial:
    """Uniform over every range. `taken` has what was drawn, by name; `begin` empties it."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.taken: dict[str, Any] = {}

    def begin(self) -> None:
        self.taken = {}

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        self.taken[name] = _snapped(self._float(name, low, high, log), low, high, step)
        return float(self.taken[name])

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1, log: bool = False) -> int:
        self.taken[name] = round(_snapped(self._int(name, low, high, log), low, high, step))
        return int(self.taken[name])

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        self.taken[name] = self._choice(name, choices)
        return self.taken[name]

    def _choice(self, name: str, choices: Sequence[Any]) -> Any:
        return choices[int(self.rng.integers(len(choices)))]

    def _float(self, name: str, low: float, high: float, log: bool) -> float:
        return _at(float(self.rng.random()), low, high, log)

    def _int(self, name: str, low: int, high: int, log: bool) -> float:
        return _at(float(self.rng.random()), low - 0.499, high + 0.499, log and low > 1)


class PriorTrial(UniformTrial):
    """Shapes near those in common use: few restarts, short warm-ups, low floors, a power near 1."""

    def _float(self, name: str, low: float, high: float, log: bool) -> float:
        if name == "power":
            return float(np.clip(math.exp(self.rng.normal(0.0, POWER_SPREAD)), low, high))
        if name not in ("warmup", "hold", "eta_min"):
            return super()._float(name, low, high, log)
        if self.rng.random() < PLAIN_SHARE:
            return low
        return low + (high - low) * float(self.rng.beta(1, 3))

    def _int(self, name: str, low: int, high: int, log: bool) -> float:
        if name == "n_restarts" and self.rng.random() < NO_RESTARTS_SHARE:
            return low
        return super()._int(name, low, high, log)


class LocalTrial(PriorTrial):
    """A known shape with some of its parameters moved a little, and now and then one drawn anew."""

    def __init__(self, rng: np.random.Generator, known: Mapping[str, Any]) -> None:
        super().__init__(rng)
        self._known = known

    def _choice(self, name: str, choices: Sequence[Any]) -> Any:
        return self._known[name] if self._keeps(name) else super()._choice(name, choices)

    def _float(self, name: str, low: float, high: float, log: bool) -> float:
        if not self._keeps(name):
            return super()._float(name, low, high, log)
        value = float(self._known[name])
        if self.rng.random() >= MOVE_SHARE:
            return value
        step = MOVE * float(self.rng.normal())
        moved = value * (high / low) ** step if log else value + (high - low) * step
        return float(np.clip(moved, low, high))

    def _int(self, name: str, low: int, high: int, log: bool) -> float:
        return float(self._known[name]) if self._keeps(name) else super()._int(name, low, high, log)

    def _keeps(self, name: str) -> bool:
        return name in self._known and bool(self.rng.random() < KEEP_SHARE)


def _at(share: float, low: float, high: float, log: bool) -> float:
    if log:
        return float(min(max(math.exp(math.log(low) + share * math.log(high / low)), low), high))
    return low + share * (high - low)


def _snapped(value: float, low: float, high: float, step: float | None) -> float:
    if step is None:
        return float(min(max(value, low), high))
    return float(min(low + step * round((value - low) / step), high))
