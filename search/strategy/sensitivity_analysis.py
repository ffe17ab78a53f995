"""Which parameters of the best schedule matter, and how far each could be moved without harm.

Each parameter is moved over what was tried of its range while the others stay, the peak lr too. The model of
the study tells how much worse that is expected to be than the best, and how sure that is: the standard
deviation of the difference, in which what both share cancels. Very bad values say only that they are bad
(`surrogate.drawn_in`), so a large effect is a lower bound. Of what was never varied nothing is said.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, final

import numpy as np
from optuna.distributions import CategoricalDistribution, IntDistribution

from search.spec.study import StudySpec
from search.strategy.candidates import Distribution, StandInTrial
from search.strategy.progress import TrialReader, points_of
from search.strategy.sensitivity import Sensitivity
from search.strategy.study_model import StudyModel

PLACES = 41
"""Values of a range that are looked at, the best one besides."""
SURE_SDS = 3.0
"""An effect counts where it is this many standard deviations of the difference above 0. The worst of many
places is looked at, so it is more than the customary 2."""
LEAST_EFFECT = 0.25
"""And where it is more than this share of what one run differs from another on the same seed."""
FLAT = 1.0
"""A value counts as equally good if it is at most this many standard deviations between seeds worse than the
best."""
GOOD_SDS, GOOD_SHARE = 1.64, 0.7
"""A value is called equally good only if its difference, plus this many of its standard deviations, is below
this share of `FLAT`: the noise between seeds is an estimate as well."""
_RESTART_PLACE = re.compile(r"u\d+")


@final
class _HeldTrial(StandInTrial):
    """Suggests given values; what is missing (a further restart, a power) comes from the middle."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        super().__init__()
        self._values = values

    def value(self, name: str, asked: Distribution) -> Any:
        if name in self._values:
            return self._values[name]
        if isinstance(asked, CategoricalDistribution):
            return asked.choices[0]
        if isinstance(asked, IntDistribution):
            return asked.low
        if name == "power" and asked.low <= 1.0 <= asked.high:
            return 1.0
        return _between(asked.low, asked.high, asked.log, 0.5)


class SensitivityAnalysis:
    """Moves the parameters of one schedule of one study.

    Args:
        spec: the study.
        model: of its runs.
        best: Optuna's parameters of the schedule.
    """

    def __init__(self, spec: StudySpec, model: StudyModel, best: Mapping[str, Any]) -> None:
        self._space, self._others = spec.parsed_space, spec.parsed_params
        self._reader, self._model, self._response = TrialReader(spec), model, model.response
        self._best = dict(best)
        held = self._held({})
        self._asked, self._taken = held.asked, held.taken
        self._tried = self._reader.shape(self._taken)

    def knobs(self) -> list[Sensitivity]:
        """Those that matter first, the strongest first; nothing of what was never varied."""
        names = [name for name in self._asked if not _RESTART_PLACE.fullmatch(name)]
        found = [self._knob(name) for name in names if len(self._values(name)) > 1]
        return sorted(found, key=lambda knob: (not knob.matters, -knob.effect))

    def _held(self, changes: Mapping[str, Any]) -> _HeldTrial:
        held = _HeldTrial({**self._best, **changes})
        self._space.sample(held)
        self._others.sample(held)
        return held

    def _values(self, name: str) -> list[Any]:
        """The values of a parameter that are looked at, in their order, none outside what was tried; the
        best one is among them. Only the best one where no other was tried."""
        best = self._taken[name]
        tried = {run.params[name] for run in self._model.runs if name in run.params} | {best}
        if len(tried) == 1:
            return [best]
        asked = self._asked[name]
        if isinstance(asked, CategoricalDistribution):
            return [choice for choice in asked.choices if choice in tried]
        if isinstance(asked, IntDistribution):
            return _thinned(list(range(min(tried), max(tried) + 1, asked.step)), best)
        low, high = float(min(tried)), float(max(tried))
        return sorted({*(_between(low, high, asked.log, i / (PLACES - 1)) for i in range(PLACES)), best})

    def _knob(self, name: str) -> Sensitivity:
        values = self._values(name)
        mean, sd = self._worse(name, values)
        worst = int(np.argmax(mean))
        sure = mean - SURE_SDS * sd
        enough = LEAST_EFFECT * self._response.paired_noise_sd
        matters = bool(((sure > 0) & (mean > enough)).any())
        best = values.index(self._taken[name])
        good = mean + GOOD_SDS * sd <= GOOD_SHARE * FLAT * self._response.noise_sd
        good[best] = True
        is_range = not isinstance(self._asked[name], CategoricalDistribution)
        chosen = [value for value, is_good in zip(values, good, strict=True) if is_good]
        as_good = _around(values, good, best) if is_range else chosen
        return Sensitivity(
            name=name,
            best=self._taken[name],
            effect=float(mean[worst]),
            sd=float(sd[worst]),
            matters=matters,
            as_good=(as_good[0], as_good[-1]) if is_range else tuple(as_good),
            is_range=is_range,
            whole_range=len(as_good) == len(values),
            tried=(values[0], values[-1]) if is_range else tuple(values),
        )

    def _worse(self, name: str, values: Sequence[Any]) -> tuple[Any, Any]:
        """How much worse each value is. The peak lr stays unless it is the parameter moved, so that nothing
        is said of lrs that were not tried."""
        moved = [self._reader.shape(self._held({name: value}).taken) for value in values]
        return self._response.differences(points_of(moved), points_of([self._tried]))


def _around(values: Sequence[Any], good: Any, best: int) -> list[Any]:
    """The unbroken run of good values that has the best in it."""
    low = high = best
    while low > 0 and good[low - 1]:
        low -= 1
    while high < len(values) - 1 and good[high + 1]:
        high += 1
    return list(values[low : high + 1])


def _thinned(values: list[int], best: int) -> list[int]:
    every = max(1, math.ceil(len(values) / PLACES))
    return sorted({*values[::every], values[-1], best})


def _between(low: float, high: float, log: bool, share: float) -> float:
    if log:
        return float(min(max(low * (high / low) ** share, low), high))
    return low + share * (high - low)
