"""Drawing shapes from a space: plain ones more often than wild ones, and neighbours of what is known.

Each class stands in for Optuna's trial in `Space.sample` and `ParamSpace.sample`, so that conditions between
parameters are written in one place. They differ in one method: which value a parameter gets.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, final

import numpy as np
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

Distribution = FloatDistribution | IntDistribution | CategoricalDistribution

PLAIN_SHARE = 0.4
"""How often a parameter of a plain shape lies at the low end of its range: no warm-up, no floor, ..."""
NO_RESTARTS_SHARE = 0.8
POWER_SPREAD = 0.3
"""Standard deviation of the log power of a plain shape; 1 is linear."""
KEEP_SHARE = 0.9
MOVE_SHARE = 0.5
MOVE = 0.12
"""Standard deviation of a neighbour's step, as a share of the range."""


class StandInTrial(ABC):
    """Suggests what `value` says. `asked` has what was asked for and `taken` what was suggested, by name;
    `begin` empties both."""

    def __init__(self) -> None:
        self.asked: dict[str, Distribution] = {}
        self.taken: dict[str, Any] = {}

    @abstractmethod
    def value(self, name: str, asked: Distribution) -> Any:
        """What a parameter gets; a value of what is asked."""

    @final
    def begin(self) -> None:
        """Start anew."""
        self.asked, self.taken = {}, {}

    @final
    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        """As Optuna's trial."""
        return float(self._take(name, FloatDistribution(low, high, log=log, step=step), float))

    @final
    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1, log: bool = False) -> int:
        """As Optuna's trial."""
        return int(self._take(name, IntDistribution(low, high, log=log, step=step), int))

    @final
    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """As Optuna's trial."""
        return self._take(name, CategoricalDistribution(tuple(choices)), lambda choice: choice)

    def _take(self, name: str, asked: Distribution, kind: Callable[[Any], Any]) -> Any:
        self.asked[name] = asked
        self.taken[name] = kind(self.value(name, asked))
        return self.taken[name]


@final
class UniformTrial(StandInTrial):
    """Uniform over every range, in the log where it is searched so."""

    def __init__(self, rng: np.random.Generator) -> None:
        super().__init__()
        self._rng = rng

    def value(self, name: str, asked: Distribution) -> Any:
        return _inside(_uniform(self._rng, asked), asked)


@final
class PriorTrial(StandInTrial):
    """Shapes near those in common use: few restarts, short warm-ups, low floors, a power near 1."""

    def __init__(self, rng: np.random.Generator) -> None:
        super().__init__()
        self._rng = rng

    def value(self, name: str, asked: Distribution) -> Any:
        return _inside(_plain(self._rng, name, asked), asked)


@final
class LocalTrial(StandInTrial):
    """A known shape with some of its parameters moved a little, and now and then one drawn anew."""

    def __init__(self, rng: np.random.Generator, known: Mapping[str, Any]) -> None:
        super().__init__()
        self._rng, self._known = rng, known

    def value(self, name: str, asked: Distribution) -> Any:
        return _inside(self._near(name, asked), asked)

    def _near(self, name: str, asked: Distribution) -> Any:
        if name not in self._known or self._rng.random() >= KEEP_SHARE:
            return _plain(self._rng, name, asked)
        known = self._known[name]
        if not isinstance(asked, FloatDistribution) or self._rng.random() >= MOVE_SHARE:
            return known
        return _moved(self._rng, float(known), asked)


def _uniform(rng: np.random.Generator, asked: Distribution) -> Any:
    if isinstance(asked, CategoricalDistribution):
        return asked.choices[int(rng.integers(len(asked.choices)))]
    share = float(rng.random())
    if isinstance(asked, IntDistribution):
        return _at(share, asked.low - 0.499, asked.high + 0.499, asked.log and asked.low > 1)
    return _at(share, asked.low, asked.high, asked.log)


def _plain(rng: np.random.Generator, name: str, asked: Distribution) -> Any:
    """As `PriorTrial` draws."""
    if isinstance(asked, FloatDistribution):
        if name == "power":
            return float(np.clip(math.exp(rng.normal(0.0, POWER_SPREAD)), asked.low, asked.high))
        if name in ("warmup", "hold", "eta_min"):
            share = 0.0 if rng.random() < PLAIN_SHARE else float(rng.beta(1, 3))
            return asked.low + (asked.high - asked.low) * share
    elif name == "n_restarts" and isinstance(asked, IntDistribution) and rng.random() < NO_RESTARTS_SHARE:
        return asked.low
    return _uniform(rng, asked)


def _moved(rng: np.random.Generator, value: float, asked: FloatDistribution) -> float:
    """A little, within the range."""
    step = MOVE * float(rng.normal())
    low, high = asked.low, asked.high
    moved = value * (high / low) ** step if asked.log else value + (high - low) * step
    return float(np.clip(moved, low, high))


def _at(share: float, low: float, high: float, log: bool) -> float:
    if log:
        return float(min(max(math.exp(math.log(low) + share * math.log(high / low)), low), high))
    return low + share * (high - low)


def _inside(value: Any, asked: Distribution) -> Any:
    """The nearest value of a range."""
    if isinstance(asked, CategoricalDistribution):
        return value
    if asked.step is None:
        return float(min(max(value, asked.low), asked.high))
    nearest = min(asked.low + asked.step * round((value - asked.low) / asked.step), asked.high)
    return round(nearest) if isinstance(asked, IntDistribution) else float(nearest)
