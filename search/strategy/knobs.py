"""Which parameters of the best schedule matter, and how far each could be moved without harm.

Each parameter is moved over its range while the others stay, every time at the peak lr that then suits best
(the peak lr itself is moved directly). The model of the study tells how much worse that is expected to be
than the best, and how sure that is: the standard deviation of the difference, in which what both share
cancels. Very bad values say only that they are bad (`response.TAIL`), so a large effect is a lower bound.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from search.strategy.drawing import WildDraw
from search.strategy.improvement import features_of
from search.strategy.progress import TrialReader, Tried
from search.strategy.response import Response
from search.study_spec import StudySpec

PLACES = 41
"""Values of a range that are looked at, the best one besides."""
SURE_SDS = 2.5
"""An effect counts where it is this many standard deviations of the difference above 0. The worst of many
places is looked at, so it is more than the customary 2."""
LEAST_EFFECT = 0.25
"""And where it is more than this share of what one run differs from another on the same seed."""
FLAT = 0.5
"""As good as the best is what is expected within this many seed standard deviations of it."""
_RESTART_PLACE = re.compile(r"u\d+")


@dataclass(frozen=True)
class Knob:
    """One parameter at the best schedule. Differences are in the unit of the objective, worse is positive."""

    name: str
    best: Any
    effect: float
    """How much worse the worst of its values is expected to be."""
    sd: float
    """Standard deviation of `effect`."""
    matters: bool
    """Whether `effect` is more than noise."""
    as_good: tuple[Any, ...]
    """Values expected to be as good as the best: lowest and highest of a range around it, or choices."""
    is_range: bool
    whole_range: bool
    """Whether all that was searched is as good."""


@dataclass
class _Held(WildDraw):
    """Draws given values; what is missing (a further restart, a power) is drawn from the middle."""

    values: Mapping[str, Any]
    asked: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    """What was asked for: low, high and whether log of a range, or the choices."""
    taken: dict[str, Any] = field(default_factory=dict)

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        self.asked[name] = (low, high, log)
        middle = 1.0 if name == "power" and low <= 1.0 <= high else _between(low, high, log, 0.5)
        self.taken[name] = float(self.values.get(name, middle))
        return float(self.taken[name])

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1, log: bool = False) -> int:
        self.asked[name] = (low, high, log, step)
        self.taken[name] = int(self.values.get(name, low))
        return int(self.taken[name])

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        self.asked[name] = tuple(choices)
        self.taken[name] = self.values.get(name, choices[0])
        return self.taken[name]


class KnobReader:
    """Moves the parameters of one schedule of one study.

    Args:
        spec: the study.
        response: the model of its runs.
        best: Optuna's parameters of the schedule.
    """

    def __init__(self, spec: StudySpec, response: Response, best: Mapping[str, Any]) -> None:
        self._space, self._others = spec.parsed_space, spec.parsed_params
        self._reader, self._response = TrialReader(spec), response
        self._best = dict(best)
        held = self._held({})
        self._asked, self._taken = held.asked, held.taken
        self._tried = self._reader.shape(self._taken)

    def knobs(self) -> list[Knob]:
        """Those that matter first, the strongest first."""
        names = [name for name in self._asked if not _RESTART_PLACE.fullmatch(name)]
        found = [self._knob(name) for name in names if len(self._values(name)) > 1]
        return sorted(found, key=lambda knob: (not knob.matters, -knob.effect))

    def _held(self, changes: Mapping[str, Any]) -> _Held:
        held = _Held({**self._best, **changes})
        self._space.sample(held)
        self._others.sample(held)
        return held

    def _values(self, name: str) -> list[Any]:
        """The values of a parameter that are looked at, in their order; the best one is among them."""
        asked, best = self._asked[name], self._taken[name]
        if len(asked) == 4 and isinstance(best, int) and asked[3] is not None and not isinstance(best, bool):
            low, high, _, step = asked
            return _thinned(list(range(low, high + 1, step)), best)
        if isinstance(best, float) and len(asked) == 3 and isinstance(asked[2], bool):
            low, high, log = asked
            if name == "lr":
                low, high = self._tried_lrs(low, high)
            places = [_between(low, high, log, i / (PLACES - 1)) for i in range(PLACES)]
            return sorted({*places, best}) if high > low else [best]
        return list(asked)

    def _tried_lrs(self, low: float, high: float) -> tuple[float, float]:
        """The part of the lr's range that the search has been in: beyond, nobody knows how bad it gets."""
        scale = self._tried.shape.lr_scale
        lowest, highest = (scale * math.exp(x) for x in self._response.tried_range)
        return max(low, lowest), min(high, highest)

    def _knob(self, name: str) -> Knob:
        values = self._values(name)
        mean, sd = self._worse(name, values)
        worst = int(np.argmax(mean))
        sure = mean - SURE_SDS * sd
        enough = LEAST_EFFECT * self._response.paired_noise_sd
        matters = bool(((sure > 0) & (mean > enough)).any())
        good = mean <= FLAT * self._response.noise_sd
        is_range = not isinstance(self._taken[name], str | bool) and values == sorted(values)
        best = values.index(self._taken[name])
        chosen = [value for value, is_good in zip(values, good, strict=True) if is_good]
        as_good = _around(values, good, best) if is_range else chosen
        ends = (as_good[0], as_good[-1]) if is_range else tuple(as_good)
        whole = len(as_good) == len(values)
        return Knob(
            name, self._taken[name], float(mean[worst]), float(sd[worst]), matters, ends, is_range, whole
        )

    def _worse(self, name: str, values: Sequence[Any]) -> tuple[Any, Any]:
        moved = [self._reader.shape(self._held({name: value}).taken) for value in values]
        features = features_of(moved)
        xs = np.array([tried.x for tried in moved]) if name == "lr" else self._best_xs(features, moved)
        return self._response.differences(features, xs, self._tried.shape.features, self._tried.x)

    def _best_xs(self, features: Any, moved: Sequence[Tried]) -> Any:
        """At the best's own shape its own peak lr, else that of a move could look like a gain."""
        xs = self._response.best_x(features, *self._response.tried_range)
        same = [tried.shape.alike(self._tried.shape) for tried in moved]
        return np.where(same, self._tried.x, xs)


def knob_lines(knobs: Sequence[Knob]) -> list[str]:
    """What a person reads: one line for each parameter.

    >>> knob_lines([Knob("lr", 0.2, 0.3, 0.02, True, (0.15, 0.31), True, False)])
    ['lr          0.15 to 0.31 is as good; elsewhere up to 0.3 worse, or more']
    """
    return [f"{knob.name:12s}{_words(knob)}" for knob in knobs]


def _words(knob: Knob) -> str:
    if not knob.matters:
        return f"no evidence that it matters: at most {max(knob.effect, 0.0):.2g} ± {knob.sd:.2g}"
    if knob.is_range:
        low, high = knob.as_good
        good = f"{low:.3g} to {high:.3g} is as good" if low != high else f"best at {low:.3g}"
    else:
        good = f"{' or '.join(map(str, knob.as_good))} is as good"
    return f"{good}; elsewhere up to {knob.effect:.2g} worse, or more"


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
