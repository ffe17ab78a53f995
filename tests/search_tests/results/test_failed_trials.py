"""What failed trials have left behind: in the database, and in the note that the dashboard shows."""

from __future__ import annotations

import pytest
from optuna.trial import Trial
from optuna_dashboard import get_note

from search.errors import UsageError
from search.results.failed_trials import failed_trial, failed_trials
from search.storage.study_record import StudyRecord
from tests.search_tests.studies import LINEAR, fill, trial_queue

LEFT_BEHIND = "The last output:\nepoch 1\n" + "x" * 3000 + "\n```\n# no heading\n\nexit code 1: no data."


def one_failed(record: StudyRecord) -> int:
    fill(record, [(LINEAR, 2.0)])
    queue = trial_queue(record)
    trial = queue.next()
    assert trial is not None
    trial.set_user_attr("schedule", "linear to 0, peak lr 0.1")
    assert queue.fail(trial.number, LEFT_BEHIND)
    assert not queue.fail(trial.number, "once more"), "it has failed already"
    return trial.number


def test_all_of_it_is_told(record: StudyRecord) -> None:
    assert failed_trials(record) == []
    number = one_failed(record)
    found = failed_trial(record, number)
    assert failed_trials(record) == [found]
    assert (found.number, found.state, found.text) == (1, "fail", LEFT_BEHIND)
    assert found.schedule == "linear to 0, peak lr 0.1"


def test_of_other_trials_nothing_is_kept(record: StudyRecord) -> None:
    with pytest.raises(UsageError, match="has no trial 0; it has no trials yet"):
        failed_trial(record, 0)
    one_failed(record)
    with pytest.raises(UsageError, match="has no trial 7; its trials are 0 to 1"):
        failed_trial(record, 7)
    with pytest.raises(UsageError, match="trial 0 of study 'small' is complete; output is kept only for"):
        failed_trial(record, 0)


def test_an_attempt_that_is_tried_again_has_left_something_behind_too(record: StudyRecord) -> None:
    queue = trial_queue(record)
    trial = queue.next()
    assert trial is not None
    queue.hand_back(trial.number, LEFT_BEHIND)
    assert [(found.state, found.text) for found in failed_trials(record)] == [("waiting", LEFT_BEHIND)]
    assert "exit code 1: no data." in get_note(trial)


def test_the_dashboards_note_of_the_trial_holds_it_whole(record: StudyRecord) -> None:
    number = one_failed(record)
    study = record.load()
    note = get_note(Trial(study, study.get_trials()[number]._trial_id))
    reason, block = note.split("\n\n", 1)
    assert reason == "A training of this trial failed: exit code 1: no data."
    assert block.startswith("````text\n"), "longer than any run of backticks in the output"
    assert block.endswith("\n````")
    assert "x" * 3000 in block
