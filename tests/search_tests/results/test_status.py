"""How a study stands: counts, the leader, the pace."""

from __future__ import annotations

import time

import pytest
from optuna.trial import TrialState

from search.results.candidate import Candidate, ranked
from search.results.confirmation import plan_confirmation
from search.results.lead import lead_by_means
from search.results.progress_text import counts_text
from search.results.run_count import RunCount
from search.results.status import StudyStatus, read_status, study_lead
from search.results.study_hash import study_hash
from search.runs.trial_attributes import STEPS_IN_ALL
from search.storage.database import Database
from search.storage.leases import Leases, this_owner
from search.storage.study_record import StudyRecord
from tests.search_tests.studies import LINEAR, fill, make_study, trial_queue

COSINE = {**LINEAR, "curve": "cosine"}


SOFT_START = {**LINEAR, "warmup": 0.02}
"""No standard."""


def full_ranking(record: StudyRecord) -> list[Candidate]:
    """All candidates of the study, none left out for speed."""
    return ranked(study_lead(record)[1], record.spec.direction)


def look(record: StudyRecord, *, settle: bool = False) -> StudyStatus:
    return read_status(record, record.reader(), settle=settle)


def test_a_study_that_has_not_begun(record: StudyRecord) -> None:
    snapshot = look(record)
    assert (snapshot.n_trials, snapshot.finished, snapshot.running) == (8, 0, 0)
    assert snapshot.best is None
    assert (snapshot.lead, snapshot.other, snapshot.verdict) == (None, None, None)
    assert snapshot.seconds_left is None
    assert (snapshot.confirmed, snapshot.stopped) == (False, False)


def test_every_trial_is_counted_by_its_state(record: StudyRecord) -> None:
    fill(record, [(LINEAR, 2.0), (COSINE, 1.0)])
    queue = trial_queue(record)
    failed, _running, waiting = queue.next(), queue.next(), queue.next()
    assert failed is not None
    assert waiting is not None
    queue.fail(failed.number, "out of memory")
    queue.hand_back(waiting.number)
    snapshot = look(record)
    assert snapshot.counts == {"complete": 2, "fail": 1, "running": 1, "waiting": 1}
    assert (snapshot.finished, snapshot.running) == (3, 1)


def test_a_study_runs_where_a_lease_lives(record: StudyRecord) -> None:
    queue = trial_queue(record)
    trial = queue.next()
    assert trial is not None
    assert look(record).at_work
    Leases(record.database.engine, record.study_id, this_owner()).give_up(trial.number, attempts=1)
    left = look(record)  # as after `kill -9`: still RUNNING, and nobody's
    assert queue.stored(trial.number).state == TrialState.RUNNING
    assert (left.counts, left.running, left.at_work) == ({"waiting": 1}, 0, False)
    assert left.trained_seconds == 0
    assert queue.claim_confirmation()
    assert look(record).at_work


def test_diverged_trials_are_complete_and_counted_apart(record: StudyRecord) -> None:
    queue = trial_queue(record)
    trial = queue.next()
    assert trial is not None
    queue.complete(trial, 4.6, {"diverged": {"diverged_at_step": 3, "last_value": "nan"}})
    assert look(record).diverged == 1
    assert look(record).counts == {"complete": 1}


def test_the_leader_is_the_same_as_in_the_full_ranking(database: Database) -> None:
    """Each second only the trials that can matter are looked at; that must not change the answer."""
    record = make_study(database, n_trials=100)
    rows = [
        ({**SOFT_START, "lr": 0.01 * (1 + i % 13)}, 2.0 + (i * 7 % 13) / 10 + (i % 3) / 100)
        for i in range(30)
    ]
    keys = fill(record, rows)
    fill(record, [(COSINE, 3.0)], standard="cosine")
    snapshot, ranking = look(record), full_ranking(record)
    assert snapshot.best == ranking[0]
    assert snapshot.other is not None
    assert snapshot.other.key == next(c.key for c in ranking if c.standard)

    # a confirmed schedule leads, however far down its single runs are
    worst = ranking[-1].key if ranking[-1].standard is None else ranking[-2].key
    assert worst in keys
    record.set_attribute("confirmation", {"values": {worst: [2.0, 2.0, 2.0]}})
    snapshot = look(record)
    assert snapshot.best is not None
    assert snapshot.best.key == worst
    assert snapshot.best == full_ranking(record)[0]


