"""Recorded surfaces (`surfaces.py`) as trainings that cost nothing: a search meets them in `replay.py`.

Between the recorded peak lrs a shape-preserving cubic in log lr interpolates, between the recorded shapes a
kernel over their features; at a recorded point both give the recorded mean. Beyond the recorded lrs the last
value holds on the left, and the value of an untrained network on the right. Values are in standard deviations
between seeds. A run adds noise of that size, a part of it shared by all runs with its seed.
"""

from __future__ import annotations

import json
import math
import zlib
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from search.spec.params import ParamSpace
from search.strategy.shape import ShapeEncoder
from warmboot.schedule import WarmbootSchedule
from warmboot.schedule_file import reads

RECORDS = Path(__file__).parent / "records"
WIDTH = 0.12
"""Of the kernel over shapes, in units of their features."""
SHARED_NOISE = 0.4
Vector = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Surface:
    """One recorded task; `record` is its file."""

    record: dict[str, Any] = field(repr=False)

    @property
    def name(self) -> str:
        return str(self.record["task"])

    @property
    def log_lrs(self) -> Vector:
        log_lrs: Vector = np.log(np.array(self.record["lrs"]))
        return log_lrs

    @cached_property
    def untrained(self) -> float:
        return float(self.record["untrained"]) / self.seed_sd

    @cached_property
    def seed_sd(self) -> float:
        return float(self.record["seed_sd"])

    @cached_property
    def _makers(self) -> ShapeEncoder:
        return ShapeEncoder(int(self.record["total_steps"]), ParamSpace.from_dict({}))

    @cached_property
    def _features(self) -> Vector:
        rows = [
            reads(json.dumps({"format": "warmboot-schedule", "version": 1, "schedule": row["schedule"]}))
            for row in self.record["shapes"]
        ]
        return np.array([self._makers.shape(file.schedule, {}).features for file in rows])

    @cached_property
    def _curves(self) -> list[PchipInterpolator]:
        return [self._curve(np.array(rows)) for rows in self.record["values"]]

    @cached_property
    def _short_curves(self) -> dict[str, PchipInterpolator]:
        short = self.record["short_values"] or {}
        return {name: self._curve(np.array(rows)) for name, rows in short.items()}

    def _curve(self, rows: Vector) -> PchipInterpolator:
        return PchipInterpolator(self.log_lrs, rows.mean(1) / self.seed_sd)

    def value(self, schedule: WarmbootSchedule, share: float = 1.0) -> float:
        """The truth, lower is better."""
        assert schedule.lr is not None
        log_lr = math.log(schedule.lr)
        inside = float(np.clip(log_lr, self.log_lrs[0], self.log_lrs[-1]))
        over = max(0.0, log_lr - self.log_lrs[-1])
        if share < 1.0:
            name = "linear_warmup" if schedule.warmup > 0.025 else "linear"
            found = float(self._short_curves[name](inside))
        else:
            weights = self._weights(schedule.replace(lr=None))
            found = float(sum(w * float(c(inside)) for w, c in zip(weights, self._curves, strict=True) if w))
        return float(found + (self.untrained - found) * min(over, 1.0))

    def _weights(self, shape: WarmbootSchedule) -> Vector:
        return _weights_of(self, shape)

    def measured(self, schedule: WarmbootSchedule, seed: tuple[int, ...], share: float = 1.0) -> float:
        """One training: the truth and the luck of its seed."""
        table = schedule.lr_table(int(self.record["total_steps"]))
        own = np.random.default_rng([*seed, zlib.crc32(table.tobytes()), round(1e6 * share)]).normal()
        everybody = np.random.default_rng([*seed, 7]).normal()
        value = self.value(schedule, share)
        return value + math.sqrt(1 - SHARED_NOISE) * own + math.sqrt(SHARED_NOISE) * everybody


@lru_cache(maxsize=200_000)
def _weights_of(surface: Surface, shape: WarmbootSchedule) -> Vector:
    features = surface._makers.shape(shape, {}).features
    squares = ((surface._features - features) ** 2).sum(1)
    weights: Vector = np.exp(-(squares - squares.min()) / (2 * WIDTH**2))
    weights[weights < 1e-4] = 0.0
    if squares.min() < 1e-12:
        weights = (squares == squares.min()).astype(np.float64)
    weights /= weights.sum()
    return weights


def surfaces() -> dict[str, Surface]:
    """All recorded ones by task."""
    found = [Surface(json.loads(path.read_text())) for path in sorted(RECORDS.glob("surface_*.json"))]
    return {surface.name: surface for surface in found}


def draw_range(surface: Surface, decades: float, rng: np.random.Generator) -> tuple[float, float]:
    """A range of so many decades of peak lr around the recorded ones: inside them where it is narrower, and
    then it holds the best lr of linear; else with a random part of the rest on either side."""
    low, high = float(surface.log_lrs[0]), float(surface.log_lrs[-1])
    width = decades * math.log(10)
    linear = [surface.value(WarmbootSchedule(curve="linear", lr=math.exp(x))) for x in surface.log_lrs]
    best = float(surface.log_lrs[int(np.argmin(linear))])
    if width >= high - low:
        start = low - float(rng.random()) * (width - (high - low))
    else:
        first, last = max(low, best - 0.95 * width), min(high - width, best - 0.05 * width)
        start = float(rng.uniform(min(first, last), max(first, last)))
    return math.exp(start), math.exp(start + width)
