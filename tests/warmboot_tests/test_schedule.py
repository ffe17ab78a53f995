"""Factors written down by hand, and every impossible combination refused."""

import copy
import dataclasses
import pickle
from typing import Any

import numpy as np
import pytest

from warmboot.curves import Cosine, Polynomial
from warmboot.errors import ScheduleError
from warmboot.schedule import WarmbootSchedule

BY_HAND: list[tuple[str, dict[str, Any], list[float]]] = [
    ("linear reaches 0 at the last step", {"curve": "linear"}, [1, 0.75, 0.5, 0.25, 0]),
    ("one step is a peak", {"curve": "linear", "eta_min": 0.5}, [1]),
    ("two steps are a peak and a floor", {"curve": "cosine", "eta_min": 0.5}, [1, 0.5]),
    ("warm-up is never 0 and never the peak", {"warmup": 0.6}, [0.25, 0.5, 0.75, 1, 0]),
    ("warm-up in steps", {"warmup_steps": 1, "curve": "linear"}, [0.5, 1, 0.5, 0]),
    (
        "a restart begins at its exact peak, after an exact floor",
        {"restarts": [0.5], "step_scale": 0.5, "eta_min": 0.5, "curve": "linear"},
        [1, 0.75, 0.5, 0.5, 0.375, 0.25],
    ),
    (
        "a scale for each restart",
        {"restarts": [0.4, 0.8], "step_scale": [0.5, 0.1], "curve": "constant"},
        [1, 1, 0.5, 0.5, 0.05],
    ),
    (
        "rising peaks, allowed",
        {"restarts": [0.5], "step_scale": 2, "allow_rising": True, "curve": "constant"},
        [1, 2],
    ),
    ("hold, then fall", {"hold": 0.4, "curve": "linear"}, [1, 1, 1, 0.5, 0]),
    ("hold leaves room for peak and floor", {"hold": 0.99, "curve": "rex"}, [1, 1, 1, 0]),
    ("hold in a cycle of one step", {"hold": 0.9}, [1]),
    ("halves round up: r(0.5 x 3) = 2", {"warmup": 0.5, "curve": "linear"}, [1 / 3, 2 / 3, 1]),
    ("square", {"curve": Polynomial(power=2)}, [1, 0.5625, 0.25, 0.0625, 0]),
    ("one minus square root", {"curve": "one_minus_sqrt"}, [1, 0.5, 1 - 0.5**0.5, 0.0]),
    ("REX", {"curve": "rex"}, [1, 0.75 / 0.875, 0.5 / 0.75, 0.25 / 0.625, 0]),
]
# x = 0, 1/4, 1/2, 1 is no even grid: the row above is checked at steps 0, 1, 2 and 4 of 5
UNEVEN = {"one minus square root": [0, 1, 2, 4]}


@pytest.mark.parametrize(("name", "fields", "expected"), BY_HAND, ids=[row[0] for row in BY_HAND])
def test_factors_are_those_written_by_hand(name: str, fields: dict[str, Any], expected: list[float]) -> None:
    steps = UNEVEN.get(name, list(range(len(expected))))
    factors = WarmbootSchedule(**fields).factors(steps[-1] + 1)
    assert factors[steps].tolist() == pytest.approx(expected, rel=1e-15, abs=0)


