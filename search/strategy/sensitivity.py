"""`Sensitivity`: whether a parameter of the best schedule matters, as it is kept on a study, and in words.

`sensitivity_analysis` finds it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

_EDGE = 1.02
"""A peak lr within this factor of the outermost that was tried is that."""


@dataclass(frozen=True)
class Sensitivity:
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
    """Whether all that was tried is as good."""
    tried: tuple[Any, ...] = ()
    """Lowest and highest value of a range that was tried, or the choices; empty in older records."""


def knob_lines(knobs: Sequence[Sensitivity]) -> list[str]:
    """What a person reads: one line for each parameter.

    >>> knob_lines([Sensitivity("lr", 0.2, 0.3, 0.02, True, (0.15, 0.31), True, False, (0.01, 1.0))])
    ['lr  0.15 to 0.31 is as good; elsewhere (0.01 to 1 was tried) up to 0.3 worse, or more']
    >>> at_the_edge = Sensitivity("lr", 0.2, 0.3, 0.02, True, (0.15, 0.31), True, False, (0.01, 0.31))
    >>> print(*knob_lines([at_the_edge]))  # doctest: +ELLIPSIS
    lr  0.15 to 0.31 is as good, none higher was tried; elsewhere (0.01 to 0.31 was tried) up to ...
    >>> knob_lines([Sensitivity("lr", 0.2, 0.3, 0.02, True, (0.2153, 0.2154), True, False, (0.01, 1.0))])
    ['lr  best at 0.215; elsewhere (0.01 to 1 was tried) up to 0.3 worse, or more']
    """
    width = max((len(knob.name) for knob in knobs), default=0) + 2
    return [f"{knob.name:{width}s}{_words(knob)}" for knob in knobs]


def knob_sentence(knobs: Sequence[Sensitivity]) -> str:
    """The same in one line: what matters, and what is not shown to.

    >>> lr = Sensitivity("lr", 0.2, 0.3, 0.02, True, (0.15, 0.31), True, False, (0.01, 1.0))
    >>> knob_sentence([lr, Sensitivity("warmup", 0.1, 0.01, 0.02, False, (0.0, 0.2), True, True)])
    'lr matters (0.15 to 0.31 is as good); no evidence for warmup'
    """
    matter = [f"{knob.name} matters ({_good_words(knob)})" for knob in knobs if knob.matters]
    others = ", ".join(knob.name for knob in knobs if not knob.matters)
    return "; ".join([*matter, *([f"no evidence for {others}"] if others else [])])


def _words(knob: Sensitivity) -> str:
    if not knob.matters:
        return f"no evidence that it matters{_between_words(knob)}"
    return f"{_good_words(knob)}; elsewhere{_tried_words(knob)} up to {knob.effect:.2g} worse, or more"


def _good_words(knob: Sensitivity) -> str:
    if knob.is_range:
        low, high = (f"{end:.3g}" for end in knob.as_good)
        good = f"{low} to {high} is as good" if low != high else f"best at {low}"
        return f"{good}{_edge_words(knob)}"
    if len(knob.as_good) == 1:
        return f"best at {knob.as_good[0]}"
    return f"{' or '.join(map(str, knob.as_good))} is as good"


def _edge_words(knob: Sensitivity) -> str:
    """That the best peak lr is the outermost that was tried: one farther out may be better."""
    if knob.name != "lr" or not knob.tried:
        return ""
    if knob.as_good[-1] >= knob.tried[-1] / _EDGE:
        return ", none higher was tried"
    return ", none lower was tried" if knob.as_good[0] <= knob.tried[0] * _EDGE else ""


def _between_words(knob: Sensitivity) -> str:
    words = _tried_words(knob)
    return f"{words}: at most {max(knob.effect, 0.0):.2g} ± {knob.sd:.2g}"


def _tried_words(knob: Sensitivity) -> str:
    if not knob.tried:
        return ""
    if knob.is_range:
        return f" ({knob.tried[0]:.3g} to {knob.tried[-1]:.3g} was tried)"
    return f" ({', '.join(map(str, knob.tried))} were tried)"
