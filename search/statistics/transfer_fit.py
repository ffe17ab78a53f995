"""From the horizons that were trained to a longer one: the best peak lr there, and the margin.

The best peak lr usually falls as the horizon grows, `lr*(T) = b T^-beta` (Bjorck et al., arXiv 2409.19913),
and who is ahead can change too, so both are fitted as functions of `log T`, with their errors.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from search.statistics.intervals import (
    Interval,
    finite_values,
    normal_quantile,
    standard_error,
    student_quantile,
)
from search.statistics.log_trend import LogTrend, fit_log_trend
from search.statistics.lr_curve import LrCurve

Standing = Literal["measured", "expected", "not known"]
Sign = Literal["better", "worse", "undecided"]


@dataclass(frozen=True, kw_only=True)
class PowerLaw:
    """`lr*(T) = b T^-beta`.

    Attributes:
        trend: the line through `log lr*`.
    """

    trend: LogTrend

    @property
    def beta(self) -> float:
        """How fast the best lr falls: 0.5 halves it when the horizon grows fourfold; negative: it rises."""
        return -self.trend.slope

    @property
    def beta_interval(self) -> Interval:
        """The 95% interval of `beta`."""
        half = normal_quantile(0.975) * self.trend.slope_error
        return Interval(self.beta - half, self.beta + half)

    @property
    def b(self) -> float:
        """The best lr at one step: a constant of the formula, not a lr to train with."""
        return math.exp(self.trend.level - self.trend.slope * self.trend.centre)

    def predict(self, steps: int, *, however_far: bool = False) -> tuple[float, Interval]:
        """The best peak lr at a horizon, and its 95% interval.

        Raises:
            ValueError: more than 30 times the longest horizon trained or less than a third of the shortest,
                unless `however_far`.
        """
        too_far = None if however_far else self.trend.too_far(steps)
        if too_far is not None:
            raise ValueError(
                f"{steps:,} steps are {too_far}; train one that is nearer, or ask for it with "
                "however_far=True."
            )
        log_lr, interval = self.trend.at(steps)
        return math.exp(log_lr), interval.exp()


def fit_power_law(horizons: Sequence[int], curves: Sequence[LrCurve]) -> PowerLaw:
    """Fit the power law to the vertex of each horizon's sweep, weighted by its error.

    Raises:
        ValueError: a sweep whose minimum is not bracketed, or fewer than three horizons.
    """
    logs = []
    for steps, curve in zip(horizons, curves, strict=True):
        if curve.lr is None:
            raise ValueError(
                f"the sweep at {steps} steps has its best lr {curve.bracket}; train more lrs on that side."
                if curve.bracket != "no minimum"
                else f"the sweep at {steps} steps is flat; train lrs farther apart."
            )
        logs.append(math.log(curve.lr))
    return PowerLaw(trend=fit_log_trend(horizons, logs, [curve.log_error for curve in curves]))


def with_shared_slope(laws: Sequence[PowerLaw]) -> list[PowerLaw]:
    """The laws of several shapes on one task with one exponent, each with its own level.

    How fast the best lr falls belongs to the task: the bound of `search.strategy.peak_lr` scales the best
    lrs of all shapes alike. So every shape's horizons tell about it: the exponents are averaged by their
    errors, which are widened where they differ by more than those (Birge 1932, Phys. Rev. 40).
    """
    slopes = np.array([law.trend.slope for law in laws])
    weights = np.array([law.trend.slope_error for law in laws]) ** -2
    shared = float(np.average(slopes, weights=weights))
    excess = math.sqrt(max(1.0, float(weights @ (slopes - shared) ** 2) / max(1, len(laws) - 1)))
    error = excess / math.sqrt(float(weights.sum()))
    return [PowerLaw(trend=replace(law.trend, slope=shared, slope_error=error)) for law in laws]


@dataclass(frozen=True, kw_only=True)
class PredictedGain:
    """The gain at one horizon, and on what grounds.

    Attributes:
        steps: the horizon.
        gain: positive where the candidate is better.
        interval: its 95% interval.
        standing: `measured` at this very horizon; `expected` from the trend, with an interval that holds
            no 0; `not known` where the trend's interval holds 0, or the horizon is too far away.
        too_far: how it is, where it is; None where it is not.
        sign: what the interval says; `undecided` where it holds 0 or nothing is known.
    """

    steps: int
    gain: float
    interval: Interval
    standing: Standing
    sign: Sign
    too_far: str | None = None


@dataclass(frozen=True, kw_only=True)
class GainTrend:
    """The gain as a straight line in `log T`.

    Attributes:
        trend: the line.
        measured: horizon -> mean gain and its own 95% t interval.
    """

    trend: LogTrend
    measured: dict[int, tuple[float, Interval]]

    def at(self, steps: int, *, however_far: bool = False) -> PredictedGain:
        """The gain at a horizon; where it is out of the trend's reach it is not known unless
        `however_far`."""
        if steps in self.measured:
            gain, interval = self.measured[steps]
            return PredictedGain(
                steps=steps, gain=gain, interval=interval, standing="measured", sign=_sign(interval)
            )
        gain, interval = self.trend.at(steps)
        known = (however_far or self.trend.within_reach(steps)) and _sign(interval) != "undecided"
        return PredictedGain(
            steps=steps,
            gain=gain,
            interval=interval,
            standing="expected" if known else "not known",
            sign=_sign(interval) if known else "undecided",
            too_far=None if however_far else self.trend.too_far(steps),
        )


def fit_gain_trend(horizons: Sequence[int], gains: Sequence[Sequence[float]]) -> GainTrend:
    """Fit the gain against the log of the horizon.

    A standard error from a few seeds is often far too small, and weights by it would trust the luckiest
    horizon most. So each is stretched by the ratio of Student's quantile to the normal one.

    Args:
        horizons: at least 3, different.
        gains: for each, the gains seed by seed, at least 2 and not all equal; `PairedRuns.gains`.
    """
    means, errors, measured = [], [], {}
    for steps, row in zip(horizons, gains, strict=True):
        values = finite_values(row, f"gains at {steps} steps", at_least=2)
        error = standard_error(values)
        if not error > 0:
            raise ValueError(
                f"gains at {steps} steps are identical, so their standard error is unknown; train more seeds."
            )
        quantile = student_quantile(0.975, values.size - 1)
        mean = float(np.mean(values))
        means.append(mean)
        errors.append(error * quantile / normal_quantile(0.975))
        measured[int(steps)] = (mean, Interval(mean - quantile * error, mean + quantile * error))
    return GainTrend(trend=fit_log_trend(horizons, means, errors), measured=measured)


def _sign(interval: Interval) -> Sign:
    if interval.low > 0:
        return "better"
    return "worse" if interval.high < 0 else "undecided"