def test_factors_are_float64_and_cosine_is_the_published_formula() -> None:
    factors = WarmbootSchedule(eta_min=0.1).factors(11)
    x = np.arange(11) / 10
    assert factors.dtype == np.float64
    assert factors == pytest.approx(0.1 + 0.9 * (1 + np.cos(np.pi * x)) / 2, rel=1e-14)


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"lr": 0.0}, "lr must be greater than 0 but got 0.0"),
    ({"lr": float("inf")}, "lr must be finite"),
    ({"lr": True}, r"lr must be a number but got True \(bool\)"),
    ({"lr": "0.1"}, r"lr must be a number but got '0.1' \(str\)"),
    ({"lr": 10**400}, "lr must be finite"),
    ({"warmup": 1.0}, r"warmup must be in \[0, 1\) but got 1.0"),
    ({"warmup": -0.1}, r"warmup must be in \[0, 1\) but got -0.1"),
    ({"warmup": float("nan")}, "warmup must be finite but got nan"),
    ({"warmup_steps": -1}, "warmup_steps must be at least 0 but got -1"),
    ({"warmup_steps": 2.0}, r"warmup_steps must be an integer but got 2.0 \(float\)"),
    ({"warmup": 0.1, "warmup_steps": 5}, "give one of them, but got warmup 0.1 and warmup_steps 5"),
    (
        {"restarts": [0.5, 0.2]},
        r"strictly rising but restarts\[0\] is 0.5 and restarts\[1\] is 0.2",
    ),
    ({"restarts": [0.5, 0.5]}, "strictly rising"),
    ({"restarts": [0.0]}, r"restarts\[0\] must be in \(warmup, 1\) = \(0, 1\) but got 0.0"),
    ({"restarts": [0.5, 1.0]}, r"restarts\[1\] must be in \(warmup, 1\)"),
    ({"warmup": 0.3, "restarts": [0.3]}, r"in \(warmup, 1\) = \(0.3, 1\) but got 0.3"),
    ({"restarts": [float("nan")]}, r"restarts\[0\] must be finite"),
    ({"restarts": 0.5}, "restarts must be a list of fractions but got 0.5"),
    ({"restarts": "0.5"}, "restarts must be a list"),
    ({"restarts": [0.5], "step_scale": 0.0}, r"step_scale must be in \(0, 1\] but got 0.0"),
    ({"restarts": [0.5], "step_scale": 1.5}, "got 1.5; allow_rising=True permits"),
    ({"step_scale": [0.5]}, "one for each restart: got 1 for 0 restarts"),
    ({"restarts": [0.5], "step_scale": ["a"]}, r"step_scale\[0\] must be a number"),
    ({"restarts": [0.5], "step_scale": [-1.0]}, r"step_scale\[0\] must be in \(0, 1\]"),
    ({"step_scale": -1, "allow_rising": True}, "step_scale must be greater than 0 but got -1"),
    ({"restarts": [0.2, 0.4], "step_scale": 1e-200}, "peak of cycle 2 0, which no float can tell"),
    ({"hold": 1.0}, r"hold must be in \[0, 1\) but got 1.0"),
    ({"eta_min": 1.1}, r"eta_min must be in \[0, 1\] but got 1.1"),
    ({"curve": "cosin"}, "no curve is called 'cosin'; did you mean cosine?"),
    ({"curve": 3}, "curve must be a name or one of warmboot's curve objects but got 3"),
    ({"curve": "polynomial"}, r"needs its power: Polynomial\(power=...\) in Python"),
    ({"allow_rising": 1}, "allow_rising must be True or False but got 1"),
]


