"""Jobs: what is stored for a trial and for a confirmation as measurements come in."""

from __future__ import annotations

import math

import pytest
from optuna.trial import TrialState

from search.results.confirmation import plan_confirmation
from search.results.status import study_lead
from search.runs import seeds
from search.runs.run import Measurement, Run
from search.runs.trial_attributes import RUNS, SCHEDULE_KEY, kept
from search.storage.database import Database
from search.storage.plans import NextTrial
from search.storage.study_record import StudyRecord
from search.worker.jobs import TrialJob, confirmation_jobs
from search.worker.trial_runs import report_steps, trial_job
from tests.search_tests.studies import LINEAR, fill, make_study, trial_queue

UNTRAINED = {"val_loss": 4.6, "val_error": 0.99}


@pytest.fixture
def job(record: StudyRecord) -> TrialJob:
    queue = trial_queue(record, lambda _: NextTrial(LINEAR, {}))
    trial = queue.next()
    assert trial is not None
    return trial_job(queue, record.spec, trial)


def measurement(step: int, loss: float, *, last: bool = False) -> Measurement:
    return Measurement(key=("trial", 0), step=step, metrics={"val_loss": loss, "val_error": 0.5}, last=last)


@pytest.mark.parametrize(
    ("total_steps", "steps"),
    [(600, (120, 240, 360, 480, 600)), (7, (1, 2, 4, 5, 7)), (3, (1, 2, 3)), (1, (1,))],
)
def test_a_run_is_measured_at_equal_parts_and_at_its_end(total_steps: int, steps: tuple[int, ...]) -> None:
    assert report_steps(total_steps) == steps


def test_a_trial_is_trained_on_its_own_table_and_seed(job: TrialJob, record: StudyRecord) -> None:
    assert job.run.seed == seeds.run_seed(0, 0)
    assert job.run.total_steps == 100
    assert isinstance(job.run, Run)
    assert job.run.lr_table[0] == 0.1
    assert job.run.report_steps == (20, 40, 60, 80, 100)
    attributes = job.queue.stored(0).user_attrs
    assert attributes["schedule"] == "linear to 0, peak lr 0.1"
    assert attributes["seed"] == 0


def test_other_hyperparameters_reach_the_run_and_the_key(database: Database) -> None:
    record = make_study(database, params={"weight_decay": {"low": 0.0, "high": 0.1}, "batch_size": [16, 32]})
    queue = trial_queue(record, lambda _: NextTrial(LINEAR, {}))
    jobs = []
    for _ in range(2):
        trial = queue.next()
        assert trial is not None
        jobs.append(trial_job(queue, record.spec, trial))
    first, second = (job.queue.stored(job.trial.number) for job in jobs)
    assert {name: first.params[name] for name in ("weight_decay", "batch_size")} == jobs[0].run.params
    assert kept(first, SCHEDULE_KEY) != kept(second, SCHEDULE_KEY), "one schedule, two settings"
    for job in jobs:
        job.began(UNTRAINED)
        job.measured(measurement(100, 3.0, last=True))
    plan = plan_confirmation(study_lead(record)[1], "minimize", None)
    confirming = {job.candidate.key: job.run.params for job in confirmation_jobs(plan, record.spec)}
    assert confirming[kept(first, SCHEDULE_KEY)] == jobs[0].run.params


def test_a_repeat_trains_the_next_seed(job: TrialJob) -> None:
    trial = job.queue.next()
    assert trial is not None
    assert trial_job(job.queue, job.spec, trial).run.seed == seeds.run_seed(0, 1)


def test_measurements_become_reports_and_the_last_the_value(job: TrialJob) -> None:
    job.began(UNTRAINED)
    for step in job.run.report_steps:
        job.measured(measurement(step, 4.0 - step / 100, last=step == 100))
    stored = job.queue.stored(0)
    assert stored.state == TrialState.COMPLETE
    assert stored.value == 3.0
    assert stored.intermediate_values == {step: 4.0 - step / 100 for step in job.run.report_steps}
    (run,) = kept(stored, RUNS)
    assert run["seed"] == 0
    assert run["step"] == [20, 40, 60, 80, 100]
    assert run["val_error"] == [0.5] * 5
    assert "diverged" not in stored.user_attrs


def test_a_diverged_trial_is_told_the_untrained_value_and_keeps_what_happened(job: TrialJob) -> None:
    job.began(UNTRAINED)
    job.measured(measurement(20, 9.0))
    job.measured(Measurement(key=("trial", 0), step=33, metrics={}, last=True, diverged_at_step=33))
    stored = job.queue.stored(0)
    assert (stored.state, stored.value) == (TrialState.COMPLETE, 4.6)
    assert stored.intermediate_values == {20: 4.6, 33: 4.6}, "no plot breaks"
    assert stored.user_attrs["diverged"]["diverged_at_step"] == 33
    assert not any(math.isnan(value) for value in kept(stored, RUNS)[0]["val_loss"])


def test_a_trial_that_is_resumed_reports_each_step_once(job: TrialJob) -> None:
    job.began(UNTRAINED)
    job.measured(measurement(20, 4.0))
    job.hand_back()
    trial = job.queue.next()
    assert trial is not None
    again = trial_job(job.queue, job.spec, trial)
    assert again.run.seed == job.run.seed
    again.began(UNTRAINED)
    for step in again.run.report_steps:
        again.measured(measurement(step, 4.0, last=step == 100))
    stored = again.queue.stored(0)
    assert list(stored.intermediate_values) == [20, 40, 60, 80, 100]
    assert stored.state == TrialState.COMPLETE


def test_a_run_that_raised_fails_its_trial_with_the_traceback(job: TrialJob) -> None:
    job.failed("Traceback: on a Sunday")
    stored = job.queue.stored(0)
    assert (stored.state, stored.user_attrs["failed"]) == (TrialState.FAIL, "Traceback: on a Sunday")


def test_a_confirmation_trains_what_is_missing_on_seeds_of_its_own(database: Database) -> None:
    record = make_study(database)
    keys = fill(record, [(LINEAR, 2.0), ({**LINEAR, "lr": 0.3}, 2.1)])
    stored = {"values": {keys[0]: [2.0, 2.0, 2.0]}}
    plan = plan_confirmation(study_lead(record)[1], "minimize", stored)
    jobs = confirmation_jobs(plan, record.spec)
    assert [each.run.seed for each in jobs] == [seeds.confirmation_seed(0, j) for j in range(3)]
    assert {each.candidate.key for each in jobs} == {keys[1]}
    for j, each in enumerate(jobs):
        each.began(UNTRAINED)
        each.measured(Measurement(key=each.run.key, step=100, metrics={"val_loss": 2.0 + j}, last=True))
    assert plan.missing == []
    assert plan.to_json()["values"][keys[1]] == [2.0, 3.0, 4.0]


def test_a_diverged_confirmation_counts_as_untrained(database: Database) -> None:
    record = make_study(database)
    keys = fill(record, [(LINEAR, 2.0)])
    plan = plan_confirmation(study_lead(record)[1], "minimize", None)
    job = confirmation_jobs(plan, record.spec)[0]
    job.began(UNTRAINED)
    job.measured(Measurement(key=job.run.key, step=10, metrics={}, last=True, diverged_at_step=10))
    assert plan.values[keys[0]] == {0: 4.6}
