"""Trials that are stopped early are the same trials every time: whoever trains them, whenever, how often."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from optuna.trial import TrialState

from search.results.study_hash import study_hash
from search.runs.events import Cancel
from search.runs.run import Measurement
from search.storage.study_record import StudyRecord
from search.storage.trial_queue import TrialQueue
from search.worker.jobs import TrialJob
from search.worker.planner import make_plan
from search.worker.trial_runs import trial_job
from tests.search_tests.studies import make_study, open_database, trial_queue

N_TRIALS = 14
STOPPED_BY: dict[str, dict[str, Any]] = {
    "median": {"n_startup_trials": 1},
    "halving": {"min_resource": 20, "reduction_factor": 2},
    "hyperband": {"min_resource": 20, "max_resource": 100, "reduction_factor": 2},
}


@dataclass
class Training:
    """A job, and how far its run has come."""

    job: TrialJob
    reports: list[int] = field(default_factory=list)
    asked_to_end: bool = False

    def __post_init__(self) -> None:
        self.job.began({"val_loss": 9.0})
        self.reports = list(self.job.run.report_steps)

    def go_on(self) -> bool:
        """Train to the next report; whether the job is done."""
        step = self.reports.pop(0)
        loss = loss_at(self.job, step)
        metrics = {"val_loss": loss, "averaged_val_loss": loss - 0.1}
        last = not self.reports
        follows = self.job.measured(Measurement(key=self.job.run.key, step=step, metrics=metrics, last=last))
        self.asked_to_end = self.asked_to_end or isinstance(follows, Cancel)
        return last


def loss_at(job: TrialJob, step: int) -> float:
    """Made up: a bowl in log lr, with luck that hangs on the trial and the step."""
    distance = math.log(float(job.trial.params["lr"]) / 0.2)
    luck = random.Random(f"{job.trial.number} {step}").gauss(0, 0.3)
    return 2.0 + distance**2 / 4 + luck + 200 / (step + 50)


def train(record: StudyRecord, *, at_once: int, moments: random.Random, breaks: float) -> str:
    """Train the whole study, in an order that `moments` tells; the hash of what comes of it.

    Args:
        at_once: trainings at the same time.
        breaks: probability that a training is dropped instead of trained to its next report.
    """
    queues = [new_queue(record) for _ in range(2)]
    out: list[Training] = []
    while True:
        queue = moments.choice(queues)
        if len(out) < at_once:
            taken = queue.take(moments.randint(1, at_once - len(out)))
            out += [Training(trial_job(queue, record.spec, trial)) for trial in taken]
            if not out:
                return study_hash(queue.all())
        training = moments.choice(out)
        if moments.random() < breaks:
            training.job.hand_back()
            out.remove(training)
            queues = [new_queue(record) for _ in range(2)]
        elif training.asked_to_end and moments.random() < 0.5:
            training.job.cancelled()
            out.remove(training)
        elif training.go_on():
            out.remove(training)


def new_queue(record: StudyRecord) -> TrialQueue:
    return trial_queue(record, make_plan(record))


def study(folder: Path, name: str, sampler: str) -> StudyRecord:
    folder.mkdir()
    return make_study(
        open_database(folder),
        n_trials=N_TRIALS,
        sampler={"name": sampler},
        population={"round": 2, "delay": 4},
        early_stopping={"name": name, "plateau": False, **STOPPED_BY[name]},
    )


@pytest.mark.parametrize(
    ("name", "sampler"),
    [
        ("median", "tpe"),
        ("halving", "random"),
        ("hyperband", "qmc"),
    ],
)
def test_a_study_with_early_stopping_is_the_same_in_any_order(
    tmp_path: Path, name: str, sampler: str
) -> None:
    in_order = study(tmp_path / "in order", name, sampler)
    found = {train(in_order, at_once=1, moments=random.Random(0), breaks=0.0)}
    states = [trial.state for trial in in_order.load().get_trials(deepcopy=False)]
    assert len(states) == N_TRIALS
    assert 2 <= states.count(TrialState.PRUNED) <= N_TRIALS - 5
    disturbed = study(tmp_path / "disturbed", name, sampler)
    found.add(train(disturbed, at_once=5, moments=random.Random(1), breaks=0.1))
    assert len(found) == 1
    for record in (in_order, disturbed):
        record.database.close()