def test_a_leader_in_the_mean_is_found_behind_many_lucky_runs_of_another(database: Database) -> None:
    record = make_study(database, n_trials=40)
    fill(record, [(SOFT_START, 1.0)] * 9 + [(SOFT_START, 4.0)] * 9 + [({**SOFT_START, "lr": 0.2}, 2.0)])
    best = look(record).best
    assert best is not None
    assert best == full_ranking(record)[0]
    assert best.mean == 2.0


def test_while_a_study_runs_the_first_of_the_ranking_is_shown_and_nothing_is_claimed(
    record: StudyRecord,
) -> None:
    fill(record, [(LINEAR, 2.0)], standard="linear")
    fill(record, [(SOFT_START, 1.9)])
    snapshot = look(record)
    assert snapshot.lead is not None
    assert snapshot.best is snapshot.lead.leader
    assert snapshot.other is snapshot.lead.baseline
    assert snapshot.lead.probability is None


def test_settled_the_model_tells_what_leads(record: StudyRecord) -> None:
    """One run that is hardly better than four is not enough, though it is first by the means."""
    fill(record, [(LINEAR, value) for value in (2.0, 2.03, 1.97, 2.01)], standard="linear")
    keys = fill(record, [(SOFT_START, 1.99)])
    quick = look(record).best
    assert quick is not None
    assert quick.key == keys[0]
    snapshot = look(record, settle=True)
    assert snapshot.lead is not None
    assert snapshot.lead.probability is not None
    assert snapshot.lead.probability < 0.8
    assert snapshot.best is snapshot.lead.baseline
    assert snapshot.other is snapshot.lead.leader
    assert snapshot.lead == study_lead(record)[0]


def test_what_is_kept_on_the_study_is_told_without_working_it_out(record: StudyRecord) -> None:
    """Until the next trial is complete."""
    fill(record, [(LINEAR, 2.0)], standard="linear")
    keys = fill(record, [(SOFT_START, 1.9)])
    kept = {"leader": keys[0], "baseline": None, "gain": 0.2, "probability": 0.9, "noise_sd": 0.1}
    record.set_attribute("expected", {"complete": 2, "searched": {}, "final": {}, "lead": kept})
    for settle in (False, True):
        lead = look(record, settle=settle).lead
        assert lead is not None
        assert (lead.gain, lead.probability, lead.noise_sd) == (0.2, 0.9, 0.1)
        assert lead.baseline is None
    fill(record, [(SOFT_START, 1.9)])
    assert look(record).lead == lead_by_means(full_ranking(record), record.spec)


def test_a_study_is_done_once_its_leaders_are_confirmed(database: Database) -> None:
    record = make_study(database, n_trials=2)
    keys = fill(record, [(LINEAR, 2.0)])
    assert not look(record).done
    keys += fill(record, [(COSINE, 1.0)])
    assert not look(record).done
    record.set_attribute("confirmation", {"values": {key: [1.0, 1.0, 1.0] for key in keys}})
    assert look(record).done
    record.set_control(n_trials=3)
    assert not look(record).done


def test_a_hash_is_told_where_the_same_file_gives_the_same_study(database: Database) -> None:
    """How many trials fit into a budget of time, a machine decides."""
    for name, limit in (("counted", {"n_trials": 1}), ("timed", {"n_trials": None, "budget": 1e-6})):
        record = make_study(database, name=name, **limit)
        fill(record, [(LINEAR, 2.0)])
        status = look(record)
        assert status.search_is_over
        assert (status.hash is not None) == (name == "counted")
        assert status.hash in (None, study_hash(record.load().trials)), "whoever reads the trials"


def test_nothing_is_confirmed_where_nothing_was_to_be(database: Database) -> None:
    record = make_study(database, n_trials=None, n_runs=8)
    fill(record, [(LINEAR, 2.0), (COSINE, 1.0)])
    assert record.spec.confirmation_size.most_runs == 0
    assert not look(record).confirmed


def test_full_runs_add_up_to_what_the_study_file_asks_for(database: Database) -> None:
    """24 runs: 18 search, and 6 are kept to confirm the best."""
    record = make_study(database, n_trials=None, n_runs=24)
    fill(record, [(LINEAR, 2.0), (COSINE, 1.0)])
    assert counts_text(look(record)) == "2 trials done, 2 of 24 full runs used, 6 kept to confirm the best"
    assert look(record).share_done == 2 / 18
    fill(record, [({**SOFT_START, "lr": 0.01 * (i + 1)}, 3.0) for i in range(16)])
    over = look(record)
    assert over.search_is_over
    assert counts_text(over) == "18 trials done, 18 of 24 full runs used, 6 kept to confirm the best"
    plan = plan_confirmation(full_ranking(record), "minimize", None, record.spec.confirmation_size)
    record.set_attribute("confirmation", {"values": {c.key: [1.0, 1.0] for c in plan.candidates}})
    done = look(record)
    assert counts_text(done) == "18 trials done, 24 of 24 full runs used, 6 of them to confirm the best"
    assert (done.runs, done.share_done) == (RunCount(asked=24, to_confirm=6, searching=18, confirming=6), 1.0)


