"""A script is started once to learn its lr: what it tells, how it ends, and what keeps it from telling."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from search.errors import RunError
from search.scripts.launcher import CommandLauncher, Launcher
from search.scripts.own_lr_probe import OwnLrProbe
from search.scripts.script_run import Limits
from tests.search_tests.patience import PATIENCE_SECONDS
from tests.search_tests.scripts.workshop import PYTHON, Workshop, script_run
from warmboot.schedule import WarmbootSchedule

# All that is looked at of an optimizer; importing torch takes longer than these scripts.
OPTIMIZER = """
import json, os, sys, time, pathlib, warmboot
class Optimizer:
    def __init__(self, lr): self.param_groups = [{"lr": lr}]
def write_report(step):  # as a script in another language does
    told = json.load(open(os.environ["WARMBOOT_TRIAL"]))
    with open(told["reports"], "a") as reports:
        reports.write(json.dumps({"step": step, "metrics": {"val": 1.0}}) + "\\n")
"""


def own_lr(workshop: Workshop, launcher: Launcher, limits: Limits | None = None) -> float:
    """The lr that a script tells, after which nothing of it is left."""
    folder = workshop.runs / "probe"
    folder.mkdir()
    run = script_run(schedule=WarmbootSchedule(curve="constant"))
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    try:
        with OwnLrProbe(launcher, run, folder, objective="val", limits=limits or Limits()) as probe:
            while (found := probe.look()) is None:
                assert time.monotonic() < give_up_at
                time.sleep(0.02)
            return found
    finally:
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()
        workshop.assert_nothing_left()


def failure(workshop: Workshop, body: str, limits: Limits | None = None) -> str:
    with pytest.raises(RunError) as caught:
        own_lr(workshop, workshop.launcher(OPTIMIZER + body, "{total_steps} {seed}"), limits)
    text = str(caught.value)
    assert "\nThe script was started once to read the lr of its optimizer, from which" in text
    return text


def cause(text: str) -> str:
    """What is told first."""
    return text.partition("\n")[0]


def test_the_script_is_started_as_for_a_trial_and_ends_at_attach(workshop: Workshop) -> None:
    body = """
        import sys, pathlib, torch, warmboot
        folder = pathlib.Path(__file__).parent
        (folder / "arguments").write_text(" ".join(sys.argv[1:]))
        optimizer = torch.optim.AdamW(torch.nn.Linear(2, 2).parameters(), lr=3e-3)
        try:
            warmboot.attach(optimizer, int(sys.argv[1]))
            (folder / "trained").touch()
        finally:
            (folder / "cleaned up").touch()
    """
    assert own_lr(workshop, workshop.launcher(body, "{total_steps} {seed}")) == 3e-3
    assert (workshop.folder / "arguments").read_text() == f"100 {script_run().script_seed}"
    assert (workshop.folder / "cleaned up").exists()
    assert not (workshop.folder / "trained").exists()


def test_a_script_that_does_not_end_is_ended(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("search.scripts.own_lr_probe.STOP_GRACE_SECONDS", 0.3)
    body = """
try:
    warmboot.attach(Optimizer(0.5), 100)
except warmboot.StopTraining:
    warmboot.report(0, val=1.0)
    write_report(10)
    time.sleep(6000)
    open("lived on", "w").close()