@pytest.mark.parametrize(("fields", "text"), REFUSED, ids=[str(row[0]) for row in REFUSED])
def test_a_schedule_outside_its_rules_is_refused(fields: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        WarmbootSchedule(**fields)


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(ScheduleError, match="5 problems") as caught:
        WarmbootSchedule(lr=-1, warmup=2, restarts=[0.5], step_scale=3, hold=-1, eta_min=9)
    assert [problem.split()[0] for problem in caught.value.problems] == [
        "lr",
        "warmup",
        "step_scale",
        "hold",
        "eta_min",
    ]
    assert pickle.loads(pickle.dumps(caught.value)).problems == caught.value.problems


NO_ROOM: list[tuple[dict[str, Any], int, list[str]]] = [
    # warm-up rounds up to the whole horizon
    ({"warmup": 0.9}, 2, ["the end of warm-up at step 2 and the end at step 2"]),
    ({"warmup_steps": 7}, 5, ["the end of warm-up at step 7 and the end at step 5"]),
    # three boundaries fall onto one step: both pairs are named
    (
        {"warmup": 0.5, "restarts": [0.51, 0.52]},
        5,
        [
            "the end of warm-up at step 3 and restart 0.51 at step 3",
            "restart 0.51 at step 3 and restart 0.52 at step 3",
        ],
    ),
    ({"restarts": [0.01]}, 10, ["the end of warm-up at step 0 and restart 0.01 at step 0"]),
    ({"restarts": [0.99]}, 10, ["restart 0.99 at step 10 and the end at step 10"]),
    # an absolute warm-up that passes a restart
    (
        {"warmup_steps": 6, "restarts": [0.5]},
        10,
        ["the end of warm-up at step 6 and restart 0.5 at step 5"],
    ),
]


@pytest.mark.parametrize(("fields", "total_steps", "pairs"), NO_ROOM)
def test_a_horizon_without_room_names_each_offending_pair(
    fields: dict[str, Any], total_steps: int, pairs: list[str]
) -> None:
    schedule = WarmbootSchedule(**fields)
    with pytest.raises(ScheduleError, match=f"N = {total_steps}") as caught:
        schedule.factors(total_steps)
    assert [problem.split(":")[0] for problem in caught.value.problems] == pairs
    with pytest.raises(ScheduleError, match="every cycle needs at least one step"):
        schedule.factor(0, total_steps)


@pytest.mark.parametrize("total_steps", [0, -3, 2.0, True, "5", None, 2**60])
def test_a_horizon_is_a_positive_number_of_steps(total_steps: Any) -> None:
    with pytest.raises(ValueError, match="total_steps must be"):
        WarmbootSchedule().factors(total_steps)


@pytest.mark.parametrize("step", [-1, 1.0, True, None, "1"])
def test_a_step_is_a_non_negative_integer(step: Any) -> None:
    with pytest.raises(ValueError, match="step must be"):
        WarmbootSchedule().factor(step, 10)


def test_past_the_end_the_last_value_is_held() -> None:
    schedule = WarmbootSchedule(eta_min=0.25)
    assert [schedule.factor(step, 10) for step in (9, 10, 11, 10**30)] == [0.25] * 4


def test_numpy_numbers_are_numbers() -> None:
    schedule = WarmbootSchedule(warmup=np.float64(0.25), restarts=np.array([0.5]), step_scale=np.array([0.5]))
    assert schedule == WarmbootSchedule(warmup=0.25, restarts=[0.5], step_scale=[0.5])
    assert schedule.factor(np.int64(2), np.int32(8)) == schedule.factors(8)[2]  # type: ignore[arg-type]
    assert {type(value) for value in (schedule.warmup, schedule.restarts[0])} == {float}


def test_a_schedule_is_a_value() -> None:
    schedule = WarmbootSchedule(restarts=[0.5], curve="cosine")
    assert schedule == WarmbootSchedule(restarts=(0.5,), curve=Cosine())
    assert len({schedule, pickle.loads(pickle.dumps(schedule)), copy.deepcopy(schedule)}) == 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        schedule.hold = 0.5  # type: ignore[misc]


def test_replace_checks_again() -> None:
    schedule = WarmbootSchedule(restarts=[0.5])
    assert dataclasses.replace(schedule, hold=0.5) == schedule.replace(hold=0.5)
    with pytest.raises(ValueError, match="hold must be in"):
        schedule.replace(hold=2.0)


def test_lr_table_needs_an_lr() -> None:
    assert WarmbootSchedule(lr=2.0, curve="linear").lr_table(3).tolist() == [2.0, 1.0, 0.0]
    with pytest.raises(ValueError, match=r"no lr; give it one: schedule.replace\(lr="):
        WarmbootSchedule().lr_table(3)


DESCRIBED: list[tuple[dict[str, Any], str]] = [
    ({}, "cosine to 0"),
    ({"curve": "constant", "warmup_steps": 5}, "constant, 5 steps of warm-up"),
    ({"curve": "linear", "eta_min": 0.1, "lr": 0.31}, "linear to 10% of the peak, peak lr 0.31"),
    ({"curve": Polynomial(power=0.7)}, "polynomial of power 0.7 to 0"),
    ({"restarts": [0.5]}, "cosine to 0, restart at 50%"),
    (
        {"restarts": [0.5], "step_scale": 0.8},
        "cosine to 0, restart at 50% at 0.8 x the peak before",
    ),
    (
        {"restarts": [0.3, 0.6], "step_scale": [0.5, 0.9], "hold": 0.2},
        "cosine to 0, restarts at 30% and 60% at 0.5 and 0.9 x the peak before, "
        "holding the peak for 20% of each cycle",
    ),
]


@pytest.mark.parametrize(("fields", "words"), DESCRIBED)
def test_a_schedule_describes_itself(fields: dict[str, Any], words: str) -> None:
    assert WarmbootSchedule(**fields).describe() == words