def rung_by_rung(record: StudyRecord, *, n_complete: int, n_stopped: int) -> None:
    """Trials of a ladder of 100, 300 and 900 steps, all of it or stopped after the first."""
    queue = trial_queue(record)
    for number in range(n_complete + n_stopped):
        trial = queue.next()
        assert trial is not None
        trial.set_user_attr(STEPS_IN_ALL, 1300)
        queue.report(trial, 100, 3.0)
        if number < n_complete:
            queue.complete(trial, 2.0, {})
        else:
            queue.prune(trial.number, {})


@pytest.mark.parametrize("n_stopped", range(3))
def test_a_search_is_over_where_no_trial_can_begin(database: Database, n_stopped: int) -> None:
    """A ladder takes 1.44 runs: after one, and two stopped ones, 1.33 of three runs are left: no ladder, but
    a whole run. Whoever asks for a trial and whoever looks must not differ, or the study rests for ever."""
    record = make_study(
        database, total_steps=900, n_trials=None, n_runs=3, early_stopping={"name": "squeezed"}
    )
    rung_by_rung(record, n_complete=1, n_stopped=n_stopped)
    assert look(record).search_is_over == (n_stopped == 2)
    assert (trial_queue(record).next() is None) == (n_stopped == 2)


def test_a_study_is_not_done_before_its_answer_is_worked_out(database: Database) -> None:
    """Where nothing is confirmed, too: the worker that ended the search may have been killed before that."""
    record = make_study(database, n_trials=None, n_runs=2)
    fill(record, [(LINEAR, 2.0), (COSINE, 1.0)])
    assert look(record).search_is_over
    assert not look(record).done
    record.set_attribute("expected", {"complete": 2, "searched": {}, "final": {}})
    assert look(record).done


def test_all_that_can_be_confirmed_is_looked_at(database: Database) -> None:
    """Many plain schedules may lead, and a study may confirm more than are usually looked at."""
    record = make_study(database, n_trials=40, confirmation={"leaders": 12})
    fill(record, [({**LINEAR, "lr": 0.01 * (1 + i)}, 1.0 + i / 100) for i in range(10)], standard="linear")
    keys = fill(record, [({**SOFT_START, "lr": 0.01 * (1 + i)}, 2.0 + i / 100) for i in range(30)])
    looked_at = read_status(record, record.reader())
    everything = plan_confirmation(full_ranking(record), "minimize", None, record.spec.confirmation_size)
    confirmed = {c.key: [1.0] * 3 for c in everything.candidates}
    assert keys[9] in confirmed
    confirmed.pop(keys[9])
    record.set_attribute("confirmation", {"values": confirmed})
    assert looked_at.search_is_over
    assert not look(record).settled, "one of them has not been confirmed"


def test_a_study_of_failures_is_done_without_a_confirmation(database: Database) -> None:
    record = make_study(database, n_trials=1)
    queue = trial_queue(record)
    trial = queue.next()
    assert trial is not None
    queue.report(trial, 20, 3.0)
    queue.fail(trial.number, "out of memory")
    assert look(record).done
    assert not look(record).confirmed


def test_the_direction_decides_who_leads(database: Database) -> None:
    record = make_study(database, direction="maximize", objective="val_accuracy")
    fill(record, [(LINEAR, 0.2), (COSINE, 0.9)])
    best = look(record).best
    assert best is not None
    assert best.mean == 0.9


def test_the_pace_tells_the_time_left(record: StudyRecord) -> None:
    started = time.monotonic()
    fill(record, [(LINEAR, 2.0 + i) for i in range(4)])
    elapsed = time.monotonic() - started
    snapshot = look(record)
    assert snapshot.trials_per_second is not None
    assert snapshot.trials_per_second >= 3 / elapsed
    assert snapshot.seconds_left == pytest.approx(4 / snapshot.trials_per_second)


def test_a_pace_needs_more_than_two_ends(record: StudyRecord) -> None:
    fill(record, [(LINEAR, 2.0), (COSINE, 1.0)])
    assert look(record).trials_per_second is None


def test_control_is_shown_as_it_is_now(record: StudyRecord) -> None:
    record.set_control(stop=True, n_trials=50)
    snapshot = look(record)
    assert (snapshot.stopped, snapshot.n_trials) == (True, 50)
