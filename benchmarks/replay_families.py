"""Made-up trainings of many kinds, with a known truth, for `replay.py`.

The value of a schedule `s` at a peak lr, in standard deviations between seeds, is

    A(s) + valley(u) + cliff(u - c(s)),     u = log lr - optimum - B(s),

`A` how good the shape is, `B` how far its best peak lr lies from that of the others, the valley two half
parabolas (left and right of the optimum) that flatten far out, the cliff a rise of hundreds. `A`, `B` and `c`
are smooth random functions of the shape, drawn for each instance. A family says from which ranges.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search.strategy.peak_lr import peak_lr_scale
from warmboot.schedule import WarmbootSchedule

STEPS = 400
SHORT_SHARE = 1 / 9
LOW = 1e-4
FLAT = 150.0
"""How bad, in seed standard deviations, an lr is that is far too low or too high."""
Pair = tuple[float, float]
_LINEAR_SCALE = peak_lr_scale(WarmbootSchedule(curve="linear").factors(STEPS))


@dataclass(frozen=True, kw_only=True)
class Family:
    """Ranges from which an instance is drawn; lengths are of log lr, heights seed standard deviations."""

    place: Pair = (0.25, 0.75)
    """Where the best lr of linear lies in the range of the study: 0 its lower end, 1 its upper."""
    left: Pair = (1.0, 8.0)
    """Rise of the valley one unit of log lr left of the optimum."""
    right: Pair = (2.0, 16.0)
    bound: float = 1.0
    """How much of what the last-iterate bound says about shapes' best lrs is true."""
    apart: float = 0.12
    """Standard deviation of what is added to that."""
    wall: Pair | None = None
    """Where the cliff begins without warm-up, from the optimum; None: far out."""
    wall_moves: Pair = (0.0, 0.0)
    """By how much 6% of warm-up moves it outwards."""
    warmup_gain: float = 0.5
    """How much better 6% of warm-up is than none."""
    shapes: Pair = (0.0, 0.5)
    """How much better the best shape of the space is than linear, its lr apart."""
    second: Pair | None = None
    """Depth of a second valley beside the first, 2 to 3 units of log lr away."""
    shared_noise: float = 0.4
    """The part of the variance between seeds that all schedules with the same seed share."""


FAMILIES: Mapping[str, Family] = {
    "as the bound has it": Family(warmup_gain=0.0),
    "shapes' best lrs apart": Family(bound=0.3, apart=0.7),
    "wall moved by warm-up": Family(wall=(0.1, 0.8), wall_moves=(0.5, 1.5), apart=0.3),
    "wall, best near the end": Family(wall=(0.1, 0.8), wall_moves=(0.5, 1.5), apart=0.3, place=(0.85, 0.97)),
    "wall anywhere": Family(wall=(0.2, 4.0), wall_moves=(0.0, 2.0), apart=0.3, place=(0.1, 0.9)),
    "best in the outer tenth": Family(place=(0.02, 0.1)),
    "best outside the range": Family(place=(1.03, 1.15)),
    "flat over two decades": Family(left=(0.05, 0.4), right=(0.1, 0.6)),
    "narrow": Family(left=(15.0, 60.0), right=(30.0, 120.0), apart=0.2),
    "two valleys": Family(second=(-1.5, 3.0), left=(4.0, 12.0), right=(4.0, 16.0)),
    "noise ten times the effect": Family(
        left=(0.03, 0.1), right=(0.05, 0.2), shapes=(0.0, 0.1), warmup_gain=0.1
    ),
    "noise a tenth of the effect": Family(
        left=(10.0, 40.0), right=(20.0, 80.0), shapes=(0.0, 5.0), warmup_gain=3.0
    ),
    "shapes worth 1 to 5": Family(shapes=(1.0, 5.0), apart=0.3),
    "shapes worth 1 to 5, a wall": Family(
        shapes=(1.0, 5.0), wall=(0.1, 0.8), wall_moves=(0.5, 1.5), apart=0.4, bound=0.5
    ),
}


@dataclass(frozen=True)
class MadeUp:
    """One instance: `value(schedule, share)` is the truth in seed standard deviations, lower is better."""

    family: Family
    log_optimum: float
    numbers: Mapping[str, float]
    shape_level: Callable[[WarmbootSchedule], float] = field(repr=False)
    shape_offset: Callable[[WarmbootSchedule], float] = field(repr=False)
    untrained: float = FLAT

    def value(self, schedule: WarmbootSchedule, share: float = 1.0) -> float:
        """The truth; `share` of the horizon is trained."""
        assert schedule.lr is not None
        n = self.numbers
        offset = self.shape_offset(schedule) - n["beta"] * math.log(share)
        u = math.log(schedule.lr) - self.log_optimum - offset
        valley = _half_parabolas(u, n["left"], n["right"])
        if "second" in n:
            other = _half_parabolas(u - n["second_at"], n["left"], n["right"])
            valley = min(valley, n["second"] + other)
        value = self.shape_level(schedule) + valley + self._cliff(math.log(schedule.lr), schedule)
        return min(value + (20.0 if share < 1.0 else 0.0), FLAT)

    def _cliff(self, log_lr: float, schedule: WarmbootSchedule) -> float:
        n = self.numbers
        moved = n["wall_moves"] * min(schedule.warmup / 0.06, 1.0)
        over = log_lr - self.log_optimum - n["wall"] - moved
        return FLAT / (1.0 + math.exp(-min(max(over / 0.06, -60.0), 60.0)))

    def measured(self, schedule: WarmbootSchedule, seed: tuple[int, ...], share: float = 1.0) -> float:
        """One training: the truth and the luck of its seed, part of it shared by all schedules."""
        assert schedule.lr is not None
        own = np.random.default_rng([*seed, zlib.crc32(schedule.lr_table(STEPS).tobytes())]).normal()
        everybody = np.random.default_rng([*seed, 7]).normal()
        shared = self.family.shared_noise
        return self.value(schedule, share) + math.sqrt(1 - shared) * own + math.sqrt(shared) * everybody