"""
    monkeypatch.chdir(workshop.folder)
    assert own_lr(workshop, workshop.launcher(OPTIMIZER + body)) == 0.5
    assert not (workshop.folder / "lived on").exists()


def test_a_report_before_training_is_no_training(workshop: Workshop) -> None:
    body = "warmboot.report(0, val=1.0); time.sleep(0.2); warmboot.attach(Optimizer(0.5), 100)"
    assert own_lr(workshop, workshop.launcher(OPTIMIZER + body)) == 0.5


def test_all_processes_of_torchrun_end(workshop: Workshop) -> None:
    """Each would wait for the other in a collective."""
    script = workshop.folder / "train.py"
    script.write_text(
        f"{OPTIMIZER}import torch, torch.distributed as dist\n"
        "dist.init_process_group('gloo')\n"
        "try:\n    warmboot.attach(Optimizer(0.25), 100)\n"
        f"except warmboot.StopTraining:\n    open(f'{workshop.folder}/stopped{{dist.get_rank()}}', 'w')\n"
        "else:\n    dist.all_reduce(torch.ones(1))\n"
        "dist.destroy_process_group()\n"
    )
    launcher = CommandLauncher(
        f"{PYTHON} -m torch.distributed.run --standalone --nproc_per_node=2 {script}",
        environment={**workshop.environment, "OMP_NUM_THREADS": "1"},
    )
    assert own_lr(workshop, launcher) == 0.25
    assert {path.name for path in workshop.folder.glob("stopped*")} == {"stopped0", "stopped1"}


RANGE = "give a range in the study file: lr = { low = ..., high = ..., log = true }"
FAILURES = {
    # what the script does -> why its lr is not known
    "print('done')": "never attached: it ended without an error, but did not call warmboot.attach; "
    f"call it in the script, or {RANGE}.",
    "raise SystemExit('no data here')": "exit code 1: no data here.",
    "warmboot.attach(Optimizer(0.1), 99)": "exit code 1: warmboot.errors.ScheduleError: attach: total_steps",
    "getattr(warmboot, 'report')(40, val=1.0)": "exit code 1: ValueError: warmboot.report: step 40 "
    "is reported, but nothing here has taken the trial's schedule",
    "write_report(40); time.sleep(6000)": "never attached: it reported step 40 and had not "
    f"called warmboot.attach; call that before training, or {RANGE}.",
    "warmboot.report(0, loss=1.0); time.sleep(6000)": "bad report: step 0 has loss but not the study's",
    "warmboot.attach(Optimizer(0), 100)": "bad lr: the lr of the optimizer's first group is 0, and a search "
    f"starts from a finite number above 0; make the optimizer with such an lr, or {RANGE}.",
    "warmboot.attach(Optimizer(-0.5), 100)": "bad lr: the lr of the optimizer's first group is -0.5",
    "warmboot.attach(Optimizer(float('nan')), 100)": "bad lr: the lr of the optimizer's first group is nan",
    "warmboot.attach(Optimizer(float('inf')), 100)": "bad lr: the lr of the optimizer's first group is inf",
}


@pytest.mark.parametrize("body", FAILURES)
def test_what_keeps_a_script_from_telling_is_said(workshop: Workshop, body: str) -> None:
    assert cause(failure(workshop, body)).startswith(FAILURES[body])


def test_the_end_of_the_output_is_told(workshop: Workshop) -> None:
    text = failure(workshop, "print('loading cifar', flush=True); open('no/such/file')")
    assert "The last output:\nloading cifar\nTraceback" in text
    assert (
        cause(text) == "exit code 1: FileNotFoundError: [Errno 2] No such file or directory: 'no/such/file'."
    )


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (
            Limits(silence_limit_seconds=0.5),
            "silence limit: it neither printed nor reported anything for 0.5",
        ),
        (Limits(time_limit_seconds=0.5), "time limit: it took longer than 0.5 s (time_limit) and was ended."),
    ],
)
def test_a_script_that_hangs_is_ended(workshop: Workshop, limits: Limits, words: str) -> None:
    assert cause(failure(workshop, "time.sleep(6000)", limits)).startswith(words)


def test_a_program_that_is_not_there(workshop: Workshop) -> None:
    with pytest.raises(RunError, match="can't be started: no-such-program: No such file"):
        own_lr(workshop, CommandLauncher("no-such-program"))


def test_a_folder_that_is_not_there(workshop: Workshop) -> None:
    with pytest.raises(RunError, match="working_directory /no/such/folder is no folder"):
        own_lr(workshop, CommandLauncher(f"{PYTHON} train.py", working_directory=Path("/no/such/folder")))
