"""A study that leaves the lr to the script, from the study file to its trials, with the real command."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path

from optuna.distributions import FloatDistribution
from optuna.trial import TrialState

from tests.search_tests.commands.workplace import Workplace

SCRIPT = """
import sys
import torch, warmboot

steps, log = int(sys.argv[1]), open("log", "a", buffering=1)
log.write("started\\n")
torch.manual_seed(int(sys.argv[2]))
x = torch.randn(64, 4)
model = torch.nn.Linear(4, 1)
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
scheduler = warmboot.attach(optimizer, steps)

def loss():
    return (model(x)[:, 0] - x.sum(1)).square().mean()

warmboot.report(0, val=loss())
for step in range(steps):
    optimizer.zero_grad()
    loss().backward()
    optimizer.step()
    scheduler.step()
log.write("trained\\n")
warmboot.report(steps, val=loss())
"""
STUDY = """
name = "small"
proxy = {{ command = {command}, time_limit = "1m" }}
total_steps = 40
n_trials = 1
[space]
curve = ["cosine", "linear"]
[confirmation]
leaders = 0
"""


def write_study(workplace: Workplace, script: str = SCRIPT) -> None:
    (workplace.folder / "train.py").write_text(script)
    command = json.dumps(f"{shlex.quote(sys.executable)} train.py {{total_steps}} {{seed}}")
    (workplace.folder / "small.toml").write_text(STUDY.format(command=command))


def log(folder: Path) -> list[str]:
    path = folder / "log"
    return path.read_text().split() if path.exists() else []


def test_a_script_without_a_range_is_searched_from_its_own_lr(workplace: Workplace) -> None:
    write_study(workplace)
    plan = workplace.run("plan", "small.toml").stdout
    assert "lr        searched around the script's own, which is read by starting the script once" in plan
    workplace.run("launch", "small.toml", "--detach")
    assert "0 of 1 trials done" in workplace.run("status", "small").stdout
    assert "no completed trial yet" in workplace.run("export", "small", expect=1).stderr
    assert log(workplace.folder) == [], "so far nothing was started"

    err = workplace.run("worker", "--allow-commands", "--until-done", "--workers", "1").stderr
    assert "small: the script's own lr is 0.003; the search starts from there" in err
    assert log(workplace.folder) == ["started", "started", "trained"]
    trials = workplace.trials()
    assert {trial.state for trial in trials} <= {TrialState.COMPLETE, TrialState.PRUNED}
    wide = FloatDistribution(3e-3 / 1e4, 3e-3 * 1e4, log=True)
    assert [trial.distributions["lr"] for trial in trials] == [wide]

    err = workplace.run("launch", "small.toml", "--n-trials", "2", "--workers", "1").stderr
    assert "own lr" not in err, "it is known"
    assert log(workplace.folder).count("started") == 3
    assert "peak lr" in workplace.run("status", "small").stdout
    schedule = json.loads(workplace.run("export", "small", "--total-steps", "40").stdout)
    assert 3e-7 <= schedule["schedule"]["lr"] <= 30


def test_a_script_that_does_not_tell_it_fails_the_launch(workplace: Workplace) -> None:
    write_study(workplace, "print('nothing to see here')")
    err = workplace.run("launch", "small.toml", expect=1).stderr
    assert "never attached: it ended without an error" in err.partition("The script was started once")[0]
    assert err.rstrip().endswith("no trial was begun.\nThe last output:\nnothing to see here")
    assert workplace.trials() == []
    assert "0 of 1 trials done" in workplace.run("status", "small").stdout
