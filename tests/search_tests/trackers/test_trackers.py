"""Reports sent to real trackers and read back from their files; a tracker that fails is left alone."""

from __future__ import annotations

import json
import queue
import warnings
from pathlib import Path
from typing import Any

import pytest

from search.errors import UsageError
from search.runs.events import Admitted, Cancelled, TrainingFailed
from search.runs.run import Measurement
from search.spec.report import ReportSpec
from search.spec.study_file import parse_study
from search.trackers import trackers
from search.trackers.sending import MOST_WAITING, Sending, Tapped
from search.trackers.tracked import TrackedRun, run_folder
from search.trackers.trackers import tracker_problems
from tests.search_tests.scripts.workshop import script_run
from tests.search_tests.studies import study_table

HOOKS = "tests.search_tests.trackers.own_hooks"
RUNS: dict[tuple[str | int, ...], list[Any]] = {
    # key of a run -> what becomes of it
    ("trial", 3): [Admitted(("trial", 3), {"val": 9.0}), ("measured", 50, 2.0), ("measured", 100, 1.5)],
    ("trial", 4): [("measured", 50, 4.0), Cancelled(("trial", 4))],
    ("trial", 5): [TrainingFailed((("trial", 5),), "no data")],
    ("confirmation", "abcdefghij", 1): [("measured", 100, 1.25)],
}


def sent(names: list[str], folder: Path) -> list[str]:
    """Send what a worker's queues see of some runs; what was said of it."""
    said: list[str] = []
    sending = Sending("my study", names, folder, said.append)
    ready, events = Tapped(sending), Tapped(sending)
    for key, what in RUNS.items():
        ready.put(script_run(key, trial=3, params={"weight_decay": 0.1}))
        for event in what:
            if isinstance(event, tuple):
                _, step, value = event
                event = Measurement(key=key, step=step, metrics={"val": value}, last=step == 100)
            events.put(event)
    sending.close()
    assert ready.qsize() == len(RUNS), "the trainer gets all of it"
    return said


def test_tensorboard_gets_each_run_with_its_reports_and_its_schedule(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its own protocol buffers
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

        assert sent(["tensorboard"], tmp_path) == []
        home = tmp_path / "my-study" / "trial-0003-of-100-steps"
        found = EventAccumulator(str(home)).Reload()
    assert [(each.step, each.value) for each in found.Scalars("val")] == [(0, 9.0), (50, 2.0), (100, 1.5)]
    lrs = found.Scalars("lr")
    assert [each.step for each in lrs] == list(range(100))
    assert lrs[0].value == pytest.approx(0.5)
    assert lrs[50].value == pytest.approx(0.25, rel=0.02)
    assert {path.name for path in (tmp_path / "my-study").iterdir()} == {
        "trial-0003-of-100-steps",
        "trial-0004-of-100-steps",
        "trial-0005-of-100-steps",
        "confirmation-abcdefgh-seed-1-of-100-steps",
    }


@pytest.mark.filterwarnings("ignore")  # of MLflow's own
def test_mlflow_gets_each_run_with_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    address = (tmp_path / "mlruns").as_uri()
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")  # its database takes seconds to be made
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    assert sent(["mlflow"], tmp_path) == []
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=address)
    experiment = client.get_experiment_by_name("my study")
    assert experiment is not None
    runs = {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}
    assert {name: run.info.status for name, run in runs.items()} == {
        "trial 0003 of 100 steps": "FINISHED",
        "trial 0004 of 100 steps": "KILLED",
        "trial 0005 of 100 steps": "FAILED",
        "confirmation abcdefgh seed 1 of 100 steps": "FINISHED",
    }
    run = runs["trial 0003 of 100 steps"]
    assert run.data.params == {"peak_lr": "0.5", "total_steps": "100", "weight_decay": "0.1"}
    history = client.get_metric_history(run.info.run_id, "val")
    assert [(each.step, each.value) for each in history] == [(0, 9.0), (50, 2.0), (100, 1.5)]
    assert len(client.get_metric_history(run.info.run_id, "lr")) == 100


