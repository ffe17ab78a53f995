"""Trials that are stopped early: what is trained, what is decided, and what is kept of it."""

from __future__ import annotations

import pytest
from optuna.trial import TrialState, create_trial

from search.runs.events import Cancel
from search.runs.run import Measurement, Run
from search.runs.trial_attributes import (
    ANOTHER_SEED,
    EXPECTED_VALUE,
    KNOWN_BELOW,
    PURPOSE,
    RUNS,
    STEPS_IN_ALL,
    kept,
)
from search.spec.budget import steps_of
from search.storage.database import Database
from search.storage.plans import NextTrial
from search.storage.study_record import StudyRecord
from search.storage.trial_queue import TrialQueue
from search.worker.jobs import TrialJob
from search.worker.trial_runs import trial_job
from tests.search_tests.studies import LINEAR, make_study, trial_queue

UNTRAINED = {"val_loss": 4.6}
HORIZON = 900
RUNGS = (100, 300)


def study(database: Database, name: str, **options: object) -> StudyRecord:
    return make_study(
        database, total_steps=HORIZON, n_trials=40, early_stopping={"name": name, "plateau": True, **options}
    )


def next_job(queue: TrialQueue, record: StudyRecord) -> TrialJob:
    trial = queue.next()
    assert trial is not None
    job = trial_job(queue, record.spec, trial)
    job.began(UNTRAINED)
    return job


def planned(record: StudyRecord, **attributes: object) -> TrialQueue:
    return trial_queue(record, lambda _: NextTrial(LINEAR, attributes))


def measured(job: TrialJob, step: int, loss: float, *, last: bool = False, **more: float) -> object:
    metrics = {"val_loss": loss, **more}
    return job.measured(Measurement(key=job.run.key, step=step, metrics=metrics, last=last))


def train_through(job: TrialJob, rungs: tuple[float, float], final: float) -> None:
    for steps, value in zip(RUNGS, rungs, strict=True):
        follows = measured(job, steps, value, last=True)
        assert follows is job.run, "the next training takes its place"
        job.began(UNTRAINED)
    assert measured(job, HORIZON, final, last=True) is None


def completed_ladders(queue: TrialQueue, record: StudyRecord, n: int) -> None:
    """Trials whose end is half of what they reached in a ninth of the steps."""
    for i in reversed(range(n)):
        train_through(next_job(queue, record), (3.5 + i / 10, 3.0 + i / 10), 1.75 + i / 20)


def test_a_squeezed_trial_trains_its_whole_schedule_shorter_first(database: Database) -> None:
    record = study(database, "squeezed")
    job = next_job(planned(record), record)
    runs = [job.run, *job.to_follow]
    assert [run.total_steps for run in runs] == [*RUNGS, HORIZON]
    tables = [run.lr_table for run in runs if isinstance(run, Run)]
    assert tables[-1][0] == 0.1
    assert tables[0][0] == pytest.approx(0.1 * 9**0.15), "a shorter training wants a higher peak lr"
    assert all(table[-1] < 0.02 * table[0] for table in tables), "each is the whole schedule"
    assert len({run.seed for run in runs}) == 1


def test_the_steps_of_the_shorter_trainings_are_reported_and_counted(database: Database) -> None:
    record = study(database, "squeezed")
    queue = planned(record)
    job = next_job(queue, record)
    assert kept(queue.stored(0), STEPS_IN_ALL) == 1300
    assert steps_of(queue.stored(0), HORIZON) == 1300
    train_through(job, (4.0, 3.0), 2.0)
    stored = queue.stored(0)
    assert (stored.state, stored.value) == (TrialState.COMPLETE, 2.0)
    assert stored.intermediate_values == {100: 4.0, 400: 3.0, 1300: 2.0}
    assert steps_of(stored, HORIZON) == 1300


