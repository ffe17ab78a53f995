"""How a search ends: within its runs, at a plateau, and with trials that were stopped on the way."""

from __future__ import annotations

import json
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState

from tests.search_tests.commands.workplace import Workplace

STUDY = """
name = "end"
proxy = "{proxy}"
total_steps = {total_steps}
{limit}
[space]
lr = {{ low = 1e-2, high = 1.0, log = true }}
eta_min = {{ low = 0.0, high = 0.2 }}
curve = ["cosine", "linear"]
{more}
"""


def launched(
    folder: Path, *, limit: str, more: str = "", proxy: str = "char_lm_mlp", total_steps: int = 120
) -> Workplace:
    workplace = Workplace(folder)
    text = STUDY.format(limit=limit, more=more, proxy=proxy, total_steps=total_steps)
    (folder / "end.toml").write_text(text)
    workplace.run("launch", "end.toml", "--workers", "1")
    return workplace


def test_a_handful_of_runs_ends_with_an_answer_although_none_is_left_to_confirm_it(tmp_path: Path) -> None:
    workplace = launched(tmp_path, limit="n_runs = 8", total_steps=300, proxy="noisy_quadratic")
    report = json.loads(workplace.run("status", "end", "--json").stdout)[0]
    assert report["runs_used"] <= 8
    assert report["best"] is not None
    study = optuna.load_study(study_name="end", storage=workplace.storage)
    assert study.user_attrs["answer"].startswith(("Use ", "Not shown", "Too early"))
    assert "(done)" in workplace.run("status", "end").stdout


def test_a_search_ends_at_a_plateau_and_says_why(tmp_path: Path) -> None:
    """One shape, and its lr in a narrow range: soon nothing is left to gain."""
    more = "restarts = []\n[early_stopping]\nplateau = true"
    workplace = launched(tmp_path, limit="n_trials = 150", more=more, proxy="noisy_quadratic")
    report = json.loads(workplace.run("status", "end", "--json").stdout)[0]
    assert sum(report["trials"].values()) < 150
    assert "below a tenth of the noise between seeds" in report["plateau"]
    assert "ended     early: what more trials" in workplace.run("status", "end").stdout


def test_stopped_trials_say_why_and_the_study_ends(tmp_path: Path) -> None:
    more = '[early_stopping]\nname = "squeezed"\nplateau = false\n[sampler]\nname = "random"'
    workplace = launched(tmp_path, limit="n_trials = 24", more=more)
    trials = workplace.trials("end")
    assert len(trials) == 24
    stopped = [trial for trial in trials if trial.state == TrialState.PRUNED]
    assert stopped, "24 random schedules hold some that can't win"
    assert all(trial.user_attrs["stopped"] for trial in stopped)
    complete = [trial for trial in trials if trial.state == TrialState.COMPLETE]
    assert all(next(iter(trial.intermediate_values)) == 40 for trial in complete)
    assert all(trial.last_step == 160 for trial in complete)


@pytest.mark.parametrize(
    ("proxy", "name", "message"),
    [
        ("noisy_quadratic", "averaged", "averaged needs the weights"),
        ("char_lm_mlp", "threshold", "early_stopping: threshold: "),
    ],
)
def test_a_rule_that_can_not_be_is_refused(workplace: Workplace, proxy: str, name: str, message: str) -> None:
    more = f'[early_stopping]\nname = "{name}"'
    text = STUDY.format(limit="n_trials = 9", more=more, proxy=proxy, total_steps=120)
    (workplace.folder / "end.toml").write_text(text)
    assert message in workplace.run("launch", "end.toml", expect=2).stderr
