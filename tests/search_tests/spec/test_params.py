"""`[params]`: every problem is found, and what is drawn is what the table says."""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.samplers import RandomSampler
from optuna.trial import FixedTrial

from search.spec.params import ChoiceParam, FloatParam, IntParam, ParamsError, ParamSpace, other_params
from search.strategy.candidates import UniformTrial
from warmboot.space import Space

TABLE: Mapping[str, Any] = {
    "weight_decay": {"low": 1e-5, "high": 0.1, "log": True},
    "dropout": {"low": 0.0, "high": 0.5, "step": 0.1},
    "width": {"low": 16, "high": 256, "log": True},
    "depth": {"low": 2, "high": 8, "step": 2},
    "optimizer": ["sgd", "adamw"],
    "nesterov": [True, False],
    "batch_size": [32, 64, 128],
}


def test_whole_numbers_make_a_whole_range() -> None:
    params = ParamSpace.from_dict(
        {"a": {"low": 1, "high": 9}, "b": {"low": 1, "high": 9.0}, "c": ["x"]}
    ).params
    assert params["a"] == IntParam(low=1, high=9)
    assert params["b"] == FloatParam(low=1.0, high=9.0)
    assert params["c"] == ChoiceParam(("x",))


def test_each_kind_is_optunas_distribution() -> None:
    trial = optuna.create_study(sampler=RandomSampler(seed=1)).ask()
    drawn = ParamSpace.from_dict(TABLE).sample(trial)
    assert list(drawn) == list(TABLE), "in the order of the file"
    distributions = {
        name: json.loads(optuna.distributions.distribution_to_json(d))["attributes"]
        for name, d in trial.distributions.items()
    }
    assert distributions["weight_decay"] == {"low": 1e-5, "high": 0.1, "log": True, "step": None}
    assert distributions["dropout"] == {"low": 0.0, "high": 0.5, "log": False, "step": 0.1}
    assert distributions["width"] == {"low": 16, "high": 256, "log": True, "step": 1}
    assert distributions["depth"] == {"low": 2, "high": 8, "log": False, "step": 2}
    assert distributions["optimizer"] == {"choices": ["sgd", "adamw"]}
    assert trial.params == drawn


def test_a_trials_parameters_are_told_apart_by_name() -> None:
    trial = optuna.create_study(sampler=RandomSampler(seed=2)).ask()
    space = Space.from_dict(
        {"lr": {"low": 0.1, "high": 1.0}, "n_restarts": {"low": 2, "high": 2}, "curve": ["cosine", "linear"]}
    )
    schedule = space.sample(trial)
    drawn = ParamSpace.from_dict(TABLE).sample(trial)
    assert other_params(trial.params) == drawn
    assert space.sample(FixedTrial(trial.params)) == schedule


WRONG: Mapping[str, tuple[Mapping[str, Any], str]] = {
    # the table -> what the message must say
    "a number": ({"x": 3}, r"x: got 3; accepted are a range .* or a list"),
    "text": ({"x": "adam"}, "x: got 'adam'"),
    "a date": ({"x": datetime.date(2026, 1, 1)}, r"x: got datetime\.date"),
    "no bounds": ({"x": {}}, r"x\.low: missing; a range needs low and high"),
    "a typo": ({"x": {"low": 1, "hihg": 2}}, r"x\.hihg: unknown key; known in a range: low, high, log, step"),
    "bounds the wrong way": ({"x": {"low": 2, "high": 1}}, "x: got low = 2 above high = 1; swap them"),
    "no number": ({"x": {"low": "1", "high": 2}}, r"x\.low: got '1'; accepted is a finite number"),
    "a bool": ({"x": {"low": False, "high": True}}, r"x\.low: got False"),
    "nan": ({"x": {"low": float("nan"), "high": 1.0}}, r"x\.low: got nan"),
    "infinity": ({"x": {"low": 0.0, "high": float("inf")}}, r"x\.high: got inf"),
    "a huge int": ({"x": {"low": 0, "high": 10**400}}, r"x\.high: got 1000"),
    "log from 0": ({"x": {"low": 0.0, "high": 1.0, "log": True}}, "low = 0.0 with log = true"),
    "log no bool": (
        {"x": {"low": 0.1, "high": 1.0, "log": 1}},
        r"x\.log: got 1; accepted are true and false",
    ),
    "log and step": ({"x": {"low": 1, "high": 8, "log": True, "step": 1}}, "got step with log = true"),
    "a step too far": (
        {"x": {"low": 0.0, "high": 1.0, "step": 0.3}},
        r"x\.step: steps of 0\.3 from 0\.0 do not",
    ),
    "step 0": ({"x": {"low": 0, "high": 4, "step": 0}}, r"x\.step: got 0; accepted is a number above 0"),
    "no choices": ({"x": []}, "x: got 0 choices"),
    "a choice twice": ({"x": [1, 2, 1.0]}, "name each choice once"),
    "a list in a list": ({"x": [[1], [2]]}, r"x: got the choice \[1\]"),
    "nan to choose": ({"x": [0.5, float("nan")]}, "x: got the choice nan"),
    "no name": ({"a-b": [1]}, "'a-b': not a name for a parameter"),
    "an empty name": ({"": [1]}, "'': not a name"),
    "Python's word": ({"lambda": [1]}, "'lambda': not a name"),
    "the schedule's lr": ({"lr": [1]}, r"lr: belongs to the schedule; search it in \[space\]"),
    "a restart's u": ({"u3": [1]}, "u3: belongs to the schedule"),
    "the seed": ({"seed": [1]}, "seed: every training is told its seed anyway"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_entry_is_named_with_its_rule_and_value(case: str) -> None:
    table, message = WRONG[case]
    with pytest.raises(ParamsError, match=message):
        ParamSpace.from_dict(table)


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(ParamsError) as caught:
        ParamSpace.from_dict(
            {name.replace(" ", "_"): next(iter(t.values())) for name, (t, _) in WRONG.items()}
        )
    assert len(caught.value.problems) >= len(WRONG) - 6  # the last six are wrong names, which are right now


def test_steps_are_counted_in_decimals() -> None:
    """In binary 0.3 is less than three times 0.1."""
    assert ParamSpace.from_dict({"x": {"low": 0.0, "high": 0.3, "step": 0.1}}).params["x"].extremes == (
        0.0,
        0.3,
    )


def test_draws_without_a_study_lie_inside() -> None:
    draws, space = UniformTrial(np.random.default_rng(0)), ParamSpace.from_dict(TABLE)
    seen = [space.sample(draws) for _ in range(200)]
    assert all(1e-5 <= row["weight_decay"] <= 0.1 for row in seen)  # type: ignore[operator]
    assert {row["depth"] for row in seen} == {2, 4, 6, 8}
    assert {row["batch_size"] for row in seen} == {32, 64, 128}
    assert all(isinstance(row["width"], int) and 16 <= row["width"] <= 256 for row in seen)
    assert {round(float(row["dropout"]), 9) for row in seen} == {0.0, 0.1, 0.2, 0.3, 0.4, 0.5}
