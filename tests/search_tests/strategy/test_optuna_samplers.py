"""Samplers: every one proposes, another opening proposes other points, unknown arguments are refused."""

from __future__ import annotations

from typing import Any

import optuna
import pytest

from search.errors import UsageError
from search.runs import seeds
from search.spec.study import SamplerSpec
from search.strategy.optuna_samplers import build_sampler, sampler_problems

NAMES = ["warmboot", "tpe", "gp", "random", "qmc"]


def spec(name: str = "tpe", **arguments: Any) -> SamplerSpec:
    return SamplerSpec.model_validate({"name": name, **arguments})


def proposals(sampler_spec: SamplerSpec, seed: int, count: int = 3) -> list[float]:
    study = optuna.create_study(sampler=build_sampler(sampler_spec, seed))
    points = []
    for _ in range(count):
        trial = study.ask()
        points.append(trial.suggest_float("lr", 0.01, 1.0, log=True))
        study.tell(trial, points[-1])
    return points


@pytest.fixture(autouse=True)
def _quiet_optuna() -> None:
    optuna.logging.set_verbosity(optuna.logging.WARNING)


@pytest.mark.parametrize("name", NAMES)
def test_every_sampler_proposes_and_repeats_itself_with_its_seed(name: str) -> None:
    points = proposals(spec(name), seed=7)
    assert all(0.01 <= point <= 1.0 for point in points)
    assert proposals(spec(name), seed=7) == points


def test_another_opening_of_a_study_samples_other_points() -> None:
    first, second = (proposals(spec(), seeds.sampler_seed(0, opening)) for opening in (0, 1))
    assert set(first).isdisjoint(second)


def test_arguments_go_through() -> None:
    assert len(set(proposals(spec("tpe", n_startup_trials=1, n_ei_candidates=4), seed=0))) == 3


def test_unknown_arguments_are_all_named_with_the_nearest_known() -> None:
    problems = sampler_problems(spec("tpe", n_startup_trial=5, colour="red"))
    assert len(problems) == 2
    assert problems[0].startswith("sampler.n_startup_trial: not an argument of TPESampler; did you mean")
    assert "n_startup_trials" in problems[0]
    with pytest.raises(UsageError, match=r"\[sampler\] has 2 problems"):
        build_sampler(spec("tpe", n_startup_trial=5, colour="red"), seed=0)


@pytest.mark.parametrize("argument", ["seed", "self"])
def test_the_seed_is_the_studys_own(argument: str) -> None:
    (problem,) = sampler_problems(spec("random", **{argument: 3}))
    assert f"sampler.{argument}: not an argument of RandomSampler" in problem


def test_a_value_that_the_sampler_refuses_is_wrong_usage() -> None:
    with pytest.raises(UsageError, match=r"\[sampler\] qmc: .*nonsense"):
        build_sampler(spec("qmc", qmc_type="nonsense"), seed=0)


def test_the_own_sampler_takes_the_names_of_earlier_studies_alone() -> None:
    assert sampler_problems(spec("warmboot", earlier=["char_lm"])) == []
    assert sampler_problems(spec("warmboot", earlier="char_lm")) == [
        "sampler.earlier: got 'char_lm'; accepted is a list of names of studies."
    ]
    [problem] = sampler_problems(spec("warmboot", n_startup_trials=3))
    assert problem.startswith("sampler.n_startup_trials: not an argument of the sampler warmboot")
