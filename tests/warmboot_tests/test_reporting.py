"""`report`, `params` and `StopTraining`: within a trial, outside one, and in several processes."""

import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import warmboot
from tests.warmboot_tests.trials import enter_trial, reports_of
from warmboot import reporting
from warmboot.trial_files import VARIABLE, Report, TrialFile


@pytest.fixture
def trial(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> TrialFile:
    monkeypatch.delenv("RANK", raising=False)
    trial = enter_trial(monkeypatch, tmp_path)
    warmboot.lr(0.1, trial.total_steps).table()  # the schedule is taken, and what is reported believed
    return trial


def test_reports_are_appended(trial: TrialFile) -> None:
    warmboot.report(0, val=4.5)
    step: Any = np.int64(50)
    warmboot.report(step, val=3, train=2.5)
    assert reports_of(trial) == [
        Report(step=0, metrics={"val": 4.5}),
        Report(step=50, metrics={"val": 3.0, "train": 2.5}),
    ]


@pytest.mark.parametrize(
    "value", [np.float32(0.5), np.array(0.5), torch.tensor(0.5), torch.tensor([0.5], requires_grad=True)]
)
@pytest.mark.filterwarnings("ignore:Converting a tensor with requires_grad")
def test_whatever_is_one_number_is_a_metric(trial: TrialFile, value: Any) -> None:
    warmboot.report(1, val=value)
    assert reports_of(trial)[0].metrics == {"val": 0.5}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -np.inf])
def test_values_that_are_not_finite_are_reported_as_they_are(trial: TrialFile, value: float) -> None:
    warmboot.report(1, val=value)
    assert repr(reports_of(trial)[0].metrics["val"]) == repr(float(value))


@pytest.mark.parametrize("value", ["0.5", None, True, [1.0], torch.zeros(2), 1j])
def test_another_value_is_refused_and_nothing_is_written(trial: TrialFile, value: object) -> None:
    with pytest.raises(ValueError, match=r"warmboot\.report: val must be a number but got"):
        warmboot.report(1, val=value)
    assert not trial.reports.exists()


@pytest.mark.parametrize(
    ("step", "pattern"),
    [
        (-1, "step must be at least 0 but got -1"),
        (1.5, "step must be an integer but got 1.5"),
        (101, "step 101 lies past the trial's horizon of 100 optimizer steps; .*total_steps"),
    ],
)
def test_a_step_out_of_range_is_refused(trial: TrialFile, step: Any, pattern: str) -> None:
    with pytest.raises(ValueError, match=pattern):
        warmboot.report(step, val=1.0)


def test_a_report_without_a_metric_is_refused(trial: TrialFile) -> None:
    with pytest.raises(
        ValueError, match=r"give one metric or more, as in warmboot\.report\(step, val=loss\)"
    ):
        warmboot.report(1)


def test_the_report_after_the_search_has_ended_the_trial_raises(trial: TrialFile) -> None:
    warmboot.report(1, val=1.0)
    trial.stop.touch()
    with pytest.raises(warmboot.StopTraining, match="ended trial 7 of study own at step 2"):
        warmboot.report(2, val=1.0)
    assert [report.stopping for report in reports_of(trial)] == [False, True]


def test_params_are_the_trials(trial: TrialFile) -> None:
    assert warmboot.params() == trial.params
    warmboot.params().clear()
    assert warmboot.params() == trial.params


def test_outside_a_search_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    warmboot.report(-5, val="anything")
    assert warmboot.params() == {}


def test_another_rank_waits_for_rank_0_and_writes_nothing(
    trial: TrialFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    reporting.report_to(trial, 1, {"val": 1.0})
    monkeypatch.setenv("RANK", "1")
    warmboot.report(1, val=None)  # rank 0 has reported it
    waiting = threading.Thread(target=warmboot.report, args=(2,))
    waiting.start()
    waiting.join(0.2)
    assert waiting.is_alive()
    reporting.report_to(trial, 2, {"val": 1.0})
    waiting.join()
    assert [report.step for report in reports_of(trial)] == [1, 2]


def test_all_ranks_stop_at_the_step_at_which_rank_0_does(
    trial: TrialFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    reporting.report_to(trial, 1, {"val": 1.0})
    trial.stop.touch()
    monkeypatch.setenv("RANK", "1")
    warmboot.report(1)  # the trial is ended already, but rank 0 went on from here
    monkeypatch.setenv("RANK", "0")
    with pytest.raises(warmboot.StopTraining):
        warmboot.report(2, val=1.0)
    monkeypatch.setenv("RANK", "1")
    warmboot.report(1)
    with pytest.raises(warmboot.StopTraining):
        warmboot.report(2)


def test_a_rank_that_reports_what_rank_0_does_not_is_told_so(
    trial: TrialFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RANK", "3")
    monkeypatch.setattr(reporting, "RANK_0_PATIENCE_SECONDS", 0.05)
    with pytest.raises(
        RuntimeError, match=r"rank 3 reports step 5, but rank 0 .* on rank 0 alone, or on all"
    ):
        warmboot.report(5, val=1.0)


def test_a_report_is_one_whole_line_whoever_writes_beside_it(trial: TrialFile) -> None:
    code = "import sys, warmboot\nfor step in range(50): warmboot.report(step, **{'m' * 200: step})"
    writers = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(2)]
    assert [writer.wait(60) for writer in writers] == [0, 0]
    assert sorted(report.step for report in reports_of(trial)) == sorted([*range(50)] * 2)