def draw(family: Family, decades: float, rng: np.random.Generator) -> tuple[MadeUp, float, float]:
    """An instance, and the range of peak lrs that its study gets."""
    low, high = LOW, LOW * 10**decades
    place = rng.uniform(*family.place)
    log_optimum = math.log(low) + place * math.log(high / low)
    numbers = {
        "left": _log_uniform(rng, family.left),
        "right": _log_uniform(rng, family.right),
        "wall": 6.0 if family.wall is None else rng.uniform(*family.wall),
        "wall_moves": rng.uniform(*family.wall_moves),
        "beta": rng.uniform(0.0, 0.3),
    }
    if family.second is not None:
        numbers |= {
            "second": rng.uniform(*family.second),
            "second_at": rng.choice([-1, 1]) * rng.uniform(2, 3),
        }
    made = MadeUp(family, log_optimum, numbers, _level(family, rng), _offset(family, rng))
    return made, low, high


def _half_parabolas(u: float, left: float, right: float) -> float:
    """Quadratic near 0, flat far out."""
    rise = (left if u < 0 else right) * u * u
    return rise / (1.0 + rise / FLAT)


def _level(family: Family, rng: np.random.Generator) -> Callable[[WarmbootSchedule], float]:
    """How bad a shape is: 0 for linear, less near a target drawn from the space, more elsewhere."""
    worth = rng.uniform(*family.shapes)
    target = _coordinates(_drawn_shape(rng))
    weights = rng.dirichlet(np.ones(len(target))) * 3.0
    linear = _distance(_coordinates(WarmbootSchedule(curve="linear")), target, weights)
    ripple = _smooth(rng, 0.15 * worth)

    def level(schedule: WarmbootSchedule) -> float:
        at = _coordinates(schedule)
        far = _distance(at, target, weights) / max(linear, 1e-6)
        warm = -family.warmup_gain * max(0.0, 1.0 - ((schedule.warmup - 0.06) / 0.06) ** 2)
        return worth * (min(far, 4.0) - 1.0) + warm + ripple(at) - ripple(_coordinates(_LINEAR))

    return level


def _offset(family: Family, rng: np.random.Generator) -> Callable[[WarmbootSchedule], float]:
    """Log of a shape's best peak lr relative to linear's."""
    more = _smooth(rng, family.apart)

    def offset(schedule: WarmbootSchedule) -> float:
        scale = peak_lr_scale(schedule.factors(STEPS)) / _LINEAR_SCALE
        extra = more(_coordinates(schedule)) - more(_coordinates(_LINEAR))
        return family.bound * math.log(scale) + extra

    return offset


_LINEAR = WarmbootSchedule(curve="linear")


def _coordinates(schedule: WarmbootSchedule) -> NDArray[np.float64]:
    """A shape as numbers of order 1: warm-up, restarts, hold, floor, how its second half falls."""
    factors = schedule.factors(STEPS)
    tail = float(factors[STEPS // 2 :].mean())
    restarts = schedule.restarts[0] if schedule.restarts else 0.0
    return np.array(
        [
            schedule.warmup / 0.1,
            len(schedule.restarts) / 2.0,
            restarts,
            schedule.hold / 0.5,
            schedule.eta_min / 0.15,
            tail / 0.25,
        ]
    )


def _drawn_shape(rng: np.random.Generator) -> WarmbootSchedule:
    """What the target of an instance is: restarts, a hold or a floor, and a power."""
    shape = WarmbootSchedule(curve=str(rng.choice(["linear", "cosine"])))
    kind = int(rng.integers(4))
    if kind == 0:
        return shape.replace(
            restarts=(float(rng.uniform(0.3, 0.7)),), step_scale=float(rng.uniform(0.4, 1.0))
        )
    if kind == 1:
        return shape.replace(hold=float(rng.uniform(0.2, 0.8)))
    if kind == 2:
        return shape.replace(eta_min=float(rng.uniform(0.05, 0.3)))
    return shape.replace(warmup=float(rng.uniform(0.02, 0.2)), hold=float(rng.uniform(0.0, 0.4)))


def _distance(a: NDArray[np.float64], b: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    return float((weights * np.abs(a - b)).sum())


def _smooth(rng: np.random.Generator, sd: float) -> Callable[[NDArray[np.float64]], float]:
    """A random smooth function of a shape's coordinates (random Fourier features), 0 +- `sd`."""
    frequencies = rng.normal(0.0, 0.7, (24, 6))
    phases = rng.uniform(0.0, 2 * math.pi, 24)
    heights = rng.normal(0.0, sd * math.sqrt(2 / 24), 24)
    return lambda at: float(heights @ np.cos(frequencies @ at + phases))


def _log_uniform(rng: np.random.Generator, pair: Pair) -> float:
    return float(math.exp(rng.uniform(math.log(pair[0]), math.log(pair[1]))))


def space(low: float, high: float, **changes: Any) -> dict[str, Any]:
    """The `[space]` of a study on an instance."""
    return {
        "lr": {"low": low, "high": high, "log": True},
        "warmup": {"low": 0.0, "high": 0.2},
        "n_restarts": {"low": 0, "high": 2},
        "step_scale": {"low": 0.4, "high": 1.0},
        "hold": {"low": 0.0, "high": 0.8},
        "eta_min": {"low": 0.0, "high": 0.3},
        "curve": ["cosine", "linear", "polynomial"],
        "power": {"low": 0.5, "high": 2.0},
        **changes,
    }