def test_a_squeezed_trial_that_can_not_win_ends_at_its_rung_and_says_why(database: Database) -> None:
    record = study(database, "squeezed")
    queue = planned(record)
    completed_ladders(queue, record, 10)
    job = next_job(queue, record)
    assert measured(job, 100, 4.2, last=True) is None
    stored = queue.stored(job.trial.number)
    assert stored.state == TrialState.PRUNED
    assert stored.user_attrs["stopped"].startswith("4.2 at 100 of 100 steps: such trials end at 2.1 ")
    assert stored.user_attrs[EXPECTED_VALUE] == pytest.approx(2.1)
    assert steps_of(stored, HORIZON) == 100


def test_a_trial_that_diverges_in_its_shorter_training_ends_there(database: Database) -> None:
    record = study(database, "squeezed")
    queue = planned(record)
    job = next_job(queue, record)
    diverged = Measurement(key=job.run.key, step=7, metrics={}, last=True, diverged_at_step=7)
    assert job.measured(diverged) is None
    stored = queue.stored(0)
    assert stored.state == TrialState.PRUNED
    assert stored.user_attrs["stopped"] == "it diverged, or was worse than untrained, at 7 of 100 steps"
    assert stored.user_attrs[EXPECTED_VALUE] == 4.6


def test_a_squeezed_trial_taken_up_again_goes_on_at_its_next_rung(database: Database) -> None:
    record = study(database, "squeezed")
    queue = planned(record)
    job = next_job(queue, record)
    measured(job, 100, 4.0, last=True)
    job.hand_back()
    again = next_job(queue, record)
    assert again.trial.number == 0
    assert [run.total_steps for run in (again.run, *again.to_follow)] == [300, HORIZON]
    measured(again, 300, 3.0, last=True)
    again.began(UNTRAINED)
    measured(again, HORIZON, 2.0, last=True)
    assert queue.stored(0).intermediate_values == {100: 4.0, 400: 3.0, 1300: 2.0}


def test_another_seed_of_a_schedule_is_never_stopped(database: Database) -> None:
    record = study(database, "squeezed")
    job = next_job(planned(record, **{PURPOSE: ANOTHER_SEED}), record)
    assert (job.run.total_steps, job.to_follow) == (HORIZON, [])


def test_averaged_weights_are_measured_half_way_and_judged(database: Database) -> None:
    record = study(database, "averaged")
    queue = planned(record)
    for i in reversed(range(10)):
        job = next_job(queue, record)
        assert isinstance(job.run, Run)
        assert job.run.averaged_steps == (360,)
        assert measured(job, 360, 4.0, averaged_val_loss=3.0 + i / 10) is None
        assert measured(job, HORIZON, 2.0 + i / 10, last=True) is None
    job = next_job(queue, record)
    assert measured(job, 360, 4.0, averaged_val_loss=3.7) == Cancel(job.run.key)
    assert measured(job, 540, 4.0) is None, "it was asked to end already"
    job.cancelled()
    stored = queue.stored(job.trial.number)
    assert stored.state == TrialState.PRUNED
    assert "averaged weights" in stored.user_attrs["stopped"]
    assert stored.user_attrs[EXPECTED_VALUE] == pytest.approx(2.7)


def test_without_rounds_a_trial_that_ends_before_it_is_ended_counts_as_complete(database: Database) -> None:
    record = study(database, "threshold", upper=4.0)
    queue = planned(record)
    job = next_job(queue, record)
    assert measured(job, 180, 4.3) == Cancel(job.run.key)
    assert measured(job, HORIZON, 2.0, last=True) is None
    stored = queue.stored(0)
    assert (stored.state, stored.value) == (TrialState.COMPLETE, 2.0)
    assert "stopped" not in stored.user_attrs


