"""Plans of small studies, measured for real."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from sqlalchemy.engine import make_url

from search.cli.plan import plan_lines
from search.errors import RunError, UsageError
from search.launch.engine import LaunchOptions
from search.plan.plan import Plan, make_plan
from search.plan.script_timing import seconds_at
from search.strategy.baselines_first import baselines_first

STUDY = """
name = "mine"
proxy = {proxy}
total_steps = {total_steps}
{limit}

[space]
lr = {lr}
curve = ["linear", "cosine"]

[params]
weight_decay = {{ low = 0.0, high = 0.1 }}
batch_size = [16, 32]

[sampler]
name = "{sampler}"
"""
SCRIPT = """
import pathlib, sys
import warmboot
total_steps = int(sys.argv[1])
warmboot.lr(0.1, total_steps).table()
warmboot.report(0, val=1.0)
with open(pathlib.Path(__file__).with_name("trained"), "a") as trained:
    print(total_steps, file=trained)
warmboot.report(total_steps, val=0.5)
"""


@pytest.fixture(autouse=True)
def _threads_as_before() -> Any:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def plan(
    folder: Path,
    *,
    proxy: str = '"char_lm_mlp"',
    limit: str = "n_trials = 16",
    sampler: str = "tpe",
    lr: str = "{ low = 0.01, high = 1.0, log = true }",
    total_steps: int = 400,
    **options: Any,
) -> Plan:
    path = folder / "mine.toml"
    path.write_text(STUDY.format(proxy=proxy, limit=limit, sampler=sampler, lr=lr, total_steps=total_steps))
    storage = make_url(f"postgresql://me:secret@host/{folder.name}")
    return make_plan(str(path), LaunchOptions(storage=storage, workers=2, device="cpu"), **options)


def command(folder: Path, script: str = SCRIPT) -> str:
    (folder / "train.py").write_text(script)
    return (
        json.dumps({"command": f"{sys.executable} {folder}/train.py {{total_steps}}"})
        .replace(": ", " = ", 1)
        .replace('"command"', "command")
    )


@pytest.mark.parametrize(
    ("sampler", "words"),
    [
        ("warmboot", "order     the peak lr, then known shapes, then new ones; ends early when no more"),
        ("tpe", "baselines 4 of the first trials at most are baselines"),
    ],
)
def test_it_tells_what_is_tried_first(tmp_path: Path, sampler: str, words: str) -> None:
    assert any(line.startswith(words) for line in plan_lines(plan(tmp_path, sampler=sampler)))


def test_a_handful_of_runs_is_said_to_go_to_the_peak_lr(tmp_path: Path) -> None:
    few: dict[str, Any] = {"proxy": command(tmp_path), "sampler": "warmboot", "seconds_per_run": 600.0}
    lines = plan_lines(plan(tmp_path, limit="n_runs = 8", **few))
    assert "          about 6 of 8 runs go to the peak lr; few or none to new shapes" in lines
    assert "confirm   none: 8 runs leave no room" in lines
    assert not any("to confirm the best" in line for line in lines)
    lines = plan_lines(plan(tmp_path, limit="n_runs = 60", **few))
    assert not any("go to the peak lr" in line for line in lines)
    assert any(line.startswith("confirm   up to 6 more trainings: 2 fresh seeds") for line in lines)
    fixed = plan(tmp_path, limit="n_runs = 8", lr="0.1", **few)
    assert fixed.peak_lr_runs == 0


def test_a_declared_proxy_is_measured_and_nothing_is_stored(tmp_path: Path) -> None:
    """There is no such database, so that anything else than a look would fail."""
    made = plan(tmp_path)
    assert made.pace is not None
    assert made.estimate is not None
    assert made.pace.seconds_per_run > 0
    assert made.estimate.search_seconds == pytest.approx(16 / 2 / made.pace.runs_per_second)
    assert (made.workers, made.n_standards) == (2, 4)
    assert made.slots in (4, 8), "as measured"
    data = json.loads(json.dumps(made.to_json()))
    assert (data["n_trials"], data["total_steps"]) == (16, 400)
    assert "secret" not in data["storage"]
    assert (data["way"], data["gain_of_way"]) == ("stacked", None)
    assert f"trained   char_lm_mlp: {made.slots} runs at once in stacked layers" in plan_lines(made)


def test_only_a_model_is_trained_in_a_way(tmp_path: Path) -> None:
    made = plan(tmp_path, proxy=command(tmp_path))
    assert made.to_json()["way"] is None
    assert not any(line.startswith("trained ") for line in plan_lines(made))


def test_a_budget_is_told_in_trials(tmp_path: Path) -> None:
    made = plan(tmp_path, proxy=command(tmp_path), limit='budget = "2h"', seconds_per_run=600.0)
    assert made.estimate is not None
    assert (made.estimate.n_trials, made.slots) == (24, 1)
    assert made.n_standards == 6, "every fourth"


def test_standards_are_a_quarter_of_a_number_of_runs(tmp_path: Path) -> None:
    """As in the launch; 6 of the 24 runs are there to confirm the best."""
    made = plan(tmp_path, proxy=command(tmp_path), limit="n_runs = 24", sampler="tpe")
    assert made.n_standards == len(baselines_first(made.spec, 18).trials) == 4


def test_only_a_trial_tells_what_an_own_training_takes(tmp_path: Path) -> None:
    made = plan(tmp_path, proxy=command(tmp_path))
    assert (made.pace, made.estimate) == (None, None)
    assert made.to_json()["n_trials"] == 16


def test_two_short_trainings_are_timed(tmp_path: Path) -> None:
    made = plan(tmp_path, proxy=command(tmp_path), time_scripts=True)
    assert made.pace is not None
    assert made.pace.slots == 1
    assert made.pace.seconds_per_run > 0
    assert (tmp_path / "trained").read_text().split() == ["40", "120"], "the shortest cycle takes 40"


def test_a_horizon_that_can_not_be_cut_is_trained_once(tmp_path: Path) -> None:
    made = plan(tmp_path, proxy=command(tmp_path), time_scripts=True, total_steps=100)
    assert (tmp_path / "trained").read_text().split() == ["100"]
    assert made.pace is not None
    assert made.pace.seconds_per_run > 0


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        ((2.0, 5.0), 41.0),  # a start of 1 s, and 0.1 s a step
        ((1.0, 4.0), 40.0),  # no start to speak of
        ((0.5, 4.0), 7 / 60 * 400),  # less than none: it was the step that took longer
        ((4.0, 4.0), 4.0),  # nothing but the start
        ((4.0, 3.0), 4.0),  # a slow first start
    ],
)
def test_two_lengths_tell_start_and_step_apart(seconds: tuple[float, float], expected: float) -> None:
    assert seconds_at(400, (10, 40), seconds) == pytest.approx(expected)


def test_a_script_that_is_searched_from_its_own_lr_is_timed_with_it(tmp_path: Path) -> None:
    its_own = "from warmboot.trial_files import current_trial\nassert current_trial().schedule.lr is None\n"
    made = plan(tmp_path, proxy=command(tmp_path, its_own + SCRIPT), lr='"auto"', time_scripts=True)
    assert made.pace is not None
    assert made.n_standards == 4
    assert "lr        searched around the script's own, which is read by starting the script once" in (
        plan_lines(made)
    )


def test_a_training_that_fails_while_it_is_timed_says_why(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"(?s)the training failed while it was timed\..*no data here"):
        plan(tmp_path, proxy=command(tmp_path, "raise SystemExit('no data here')"), time_scripts=True)


def test_what_a_launch_would_refuse_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"proxy: 'char_lm_mpl' is unknown"):
        plan(tmp_path, proxy='"char_lm_mpl"')
    with pytest.raises(UsageError, match="--time and --run-takes are for commands and functions"):
        plan(tmp_path, time_scripts=True)


def test_a_way_that_is_not_possible_is_refused_in_the_words_of_a_launch(tmp_path: Path) -> None:
    file = tmp_path / "gpt.toml"
    file.write_text(
        'name = "gpt"\ntotal_steps = 60\nn_trials = 4\nproxy = "char_gpt"\n'
        "[space]\nlr = { low = 1e-4, high = 1e-1, log = true }\n[population]\nway = 'stacked'\n"
    )
    options = LaunchOptions(storage=make_url(f"sqlite:///{tmp_path / 'w.db'}"))
    with pytest.raises(
        UsageError, match=r"population\.way: 'stacked' is not possible: stacked layers tell one class"
    ):
        make_plan(str(file), options)
