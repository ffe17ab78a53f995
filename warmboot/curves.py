"""Curves by name: the built-in ones, and functions that a user registers.

A registered curve is known by its name alone, so that schedules with it compare, pickle and go
into files; whoever reads such a file registers the same function first.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from warmboot.built_in_curves import (
    BUILT_IN,
    Constant,
    Cosine,
    Curve,
    CurveFunction,
    FloatArray,
    Linear,
    OneMinusSqrt,
    Polynomial,
    Rex,
    parameter_names,
)
from warmboot.checks import nearest, show
from warmboot.errors import ScheduleError

__all__ = [
    "Constant",
    "Cosine",
    "Curve",
    "CurveFunction",
    "FloatArray",
    "Linear",
    "OneMinusSqrt",
    "Polynomial",
    "RegisteredCurve",
    "Rex",
    "curve_from_name",
    "curve_names",
    "register_curve",
]

_GRID_POINTS = 1001
_functions: dict[str, CurveFunction] = {}


@dataclass(frozen=True)
class RegisteredCurve(Curve):
    """A curve added with `register_curve`, looked up by its name whenever it is evaluated."""

    name: str

    def values(self, x: FloatArray) -> FloatArray:
        if self.name not in _functions:
            raise ScheduleError("curve", [_unknown(self.name)])
        return _functions[self.name](x)


def register_curve(name: str, function: CurveFunction) -> RegisteredCurve:
    """Add a curve of your own, to be used as `curve=name` and in schedule files.

    Args:
        name: lower-case letters, digits and underscores; not the name of another curve.
        function: takes a float64 array of `x` in [0, 1], returns an array of the same shape,
            element by element, within [0, 1], with exactly 1 at `x = 0` and exactly 0 at `x = 1`.
            Checked on a grid of 1001 points before anything is registered.

    Returns:
        The curve, which may be passed as `curve=` instead of the name.

    Raises:
        ScheduleError: a `ValueError` with every rule that the name or the function breaks.

    >>> register_curve("doc_square_root", lambda x: np.sqrt(1 - x)).name
    'doc_square_root'
    """
    problems = [*_name_problems(name, function), *_function_problems(function)]
    if problems:
        raise ScheduleError(f"register_curve({show(name)})", problems)
    _functions[name] = function
    return RegisteredCurve(name)


def curve_from_name(name: str, parameters: Mapping[str, object] | None = None) -> Curve:
    """The curve of that name, built-in or registered.

    >>> curve_from_name("polynomial", {"power": 0.7})
    Polynomial(power=0.7)
    """
    parameters = parameters or {}
    built_in = BUILT_IN.get(name)
    if built_in is None and name not in _functions:
        raise ScheduleError("curve", [_unknown(name)])
    known = () if built_in is None else parameter_names(built_in)
    problems = [f"curve {name} has no parameter {show(key)}" for key in parameters.keys() - known]
    problems += [_missing(name, key) for key in known if key not in parameters]
    if problems:
        raise ScheduleError("curve", sorted(problems))
    return RegisteredCurve(name) if built_in is None else built_in(**parameters)


def curve_names() -> tuple[str, ...]:
    """The names of all curves: the built-in ones, then those registered so far."""
    return (*BUILT_IN, *_functions)


def _unknown(name: str) -> str:
    return (
        f"no curve is called {show(name)}; {nearest(name, curve_names())} "
        "A curve of your own has to be registered first, with warmboot.register_curve"
    )


def _missing(name: str, key: str) -> str:
    return (
        f"curve {name} needs its {key}: {BUILT_IN[name].__name__}({key}=...) in Python, "
        f'{{"name": "{name}", "{key}": ...}} in a file'
    )


def _name_problems(name: str, function: CurveFunction) -> list[str]:
    if not isinstance(name, str) or not re.fullmatch(r"[a-z][a-z0-9_]{0,63}", name):
        return ["the name must be 1 to 64 lower-case letters, digits and underscores"]
    if name in BUILT_IN:
        return [f"{name} is a built-in curve; choose another name"]
    if _functions.get(name, function) is not function:
        return [f"{name} is registered already with another function; choose another name"]
    return []


def _function_problems(function: CurveFunction) -> list[str]:
    if not callable(function):
        return [f"the curve must be a function but got {show(function)}"]
    x = np.linspace(0.0, 1.0, _GRID_POINTS)
    try:
        values = function(x.copy())
        singles = [function(x[i : i + 1].copy()) for i in range(0, _GRID_POINTS, 50)]
    except Exception as error:  # whatever a stranger's function raises
        return [f"the function raised {type(error).__name__}: {error}"]
    if not isinstance(values, np.ndarray) or values.dtype != np.float64 or values.shape != x.shape:
        return [f"the function must return a float64 array of x's shape but gave {show(values)}"]
    return _value_problems(x, values, singles)


def _value_problems(x: FloatArray, values: FloatArray, singles: list[FloatArray]) -> list[str]:
    problems = []
    outside = np.flatnonzero(~((values >= 0.0) & (values <= 1.0)))  # NaN is outside as well
    if outside.size:
        at = outside[0]
        problems.append(f"c(x) must be within [0, 1] but c({x[at]:g}) is {values[at]}")
    for at, wanted in ((0, 1.0), (-1, 0.0)):
        if values[at] != wanted:
            problems.append(f"c({x[at]:g}) must be exactly {wanted} but is {values[at]}")
    alone = np.array([float(np.asarray(single).reshape(-1)[0]) for single in singles])
    if not np.array_equal(alone, values[::50], equal_nan=True):
        problems.append("c must work element by element, but a value alone differs from its array")
    return problems
