"""The space of schedules: all draws are valid, what was drawn is found again, bad tables are refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.trial import FixedTrial

import warmboot
from warmboot.baseline_schedules import baselines
from warmboot.curves import Polynomial
from warmboot.schedule import WarmbootSchedule
from warmboot.space import FloatRange, IntRange, Space, suggest_schedule
from warmboot.space_checks import SpaceError

TABLE: dict[str, Any] = {
    "lr": {"low": 1e-2, "high": 3.0, "log": True},
    "warmup": {"low": 0.0, "high": 0.2},
    "n_restarts": {"low": 0, "high": 3},
    "step_scale": {"low": 0.4, "high": 1.0},
    "hold": {"low": 0.0, "high": 0.8},
    "eta_min": {"low": 0.0, "high": 0.3},
    "curve": ["cosine", "linear", "polynomial"],
    "power": {"low": 0.5, "high": 2.0},
}
SPACE = Space.from_dict(TABLE)


class Drawn:
    """Stands in for a trial: hypothesis chooses. `largest_unit` keeps restart points off their edge."""

    def __init__(self, data: st.DataObject, largest_unit: float = 1.0) -> None:
        self._data = data
        self._largest_unit = largest_unit
        self.params: dict[str, Any] = {}

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        high = self._largest_unit if name.startswith("u") else high
        return float(self._note(name, st.floats(low, high)))

    def suggest_int(self, name: str, low: int, high: int) -> int:
        return int(self._note(name, st.integers(low, high)))

    def suggest_categorical(self, name: str, choices: Any) -> Any:
        return self._note(name, st.sampled_from(choices))

    def _note(self, name: str, values: st.SearchStrategy[Any]) -> Any:
        assert name not in self.params, f"{name} is asked for twice"
        self.params[name] = self._data.draw(values, label=name)
        return self.params[name]


@st.composite
def spaces(draw: st.DrawFn) -> Space:
    """Spaces of every kind: ranges and fixed values, restarts searched and fixed, short least cycles."""
    min_cycle = draw(st.floats(0.01, 0.2))
    warmup = draw(st.just(0.0) | st.floats(0.0, 0.3).map(lambda high: FloatRange(low=0.0, high=high)))
    longest = warmup.high if isinstance(warmup, FloatRange) else warmup
    table: dict[str, Any] = {
        "lr": {"low": 1e-3, "high": 10.0, "log": True},
        "warmup": warmup if isinstance(warmup, float) else {"low": 0.0, "high": longest},
        "step_scale": draw(st.sampled_from([0.5, {"low": 0.1, "high": 1.0}])),
        "hold": draw(st.sampled_from([0.9, {"low": 0.0, "high": 0.99}])),
        "curve": ["constant", "rex", "one_minus_sqrt"],
        "min_cycle": min_cycle,
    }
    if draw(st.booleans()):
        inside = st.floats(longest + 0.001, 0.999)
        table["restarts"] = sorted(draw(st.sets(inside, min_size=1, max_size=4)))
    else:
        most = min(5, int((1 - longest) / min_cycle - 1e-9) - 1)
        table["n_restarts"] = {"low": 0, "high": most}
    return Space.from_dict(table)


@given(spaces(), st.data())
def test_everything_drawn_has_room_at_the_shortest_horizon(space: Space, data: st.DataObject) -> None:
    schedule = space.sample(Drawn(data))
    total_steps = space.min_total_steps
    # fixed restarts may be as close as two floats are; no table of that length is made then
    if total_steps < 100_000:
        assert len(schedule.factors(total_steps)) == total_steps
        assert len(schedule.factors(total_steps + 1)) == total_steps + 1


@given(st.data())
def test_what_was_drawn_leads_back_to_its_parameters(data: st.DataObject) -> None:
    trial = Drawn(data, largest_unit=0.999)
    params = SPACE.params_of(SPACE.sample(trial))
    assert params is not None
    assert params.keys() == trial.params.keys()
    for name, value in trial.params.items():
        assert params[name] == (value if isinstance(value, str) else pytest.approx(value, abs=1e-9))


@given(st.data())
def test_the_parameters_of_a_schedule_lead_back_to_it(data: st.DataObject) -> None:
    schedule = SPACE.sample(Drawn(data))
    params = SPACE.params_of(schedule)
    assert params is not None
    again = SPACE.sample(FixedTrial(params))
    np.testing.assert_allclose(again.restarts, schedule.restarts, rtol=0, atol=1e-12)
    assert again.replace(restarts=()) == schedule.replace(restarts=())


def test_parameters_without_effect_are_not_asked_for() -> None:
    without = FixedTrial(
        {"lr": 0.1, "warmup": 0.0, "n_restarts": 0, "hold": 0.0, "eta_min": 0.0, "curve": "linear"}
    )
    assert SPACE.sample(without) == WarmbootSchedule(lr=0.1, curve="linear")
    assert Space(lr=0.3).sample(FixedTrial({})) == WarmbootSchedule(lr=0.3)
    assert Space().sample(FixedTrial({})) == WarmbootSchedule()


@pytest.mark.parametrize("name", baselines())
def test_every_standard_is_in_a_space_that_admits_it(name: str) -> None:
    space = Space.from_dict(
        {
            "lr": 0.1,
            "warmup": {"low": 0.0, "high": 0.3},
            "n_restarts": {"low": 0, "high": 2},
            "hold": {"low": 0.0, "high": 0.8},
            "eta_min": {"low": 0.0, "high": 0.2},
            "curve": ["constant", "linear", "cosine", "one_minus_sqrt", "rex"],
        }
    )
    schedule = baselines()[name].replace(lr=0.1)
    params = space.params_of(schedule)
    assert params is not None
    drawn = space.sample(FixedTrial(params))
    np.testing.assert_allclose(drawn.restarts, schedule.restarts, atol=1e-12)
    assert drawn.replace(restarts=()) == schedule.replace(restarts=())


@pytest.mark.parametrize(
    "changes",
    [
        {"lr": 5.0},  # above the range
        {"lr": None},  # the space has an lr, the schedule has none
        {"warmup": 0.25},
        {"warmup": 0.0, "warmup_steps": 10},  # not a fraction, so not in any space
        {"restarts": (0.2, 0.4, 0.6, 0.8)},  # more than three
        {"restarts": (0.12,)},  # a cycle shorter than the least
        {"restarts": (0.5,), "step_scale": 0.2},
        {"restarts": (0.4, 0.6), "step_scale": (0.5, 0.9)},  # the space has one scale for all
        {"hold": 0.9},
        {"eta_min": 0.5},
        {"curve": "rex"},
        {"curve": Polynomial(power=3.0)},
    ],
)
def test_a_schedule_outside_has_no_parameters(changes: dict[str, Any]) -> None:
    inside = WarmbootSchedule(lr=0.5, warmup=0.1, curve="linear")
    assert SPACE.params_of(inside) is not None
    assert SPACE.params_of(inside.replace(**changes)) is None


def test_fixed_restarts_are_exactly_those() -> None:
    space = Space.from_dict({"lr": 0.1, "restarts": [0.3, 0.6], "step_scale": {"low": 0.5, "high": 1.0}})
    schedule = space.sample(FixedTrial({"step_scale": 0.7}))
    assert schedule.restarts == (0.3, 0.6)
    assert space.params_of(schedule) == {"step_scale": 0.7}
    assert space.params_of(schedule.replace(restarts=(0.3, 0.61))) is None


@pytest.mark.parametrize(
    ("table", "least"),
    [
        ({}, 40),  # 2 / 0.05
        ({"min_cycle": 0.1}, 20),
        ({"restarts": [0.5]}, 40),
        ({"restarts": [0.5, 0.51]}, 200),  # closer than min_cycle, by choice
        ({"restarts": [0.99]}, 200),
        ({"warmup": {"low": 0.0, "high": 0.25}, "restarts": [0.26]}, 200),
    ],
)
def test_the_shortest_horizon_gives_the_shortest_cycle_two_steps(table: dict[str, Any], least: int) -> None:
    assert Space.from_dict(table).min_total_steps == pytest.approx(least, abs=1)


BAD: dict[str, tuple[dict[str, Any], str]] = {
    # table -> what the message must say
    "unknown key": ({"warmupp": 0.1}, r"warmupp: unknown key; did you mean warmup\?"),
    "far from any key": ({"zzz": 0.1}, "zzz: unknown key; there are: curve, eta_min"),
    "a word": ({"lr": "0.1"}, "lr: got '0.1'; accepted are a number above 0, or a range"),
    "true is no number": ({"hold": True}, "hold: got True"),
    "a list": ({"lr": [0.1, 0.2]}, r"lr: got \[0.1, 0.2\]"),
    "an lr of 0": ({"lr": 0.0}, "lr: got 0.0; accepted are a number above 0"),
    "NaN": ({"lr": float("nan")}, "lr: got nan"),
    "infinite": ({"lr": {"low": 0.1, "high": float("inf")}}, "lr.high: got inf; accepted is a finite"),
    "a number no float can hold": ({"lr": 10**400}, "lr: got 1000"),
    "NaN in a range": ({"lr": {"low": float("nan"), "high": 1.0}}, "lr.low: got nan"),
    "a word in a range": ({"lr": {"low": "a", "high": 1.0}}, "lr.low: got 'a'"),
    "inverted": ({"warmup": {"low": 0.2, "high": 0.1}}, "warmup: got low = 0.2 above high = 0.1"),
    "log with 0": ({"eta_min": {"low": 0.0, "high": 0.3, "log": True}}, "eta_min: got low = 0.0 with log"),
    "log that is no bool": ({"lr": {"low": 0.1, "high": 1.0, "log": 1}}, "lr.log: got 1"),
    "a start outside": (
        {"lr": {"low": 1e-5, "high": 1.0, "log": True, "start": 3.0}},
        r"lr.start: got 3.0; accepted is a number in \[1e-05, 1\]",
    ),
    "a start that is no number": ({"lr": {"low": 0.1, "high": 1.0, "log": True, "start": "x"}}, "got 'x'"),
    "a start without log": ({"lr": {"low": 0.1, "high": 1.0, "start": 0.2}}, "lr.start: .*add log = true"),
    "a start of another": ({"hold": {"low": 0.1, "high": 0.5, "start": 0.2}}, "hold.start: unknown key"),
    "half a range": ({"lr": {"low": 0.1}}, "lr.high: missing; a range needs low and high"),
    "unknown in a range": ({"lr": {"low": 0.1, "high": 1.0, "step": 0.1}}, "lr.step: unknown key"),
    "a bound outside": ({"warmup": {"low": 0.0, "high": 1.0}}, "warmup: got the bound 1.0"),
    "a negative bound": ({"hold": {"low": -0.1, "high": 0.5}}, "hold: got the bound -0.1"),
    "warm-up of everything": ({"warmup": 1.0}, r"warmup: got 1.0; accepted are a number in \[0, 1\)"),
    "scale of 0": ({"step_scale": 0.0}, r"step_scale: got 0.0; accepted are a number in \(0, 1\]"),
    "a rising scale": ({"step_scale": {"low": 0.5, "high": 1.5}}, "step_scale: got the bound 1.5"),
    "floor above the peak": ({"eta_min": 1.5}, "eta_min: got 1.5"),
    "half a restart": ({"n_restarts": 1.5}, "n_restarts: got 1.5; accepted are a whole number >= 0"),
    "negative restarts": ({"n_restarts": -1}, "n_restarts: got -1"),
    "fractions as counts": ({"n_restarts": {"low": 0, "high": 2.5}}, "n_restarts: got .*whole numbers >= 0"),
    "log counts": ({"n_restarts": {"low": 1, "high": 3, "log": True}}, "n_restarts.log: unknown key"),
    "restarts unsorted": ({"restarts": [0.6, 0.3]}, "restarts: got .*strictly rising"),
    "restarts repeated": ({"restarts": [0.3, 0.3]}, "restarts: got .*strictly rising"),
    "restarts outside": ({"restarts": [0.3, 1.0]}, r"restarts: got .*in \(0, 1\)"),
    "restarts with NaN": ({"restarts": [0.3, float("nan")]}, "restarts: got"),
    "restarts as a number": ({"restarts": 0.3}, "restarts: got 0.3"),
    "both kinds": ({"n_restarts": 2, "restarts": [0.3]}, "got both n_restarts and restarts"),
    "restart in warm-up": (
        {"warmup": {"low": 0.0, "high": 0.4}, "restarts": [0.3]},
        "restarts: the first is 0.3 but warmup may be 0.4",
    ),
    "no room": ({"n_restarts": {"low": 0, "high": 30}}, "n_restarts: 30 restarts .* leave no room for 31"),
    "no room after warm-up": ({"warmup": 0.99}, "warmup: a warm-up of 0.99 leaves no room for a cycle"),
    "no choices": ({"curve": []}, r"curve: got \[\]"),
    "unknown curve": ({"curve": "cosin"}, "curve: got 'cosin'; accepted are cosine"),
    "unknown among known": ({"curve": ["cosine", 3]}, "curve: got 3"),
    "a curve twice": ({"curve": ["cosine", "cosine"]}, "curve: got .*name each curve once"),
    "a power without a polynomial": ({"power": 2.0}, 'power: only the "polynomial" curve has one'),
    "a power of 0": ({"curve": "polynomial", "power": 0.0}, "power: got 0.0; accepted are a number above 0"),
    "a least cycle of 0": (
        {"min_cycle": 0.0},
        r"min_cycle: got 0.0; accepted is a fraction in \[1e-06, 0.5\]",
    ),
    "hardly a cycle": ({"min_cycle": 1e-320}, "min_cycle: got 1e-320"),  # 2 / g is infinite
    "a least cycle of all": ({"min_cycle": 0.6}, "min_cycle: got 0.6"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_table_is_refused_with_the_rule_and_the_value(case: str) -> None:
    table, message = BAD[case]
    with pytest.raises(SpaceError, match=message) as caught:
        Space.from_dict(table)
    assert len(caught.value.problems) == 1
    assert all(len(problem) < 300 for problem in caught.value.problems)


def test_all_problems_are_told_at_once() -> None:
    table = {
        "lr": {"low": 0.0, "high": 1.0, "log": True},  # two rules at once
        "power": {},  # both bounds are missing
        "warmupp": 0.1,
        "hold": {"low": 0.5},
        "eta_min": -1,
        "n_restarts": "many",
        "restarts": [0.5, 0.2],
        "curve": ["cosinus", "rexx"],
        "min_cycle": 2,
    }
    with pytest.raises(SpaceError) as caught:
        Space.from_dict(table)
    places = [problem.partition(":")[0] for problem in caught.value.problems]
    assert set(places) == {
        "lr",
        "warmupp",
        "hold.high",
        "eta_min",
        "n_restarts",
        "restarts",
        "curve",
        "min_cycle",
        "power.low",
        "power.high",
    }
    assert places.count("curve") == places.count("lr") == 2


def test_the_table_is_read_as_it_stands() -> None:
    assert SPACE.lr == FloatRange(low=0.01, high=3.0, log=True)
    assert SPACE.n_restarts == IntRange(low=0, high=3)
    assert SPACE.curve == ("cosine", "linear", "polynomial")
    assert SPACE.min_cycle == 0.05
    assert Space.from_dict({"warmup": 0, "curve": "linear"}) == Space(warmup=0.0, curve="linear")


def test_a_start_is_kept_and_changes_nothing_that_is_drawn() -> None:
    bounds: dict[str, Any] = {"low": 1e-5, "high": 1.0, "log": True}
    space = Space.from_dict({"lr": {**bounds, "start": 3e-4}})
    assert space.lr == FloatRange(low=1e-5, high=1.0, log=True, start=3e-4)
    study = optuna.create_study()
    study.enqueue_trial({"lr": 0.5})
    trial = study.ask()
    assert space.sample(trial) == WarmbootSchedule(lr=0.5)
    assert trial.distributions == {"lr": optuna.distributions.FloatDistribution(**bounds)}
    assert space.params_of(WarmbootSchedule(lr=0.5)) == {"lr": 0.5}


def test_suggest_schedule_works_in_an_ordinary_objective() -> None:
    def objective(trial: optuna.Trial) -> float:
        schedule = warmboot.suggest_schedule(trial, TABLE)
        return float(schedule.lr_table(100).mean())

    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    study.optimize(objective, n_trials=20)
    trials = study.get_trials()
    assert {trial.params["curve"] for trial in trials} == {"cosine", "linear", "polynomial"}
    for trial in trials:
        again = suggest_schedule(FixedTrial(trial.params), SPACE)
        assert float(again.lr_table(100).mean()) == trial.value


def test_suggest_schedule_refuses_a_bad_table_before_it_draws() -> None:
    trial = optuna.create_study().ask()
    with pytest.raises(SpaceError, match="lr: got -1"):
        suggest_schedule(trial, {"warmup": {"low": 0.0, "high": 0.1}, "lr": -1})
    assert trial.params == {}


def test_a_space_is_a_value() -> None:
    assert Space.from_dict(TABLE) == SPACE
    assert hash(Space.from_dict(TABLE)) == hash(SPACE)
