"""A schedule as the response model sees it: its scale of peak lr, and where it lies among other shapes.

Two schedules are alike where their lr tables are, each at its own best peak lr. So the features of a shape
are its factors times its scale at `POSITIONS` places, under a square root, which weighs the low lrs of the
end like the high ones of the beginning; and its warm-up once more, since that moves the lr at which training
breaks down. `linear` and `polynomial(1)` are the same point, whatever parameters name them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search.spec.params import ChoiceParam, ParamSpace
from search.strategy.peak_lr import peak_lr_scale
from warmboot.schedule import WarmbootSchedule

POSITIONS = 48
LONG_WARMUP = 0.1
"""A warm-up of this fraction of the horizon is as far from none as any."""
WARMUP_WEIGHT = 0.35
"""How far that is: as two floors 0.35 apart. A few steps of warm-up hardly change the table, but they decide
which peak lrs can be trained at all."""
_SAME = 1e-9


@dataclass(frozen=True, eq=False)
class Shape:
    """A schedule without its peak lr, and the other hyperparameters it is trained with."""

    schedule: WarmbootSchedule
    params: Mapping[str, Any]
    encoder: ShapeEncoder

    @property
    def features(self) -> NDArray[np.float64]:
        """Where it lies among other shapes."""
        return self._encoded[0]

    @property
    def log_scale(self) -> float:
        """Log of its best peak lr relative to that of linear to zero, as far as `peak_lr_scale` knows."""
        return self._encoded[1]

    @cached_property
    def _encoded(self) -> tuple[NDArray[np.float64], float]:
        """Worked out where it is asked for: of thousands of trials, the model learns from a few hundred."""
        return self.encoder.encoded(self.schedule, self.params)

    @cached_property
    def key(self) -> bytes:
        """Equal for shapes that are one but for rounding, most often."""
        return np.round(self.features, 7).tobytes()

    def alike(self, other: Shape) -> bool:
        """Whether both are one shape but for rounding, whatever parameters name it."""
        return bool(np.abs(self.features - other.features).max() < _SAME)


class ShapeEncoder:
    """Renders schedules at a study's horizon.

    Args:
        total_steps: the horizon.
        space: of the other hyperparameters.
    """

    def __init__(self, total_steps: int, space: ParamSpace) -> None:
        self._total_steps, self._space = total_steps, space
        self._linear_scale = peak_lr_scale(WarmbootSchedule(curve="linear").factors(total_steps))
        self._places = np.linspace(0, total_steps - 1, POSITIONS).round().astype(int)

    def shape(self, schedule: WarmbootSchedule, params: Mapping[str, Any]) -> Shape:
        """The shape of a schedule, whatever its lr, trained with other hyperparameters `params`."""
        without_lr = schedule if schedule.lr is None else schedule.replace(lr=None)
        return Shape(without_lr, dict(params), self)

    def encoded(
        self, schedule: WarmbootSchedule, params: Mapping[str, Any]
    ) -> tuple[NDArray[np.float64], float]:
        """Features and log scale of such a shape."""
        factors = schedule.factors(self._total_steps)
        scale = peak_lr_scale(factors) / self._linear_scale
        curve = np.sqrt(scale * factors[self._places] / POSITIONS)
        trained = math.floor(schedule.warmup * self._total_steps + 0.5) / self._total_steps
        warm = [WARMUP_WEIGHT * math.sqrt(min(trained / LONG_WARMUP, 1.0))]
        features = np.concatenate([curve, warm, param_features(params, self._space)])
        return features, math.log(scale)


def param_features(params: Mapping[str, Any], space: ParamSpace) -> NDArray[np.float64]:
    """The other hyperparameters as coordinates: a range gives its place in [0, 1], a choice one per value."""
    coordinates: list[float] = []
    for name, param in space.params.items():
        if isinstance(param, ChoiceParam):
            coordinates += [0.5 * float(params[name] == choice) for choice in param.choices]
            continue
        low, high, value = (float(x) for x in (param.low, param.high, params[name]))
        if param.log:
            low, high, value = np.log(low), np.log(high), np.log(value)
        coordinates.append((value - low) / (high - low) if high > low else 0.0)
    return np.asarray(coordinates, dtype=np.float64)
