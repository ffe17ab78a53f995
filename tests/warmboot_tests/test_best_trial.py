"""An Optuna study of one's own, a real one: from its best trial to a schedule file in one call."""

from pathlib import Path
from typing import Any

import optuna
import pytest

import warmboot
from warmboot.errors import ScheduleError

SPACE: dict[str, Any] = {
    "lr": {"low": 0.01, "high": 1.0, "log": True},
    "warmup": {"low": 0.0, "high": 0.2},
    "n_restarts": {"low": 0, "high": 3},
    "step_scale": {"low": 0.4, "high": 1.0},
    "curve": ["cosine", "linear", "polynomial"],
    "power": {"low": 0.5, "high": 2.0},
}


@pytest.fixture(scope="module")
def study() -> optuna.Study:
    def objective(trial: optuna.Trial) -> float:
        schedule = warmboot.suggest_schedule(trial, SPACE)
        trial.set_user_attr("schedule", repr(schedule))
        trial.suggest_float("weight_decay", 0.0, 1.0)
        return abs(float(schedule.lr_table(100).sum()) - 10.0)

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    made = optuna.create_study(study_name="mine", sampler=optuna.samplers.RandomSampler(seed=0))
    made.optimize(objective, n_trials=30)
    return made


def test_the_best_trials_schedule_is_written_with_where_it_comes_from(
    study: optuna.Study, tmp_path: Path
) -> None:
    path = tmp_path / "schedule.json"
    written = warmboot.write_best(study, SPACE, path, total_steps=100)
    assert warmboot.read(path) == written
    assert repr(written.schedule) == study.best_trial.user_attrs["schedule"]
    assert written.horizon == warmboot.Horizon(100)
    assert written.origin == {
        "study": "mine",
        "trial": study.best_trial.number,
        "value": study.best_value,
        "params": study.best_params,
    }
    assert warmboot.write_best(study, warmboot.Space.from_dict(SPACE), path).horizon is None


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"warmup": {"low": 0.3, "high": 0.4}}, r"has warmup 0\.\d+, outside 0.3 to 0.4; give the space"),
        ({"curve": ["rex", "constant"]}, "which is none of .*rex.*; give the space with which"),
        ({"hold": {"low": 0.0, "high": 0.5}}, "has no parameter hold, only lr, warmup"),
    ],
)
def test_another_space_is_refused(
    study: optuna.Study, tmp_path: Path, changed: dict[str, Any], words: str
) -> None:
    space = {**SPACE, **changed}
    if "polynomial" not in space["curve"]:
        del space["power"]
    with pytest.raises(ScheduleError, match=words):
        warmboot.write_best(study, space, tmp_path / "schedule.json")
    assert list(tmp_path.iterdir()) == []


def test_a_study_without_a_best_trial_is_refused(tmp_path: Path) -> None:
    empty = optuna.create_study()
    two = optuna.create_study(directions=["minimize", "minimize"])
    two.add_trial(optuna.trial.create_trial(values=[1.0, 2.0]))
    for study in (empty, two):
        with pytest.raises(ScheduleError, match="the study has no best trial: "):
            warmboot.write_best(study, SPACE, tmp_path / "schedule.json")
