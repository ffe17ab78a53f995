"""The space of schedules a search draws from, and `suggest_schedule` for any Optuna objective.

A `Space` maps a handful of flat parameters (what Optuna samples) to a `WarmbootSchedule` and back. It needs
an object with `suggest_float`, `suggest_int` and `suggest_categorical` and nothing else, so it works with
Optuna's `Trial` and `FixedTrial`, and with any stand-in, without importing Optuna.

Start reading at `Space.sample`; `Space.params_of` is its inverse.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from warmboot.curves import Curve, Polynomial, curve_from_name
from warmboot.restart_points import fractions_from_unit, unit_from_fractions
from warmboot.schedule import WarmbootSchedule
from warmboot.space_checks import read_space_fields


class SuggestsParameters(Protocol):
    """The three methods of `optuna.trial.BaseTrial` that a `Space` calls."""

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float: ...

    def suggest_int(self, name: str, low: int, high: int) -> int: ...

    def suggest_categorical(self, name: str, choices: Sequence[str]) -> Any: ...


@dataclass(frozen=True, kw_only=True)
class FloatRange:
    """A real parameter that is searched: `low <= value <= high`, uniform, or log-uniform with `log`.

    `start` is where a search of the lr begins; it widens from there within the bounds. What Optuna samples
    does not depend on it.
    """

    low: float
    high: float
    log: bool = False
    start: float | None = None


@dataclass(frozen=True, kw_only=True)
class IntRange:
    """A whole-number parameter that is searched: `low <= value <= high`."""

    low: int
    high: int


@dataclass(frozen=True, kw_only=True)
class Space:
    """Which schedules may be proposed. Every field is a fixed value or a range; see `from_dict`.

    Attributes:
        lr: peak lr, > 0; None leaves it out (the caller's own optimizer decides).
        warmup: fraction of the horizon, [0, 1).
        n_restarts: how many restarts; where they lie is searched too.
        restarts: fixed restart fractions instead, strictly rising in (warmup, 1).
        step_scale: each cycle's peak relative to the one before, (0, 1]; used only with restarts.
        hold: fraction of each cycle spent at its peak, [0, 1).
        eta_min: floor as a fraction of the cycle's peak, [0, 1].
        curve: name of the decay, or several to choose from.
        power: exponent of the `polynomial` curve, > 0; used only with it.
        min_cycle: least length of a searched cycle as a fraction of the horizon, [1e-6, 0.5].
    """

    lr: float | FloatRange | None = None
    warmup: float | FloatRange = 0.0
    n_restarts: int | IntRange = 0
    restarts: tuple[float, ...] | None = None
    step_scale: float | FloatRange = 1.0
    hold: float | FloatRange = 0.0
    eta_min: float | FloatRange = 0.0
    curve: str | tuple[str, ...] = "cosine"
    power: float | FloatRange = 1.0
    min_cycle: float = 0.05

    @classmethod
    def from_dict(cls, table: Mapping[str, Any]) -> Space:
        """Read the `[space]` table of a study file.

        Args:
            table: a number fixes a parameter; `{low, high, log?}` searches it, for the lr with `start?`;
                `curve` takes a name or a list of names; `restarts` a list of fractions.

        Raises:
            SpaceError: naming every problem at once.

        >>> Space.from_dict({"lr": {"low": 0.01, "high": 1.0, "log": True}, "warmup": 0.05}).warmup
        0.05
        """
        return cls(**read_space_fields(table, FloatRange, IntRange))

    @property
    def min_total_steps(self) -> int:
        """The shortest horizon, in steps, at which every schedule of this space has room for its cycles.

        That is two steps for the shortest cycle; restarts that are fixed may lie closer than `min_cycle`.
        """
        shortest_cycle = self.min_cycle
        if self.restarts:
            longest_warmup = self.warmup.high if isinstance(self.warmup, FloatRange) else self.warmup
            edges = (longest_warmup, *self.restarts, 1.0)
            shortest_cycle = min(shortest_cycle, *(b - a for a, b in itertools.pairwise(edges)))
        return math.ceil(2 / shortest_cycle)

    def sample(self, trial: SuggestsParameters) -> WarmbootSchedule:
        """Draw one schedule; parameters that would have no effect are not asked for."""
        lr = None if self.lr is None else _draw_float(trial, "lr", self.lr)
        warmup = _draw_float(trial, "warmup", self.warmup)
        restarts = self._draw_restarts(trial, warmup)
        step_scale = _draw_float(trial, "step_scale", self.step_scale) if restarts else 1.0
        hold = _draw_float(trial, "hold", self.hold)
        eta_min = _draw_float(trial, "eta_min", self.eta_min)
        return WarmbootSchedule(
            lr=lr,
            warmup=warmup,
            restarts=restarts,
            step_scale=step_scale,
            hold=hold,
            eta_min=eta_min,
            curve=self._draw_curve(trial),
        )

    def params_of(self, schedule: WarmbootSchedule) -> dict[str, float | int | str] | None:
        """The parameters from which `sample` draws `schedule`, or None where it lies outside the space.

        >>> space = Space(lr=FloatRange(low=0.1, high=1.0), warmup=FloatRange(low=0.0, high=0.2))
        >>> space.params_of(WarmbootSchedule(lr=0.5, warmup=0.05))
        {'lr': 0.5, 'warmup': 0.05}
        >>> space.params_of(WarmbootSchedule(lr=0.5, warmup=0.3)) is None
        True
        """
        if schedule.warmup_steps is not None:
            return None
        params: dict[str, float | int | str] = {}
        fits = [
            self.lr is None or _put(params, "lr", schedule.lr, self.lr),
            _put(params, "warmup", schedule.warmup, self.warmup),
            self._put_restarts(params, schedule),
            _put(params, "hold", schedule.hold, self.hold),
            _put(params, "eta_min", schedule.eta_min, self.eta_min),
            self._put_curve(params, schedule.curve),
        ]
        return params if all(fits) else None

    def _draw_restarts(self, trial: SuggestsParameters, warmup: float) -> tuple[float, ...]:
        if self.restarts is not None:
            return self.restarts
        if isinstance(self.n_restarts, IntRange):
            n = trial.suggest_int("n_restarts", self.n_restarts.low, self.n_restarts.high)
        else:
            n = self.n_restarts
        units = [trial.suggest_float(f"u{j}", 0.0, 1.0) for j in range(1, n + 1)]
        return fractions_from_unit(units, warmup=warmup, min_cycle=self.min_cycle)

    def _draw_curve(self, trial: SuggestsParameters) -> Curve:
        if isinstance(self.curve, tuple):
            name = str(trial.suggest_categorical("curve", self.curve))
        else:
            name = self.curve
        if name == "polynomial":
            return Polynomial(power=_draw_float(trial, "power", self.power))
        return curve_from_name(name)

    def _put_restarts(self, params: dict[str, Any], schedule: WarmbootSchedule) -> bool:
        restarts = schedule.restarts
        if self.restarts is not None:
            if restarts != self.restarts:
                return False
        elif not _put(params, "n_restarts", len(restarts), self.n_restarts):
            return False
        elif restarts:
            units = unit_from_fractions(restarts, warmup=schedule.warmup, min_cycle=self.min_cycle)
            if units is None:
                return False
            params.update({f"u{j}": u for j, u in enumerate(units, start=1)})
        if not restarts:
            return True
        scale = schedule.step_scale
        return isinstance(scale, float) and _put(params, "step_scale", scale, self.step_scale)

    def _put_curve(self, params: dict[str, Any], curve: Curve) -> bool:
        if isinstance(self.curve, tuple):
            if curve.name not in self.curve:
                return False
            params["curve"] = curve.name
        elif curve.name != self.curve:
            return False
        return not isinstance(curve, Polynomial) or _put(params, "power", curve.power, self.power)


def suggest_schedule(trial: SuggestsParameters, space: Space | Mapping[str, Any]) -> WarmbootSchedule:
    """A schedule inside your own Optuna objective.

    Args:
        trial: an `optuna.Trial`, or anything with its three `suggest_*` methods.
        space: a `Space`, or the table that `Space.from_dict` reads.

    Raises:
        SpaceError: the table has problems; all are named.
    """
    return (space if isinstance(space, Space) else Space.from_dict(space)).sample(trial)


def _draw_float(trial: SuggestsParameters, name: str, field: float | FloatRange) -> float:
    if isinstance(field, FloatRange):
        return trial.suggest_float(name, field.low, field.high, log=field.log)
    return field


def _put(
    params: dict[str, Any], name: str, value: float | None, field: float | FloatRange | IntRange
) -> bool:
    """Note `value` under `name` where the field is searched; say whether the field admits it."""
    if value is None:
        return False
    if isinstance(field, FloatRange | IntRange):
        params[name] = value
        return field.low <= value <= field.high
    return value == field