@pytest.mark.filterwarnings("ignore")  # of wandb's own
def test_wandb_keeps_each_run_in_files_where_it_is_offline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")
    assert sent(["wandb"], tmp_path) == []
    files = list(tmp_path.glob("wandb/offline-run-*/run-*.wandb"))
    assert len(files) == len(RUNS)
    assert any(b"trial 0003 of 100 steps" in file.read_bytes() for file in files)


def test_a_function_of_a_few_lines_is_called_with_each_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "reports.jsonl"
    monkeypatch.setenv("OWN_HOOK_FILE", str(file))
    assert sent([f"{HOOKS}:send"], tmp_path) == []
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert lines[:5] == [
        ["my study", "trial 0003 of 100 steps", 3, 0.5, 0, {}],
        ["my study", "trial 0003 of 100 steps", 3, 0.5, 0, {"val": 9.0}],
        ["my study", "trial 0003 of 100 steps", 3, 0.5, 50, {"val": 2.0}],
        ["my study", "trial 0003 of 100 steps", 3, 0.5, 100, {"val": 1.5}],
        ["my study", "trial 0003 of 100 steps", 3, 0.5, None, {"outcome": "finished"}],
    ]


def test_a_tracker_that_fails_is_said_once_and_left_and_the_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "reports.jsonl"
    monkeypatch.setenv("OWN_HOOK_FILE", str(file))
    said = sent([f"{HOOKS}:broken", f"{HOOKS}:nothing", f"{HOOKS}:send"], tmp_path)
    assert len(said) == 2
    assert "nothing failed and gets no more reports (ValueError" in said[0]
    assert "broken failed and gets no more reports (OSError: the server is away)" in said[1]
    assert len(file.read_text().splitlines()) == 13


class _Slow:
    """A tracker that is stuck in its first run."""

    def __init__(self, folder: Path) -> None:
        self.gate: queue.SimpleQueue[None] = _GATE

    def begin(self, run: TrackedRun) -> None:
        self.gate.get()

    def close(self) -> None:
        pass


_GATE: queue.SimpleQueue[None] = queue.SimpleQueue()


def test_nothing_waits_for_a_slow_tracker_and_what_is_left_out_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(trackers.BY_NAME, "tensorboard", _Slow)
    said: list[str] = []
    sending = Sending("s", ["tensorboard"], tmp_path, said.append)
    sending.note(script_run(("trial", 1)))
    for _ in range(MOST_WAITING + 10):
        sending.note(object())
    _GATE.put(None)
    sending.close()
    assert said == ["tensorboard: too slow for all reports; the study itself has them all."]


def test_a_study_file_names_trackers() -> None:
    def report(**entries: object) -> ReportSpec:
        return parse_study(study_table(report=entries), place="study.toml").report

    assert report(to="tensorboard") == ReportSpec(to=["tensorboard"], folder="runs")
    assert report(to=["mlflow", f"{HOOKS}:send"], folder="elsewhere").functions == [f"{HOOKS}:send"]
    with pytest.raises(UsageError, match=r"report\.to: got .*; accepted are tensorboard, wandb, mlflow and "):
        report(to=["tensorbord"])
    with pytest.raises(UsageError, match=r"report\.folders: unknown key; did you mean folder"):
        report(folders="x")


def test_a_tracker_that_is_not_installed_is_refused_with_the_command_that_brings_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert tracker_problems(ReportSpec(to=["tensorboard", f"{HOOKS}:send"])) == []
    monkeypatch.setattr(trackers, "find_spec", lambda name: None)
    (line,) = tracker_problems(ReportSpec(to=["mlflow"]))
    assert line.startswith("report.to: mlflow is not installed here: ")
    assert line.endswith("[mlflow]'")


def test_a_runs_folder_has_a_name_that_every_system_takes() -> None:
    import numpy as np

    run = TrackedRun(study="a/b: c", name="trial 1", trial=1, lrs=np.ones(3))
    assert run_folder(Path("runs"), run) == Path("runs/a-b--c/trial-1")
