"""`checkpoint_dir`: a folder of the trial's own, and the reports that outlive its process."""

import json
import threading
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import Parameter
from torch.optim import SGD

import warmboot
from tests.warmboot_tests.trials import enter_trial, reports_of
from warmboot.checkpoints import KeptFiles, write_kept_files
from warmboot.errors import ScheduleError
from warmboot.extended_schedule import extended
from warmboot.function_proxies import Context
from warmboot.lr_state import identity
from warmboot.reporting import report_to
from warmboot.schedule import WarmbootSchedule
from warmboot.trial_files import Report, TrialFile, current_trial, parse_report, report_line
from warmboot.warmboot_lr import WarmbootLR


def enter(monkeypatch: pytest.MonkeyPatch, folder: Path, known_bytes: int = 0) -> tuple[TrialFile, KeptFiles]:
    """A trial whose schedule is followed, with a folder that outlives it."""
    trial = enter_trial(monkeypatch, folder)
    current_trial()
    kept = KeptFiles(folder / "kept" / "files", folder / "kept" / "reports.jsonl", known_bytes)
    write_kept_files(trial.checkpoints, kept)
    return trial, kept


def test_there_is_none_outside_of_a_search(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WARMBOOT_TRIAL", raising=False)
    assert warmboot.checkpoint_dir() is None


def test_there_is_none_where_the_search_keeps_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As when a training is timed, or the search is of an earlier version."""
    trial = enter_trial(monkeypatch, tmp_path)
    assert warmboot.checkpoint_dir() is None
    assert Context(trial, "cpu").checkpoint_dir() is None


def test_a_trial_has_a_folder_that_is_made_when_it_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    trial, kept = enter(monkeypatch, tmp_path)
    assert not kept.folder.exists()
    assert warmboot.checkpoint_dir() == Context(trial, "cpu").checkpoint_dir() == kept.folder
    assert kept.folder.is_dir()


def test_once_it_is_asked_for_all_reports_outlive_the_process(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    trial, kept = enter(monkeypatch, tmp_path)
    warmboot.report(0, val=4.5)
    assert not kept.reports.exists(), "nothing is kept of a script that saves nothing"
    warmboot.checkpoint_dir()
    warmboot.report(50, val=float("inf"))
    assert kept.reports.read_text() == trial.reports.read_text()
    assert [report.step for report in reports_of(trial)] == [0, 50]
    warmboot.checkpoint_dir()
    assert len(kept.reports.read_text().splitlines()) == 2


def test_a_folder_that_cant_be_made_says_where_to_name_another(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "kept").write_text("a file where a folder should be")
    enter(monkeypatch, tmp_path)
    with pytest.raises(OSError, match=r"can't be made .*\[checkpoints\] folder = .*WARMBOOT_CHECKPOINTS"):
        warmboot.checkpoint_dir()


def test_another_rank_waits_for_what_is_reported_now(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An earlier process has reported step 60; that says nothing of where rank 0 is today."""
    earlier = report_line(Report(step=60, metrics={"val": 1.0}))
    trial, _ = enter(monkeypatch, tmp_path, known_bytes=len(earlier))
    trial.reports.write_text(earlier)
    other = threading.Thread(target=report_to, args=(trial, 40, {}), kwargs={"rank": 1})
    other.start()
    other.join(0.05)
    assert other.is_alive()
    report_to(trial, 40, {"val": 2.0})
    other.join(30.0)
    assert not other.is_alive()
    assert [parse_report(line).step for line in trial.reports.read_text().splitlines()] == [60, 40]


def test_a_run_that_goes_on_past_its_horizon_takes_the_state_of_before(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """And of no other schedule or horizon."""
    short = WarmbootSchedule(lr=0.5, warmup=0.1, curve="linear")
    schedule = extended(short, 60, to_steps=100, step_scale=0.5)
    trial = enter_trial(monkeypatch, tmp_path, schedule=schedule)
    before = {"schedule": json.dumps(identity(short)), "total_steps": 60, "retargets": []}
    place = tmp_path / "kept"
    write_kept_files(trial.checkpoints, KeptFiles(place, place / "reports.jsonl", extends=before))

    def state_of(other: WarmbootSchedule, total_steps: int) -> dict[str, Any]:
        optimizer = SGD([Parameter(torch.zeros(1))], lr=0.5)
        scheduler = WarmbootLR(optimizer, other, total_steps=total_steps)
        for _ in range(60):
            optimizer.step()
            scheduler.step()
        return scheduler.state_dict()

    optimizer = SGD([Parameter(torch.zeros(1))], lr=0.1)
    scheduler = warmboot.attach(optimizer, 100)
    with pytest.raises(ScheduleError, match="was taken with curve"):
        scheduler.load_state_dict(state_of(short.replace(curve="cosine"), 60))
    with pytest.raises(ScheduleError, match="was taken with"):
        scheduler.load_state_dict(state_of(short, 80))
    scheduler.load_state_dict(state_of(short, 60))
    lrs = []
    for _ in range(40):
        lrs.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    assert lrs == schedule.lr_table(100)[60:].tolist()
    again = warmboot.attach(SGD([Parameter(torch.zeros(1))], lr=0.1), 100)
    again.load_state_dict(scheduler.state_dict())
    assert again.last_epoch == 100, "the state of the longer one is its own"
