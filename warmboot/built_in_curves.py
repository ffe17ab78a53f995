"""How a cycle falls: curves `c(x)` from `c(0) = 1` at the peak to `c(1) = 0` at the floor.

A curve is a small frozen value with a name (which the schedule file stores) and a function on
float64 arrays. The built-in ones are written in terms of `1 - x`, which is exact near the floor,
so that the last steps of a long schedule keep their relative precision.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from warmboot.checks import as_float, number_problem, show
from warmboot.errors import ScheduleError

FloatArray: TypeAlias = NDArray[np.float64]
CurveFunction: TypeAlias = Callable[[FloatArray], FloatArray]

LEAST_POWER, LARGEST_POWER = 0.01, 100.0


class Curve(ABC):
    """The contract of a curve.

    `values(x)` takes a float64 array of `x` in [0, 1] and returns an array of the same shape in
    [0, 1]. It works element by element: the value at one `x` may not depend on its neighbours,
    or `factor(step)` and `factors()` would disagree. Curves are frozen, hashable and picklable.
    The family is closed, so that every schedule fits into a file: a function of your own joins
    it through `register_curve`.
    """

    name: str

    @abstractmethod
    def values(self, x: FloatArray) -> FloatArray: ...

    def parameters(self) -> dict[str, float]:
        """What the schedule file stores beside the name."""
        return {}

    def describe(self) -> str:
        """The curve in words, as part of a sentence."""
        return self.name


@dataclass(frozen=True)
class Cosine(Curve):
    """Half a cosine, `(1 + cos(pi x)) / 2` (Loshchilov and Hutter, arXiv 1608.03983).

    >>> Cosine().values(np.array([0.0, 0.5, 1.0])).round(12).tolist()
    [1.0, 0.5, 0.0]
    """

    name = "cosine"

    def values(self, x: FloatArray) -> FloatArray:
        # the same curve as (1 + cos(pi x)) / 2, which loses its digits where it nears zero
        s = np.sin((np.pi / 2) * (1.0 - x))
        return s * s


@dataclass(frozen=True)
class Linear(Curve):
    """A straight line, `1 - x` (Bergsma et al., arXiv 2502.15938, on why to start from it)."""

    name = "linear"

    def values(self, x: FloatArray) -> FloatArray:
        return 1.0 - x


@dataclass(frozen=True)
class Polynomial(Curve):
    """`(1 - x) ** power`, `power` in [0.01, 100]; 1 is linear, less stays up for longer.

    >>> Polynomial(power=2).values(np.array([0.0, 0.5, 1.0])).tolist()
    [1.0, 0.25, 0.0]
    """

    name = "polynomial"
    power: float

    def __post_init__(self) -> None:
        problem = number_problem("power", self.power)
        if problem is None and not LEAST_POWER <= self.power <= LARGEST_POWER:
            problem = f"power must be in [{LEAST_POWER}, {LARGEST_POWER:g}] but got {show(self.power)}"
        if problem is not None:
            raise ScheduleError("curve polynomial", [problem])
        object.__setattr__(self, "power", as_float(self.power))

    def values(self, x: FloatArray) -> FloatArray:
        return np.power(1.0 - x, self.power)

    def parameters(self) -> dict[str, float]:
        return asdict(self)

    def describe(self) -> str:
        return f"polynomial of power {self.power:g}"


@dataclass(frozen=True)
class OneMinusSqrt(Curve):
    """`1 - sqrt(x)`, the cooldown of WSD (Haegele et al., NeurIPS 2024)."""

    name = "one_minus_sqrt"

    def values(self, x: FloatArray) -> FloatArray:
        return 1.0 - np.sqrt(x)

    def describe(self) -> str:
        return "1 - sqrt"


@dataclass(frozen=True)
class Rex(Curve):
    """`(1 - x) / (1 - x / 2)`: high for long, then down (Chen et al., arXiv 2107.04197)."""

    name = "rex"

    def values(self, x: FloatArray) -> FloatArray:
        return (1.0 - x) / (1.0 - 0.5 * x)

    def describe(self) -> str:
        return "REX"


@dataclass(frozen=True)
class Constant(Curve):
    """1 everywhere: the cycle stays at its peak."""

    name = "constant"

    def values(self, x: FloatArray) -> FloatArray:
        return np.ones_like(x)


BUILT_IN: dict[str, type[Curve]] = {
    curve.name: curve for curve in (Cosine, Linear, Polynomial, OneMinusSqrt, Rex, Constant)
}


def parameter_names(curve: type[Curve]) -> tuple[str, ...]:
    """What a built-in curve needs beside its name.

    >>> parameter_names(Polynomial)
    ('power',)
    """
    return tuple(field.name for field in fields(curve))  # type: ignore[arg-type]
