"""Curves by name, and the rules for functions that users register."""

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from warmboot import curves
from warmboot.curves import (
    Constant,
    Cosine,
    Curve,
    Linear,
    OneMinusSqrt,
    Polynomial,
    Rex,
    curve_from_name,
    curve_names,
    register_curve,
)
from warmboot.schedule import WarmbootSchedule


@pytest.fixture(autouse=True)
def _registry_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(curves, "_functions", {})


def square(x: Any) -> Any:
    return (1.0 - x) ** 2


@pytest.mark.parametrize(
    "curve", [Cosine(), Linear(), OneMinusSqrt(), Rex(), Constant(), Polynomial(power=0.5)]
)
def test_a_built_in_curve_has_exact_ends_and_comes_back_by_name(curve: Curve) -> None:
    floor = 1.0 if curve == Constant() else 0.0
    assert curve.values(np.array([0.0, 1.0])).tolist() == [1.0, floor]
    assert curve_from_name(curve.name, curve.parameters()) == curve


@pytest.mark.parametrize(
    ("power", "text"),
    [
        (0.0, r"power must be in \[0.01, 100\]"),
        (101, r"power must be in \[0.01, 100\]"),
        (float("nan"), "power must be finite"),
        (True, "power must be a number"),
    ],
)
def test_a_power_outside_its_range_is_refused(power: float, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        Polynomial(power=power)


def test_a_registered_curve_serves_by_name_and_by_object() -> None:
    curve = register_curve("mine", square)
    schedule = WarmbootSchedule(curve="mine", eta_min=0.5)
    assert schedule == WarmbootSchedule(curve=curve, eta_min=0.5)
    assert schedule == pickle.loads(pickle.dumps(schedule)) == copy.deepcopy(schedule)
    assert schedule.factors(3).tolist() == [1.0, 0.625, 0.5]
    assert curve_names()[-1] == "mine"
    assert register_curve("mine", square) == curve  # the same again is no conflict


REFUSED: list[tuple[str, Callable[[Any], Any], str]] = [
    ("cosine", square, "cosine is a built-in curve; choose another name"),
    ("Not a name", square, "1 to 64 lower-case letters, digits and underscores"),
    ("mine", lambda x: 1.0 / 0, "the function raised ZeroDivisionError"),
    ("mine", lambda x: np.where(x > 0.5, np.nan, 1 - x), "within .0, 1. but c.0.501. is nan"),
    ("mine", lambda x: 1 - 1.5 * x + 0.5 * x**8, "but c.* is -"),
    ("mine", lambda x: np.cos(np.pi / 2 * x), r"c\(1\) must be exactly 0.0 but is 6"),
    ("mine", lambda x: (1 - x) / 2, r"c\(0\) must be exactly 1.0 but is 0.5"),
    ("mine", lambda x: 0.5, "must return a float64 array of x's shape but gave 0.5"),
    ("mine", lambda x: (1 - x).astype(np.float32), "must return a float64 array"),
    ("mine", lambda x: (1 - x) / (1 - x).max(initial=1e-9), "element by element"),
    ("mine", "square", "must be a function but got 'square'"),  # type: ignore[list-item]
]


@pytest.mark.parametrize(("name", "function", "text"), REFUSED, ids=[row[2] for row in REFUSED])
def test_a_curve_outside_the_rules_is_not_registered(
    name: str, function: Callable[[Any], Any], text: str
) -> None:
    before = curve_names()
    with np.errstate(all="ignore"), pytest.raises(ValueError, match=text):
        register_curve(name, function)
    assert curve_names() == before


def test_another_function_under_a_known_name_is_refused() -> None:
    register_curve("mine", square)
    with pytest.raises(ValueError, match="mine is registered already with another function"):
        register_curve("mine", lambda x: 1.0 - x)


def test_an_unregistered_curve_says_how_to_register_it() -> None:
    with pytest.raises(ValueError, match=r"registered first, with warmboot\.register_curve"):
        WarmbootSchedule(curve=curves.RegisteredCurve("absent"))


def test_a_curve_class_of_ones_own_is_refused_with_the_way_out() -> None:
    class Mine(Linear):
        pass

    with pytest.raises(ValueError, match=r"joins them with warmboot\.register_curve"):
        WarmbootSchedule(curve=Mine())


def test_parameters_that_a_curve_does_not_have_are_refused() -> None:
    with pytest.raises(ValueError, match="curve cosine has no parameter 'power'"):
        curve_from_name("cosine", {"power": 2.0})