def test_a_pruner_of_optuna_ends_a_trial_by_its_reports(database: Database) -> None:
    record = study(database, "median", n_startup_trials=4)
    queue = planned(record)
    for i in range(9):
        job = next_job(queue, record)
        assert measured(job, 180, 3.0 + i / 10 * (-1) ** i) in (None, Cancel(job.run.key))
        measured(job, HORIZON, 2.0 + i / 20 * (-1) ** i, last=True)
    job = next_job(queue, record)
    assert measured(job, 180, 4.5) == Cancel(job.run.key)
    job.cancelled()
    stored = queue.stored(job.trial.number)
    assert (stored.state, stored.value) == (TrialState.PRUNED, 4.5)
    assert stored.user_attrs["stopped"] == "4.5 at 180 of 900 steps: ended by Optuna's pruner median"
    assert stored.user_attrs[EXPECTED_VALUE] == pytest.approx(2.75), "as the complete trials let expect"


def test_a_pruner_knows_what_the_round_of_a_trial_knew_and_no_more(database: Database) -> None:
    record = study(database, "median", n_startup_trials=2)
    queue = planned(record, **{KNOWN_BELOW: 2})
    jobs = [next_job(queue, record) for _ in range(6)]
    for job, value in zip(jobs[:4], (3.0, 3.2, 2.0, 2.0), strict=True):
        assert measured(job, 180, value) is None
        assert measured(job, HORIZON, value, last=True) is None
    assert measured(jobs[4], 180, 3.05) is None, "half of those that the round knew were worse"
    assert measured(jobs[5], 180, 3.15) == Cancel(jobs[5].run.key)


@pytest.mark.parametrize("name", ["median", "halving"])
def test_a_trial_taken_up_again_is_stopped_where_it_was_stopped(database: Database, name: str) -> None:
    options = {"median": {"n_startup_trials": 1}, "halving": {"min_resource": 180, "reduction_factor": 2}}
    record = study(database, name, **options[name])
    queue = planned(record, **{KNOWN_BELOW: 1})
    first, second = next_job(queue, record), next_job(queue, record)
    for step, value in ((180, 3.5), (360, 3.0), (540, 2.5), (720, 2.2)):
        assert measured(first, step, value) is None
    assert measured(first, HORIZON, 2.0, last=True) is None
    assert measured(second, 180, 3.4) is None
    assert measured(second, 360, 3.2) == Cancel(second.run.key)
    second.hand_back()
    again = next_job(queue, record)
    assert again.trial.number == 1
    assert measured(again, 180, 3.4) is None
    assert measured(again, 360, 3.2) == Cancel(again.run.key)
    again.cancelled()
    assert queue.stored(1).state == TrialState.PRUNED
    attributes = [queue.stored(number).system_attrs for number in (0, 1)]
    rungs = [[of.get(f"completed_rung_{rung}") for rung in range(3)] for of in attributes]
    expected = [[None] * 3] * 2 if name == "median" else [[3.5, 3.0, 2.2], [3.4, 3.2, None]]
    assert rungs == expected, "as Optuna keeps them"


def test_how_far_a_trial_comes_before_it_hears_that_it_is_to_end_is_left_out(database: Database) -> None:
    """With one worker it hears of it sooner than with two; the study is to be the same."""
    record = study(database, "threshold", upper=4.0)
    queue = planned(record, **{KNOWN_BELOW: 0})
    for comes_to in (180, 360, HORIZON):
        job = next_job(queue, record)
        assert measured(job, 180, 4.3) == Cancel(job.run.key)
        if comes_to == 180:
            job.cancelled()
        if comes_to >= 360:
            assert measured(job, 360, 3.0) is None
        if comes_to == 360:
            job.cancelled()
        if comes_to == HORIZON:
            assert measured(job, HORIZON, 2.0, last=True) is None
        stored = queue.stored(job.trial.number)
        assert (stored.state, stored.value) == (TrialState.PRUNED, 4.3)
        assert stored.intermediate_values == {180: 4.3}
        assert [run["step"] for run in kept(stored, RUNS)] == [[180]]


def test_stopped_trials_take_only_the_steps_they_trained() -> None:
    trial = create_trial(
        state=TrialState.PRUNED, intermediate_values={100: 4.0}, user_attrs={STEPS_IN_ALL: 1300}
    )
    assert steps_of(trial, HORIZON) == 100
