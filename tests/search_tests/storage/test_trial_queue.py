"""The queue of trials: exact totals, nothing lost, nothing trained twice, with real processes."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import optuna
import pytest
from optuna.trial import FrozenTrial, Trial, TrialState
from optuna_dashboard import get_note

from search.runs.trial_attributes import SCHEDULE_KEY, TRAINED_SPAN, kept
from search.spec.budget import Budget, counts
from search.spec.training_spans import trained_seconds
from search.storage.address import is_sqlite
from search.storage.database import Database
from search.storage.leases import Leases
from search.storage.study_record import StudyRecord
from search.storage.trial_queue import MAX_ATTEMPTS
from search.strategy.baselines_first import baselines_first
from tests.search_tests.storage.conftest import new_database
from tests.search_tests.storage.processes import (
    ask_and_tell,
    ask_once,
    claim,
    kill,
    race,
    running,
    take_and_wait,
)
from tests.search_tests.storage.processes import claim_confirmation as claim_confirmation_elsewhere
from tests.search_tests.studies import make_study, trial_queue

N_RACED = 60
# Two schedules without restarts and no more: every trial repeats one of them.
TWO_SCHEDULES = {"lr": 0.1, "curve": ["cosine", "linear"]}


def trials_of(record: StudyRecord) -> list[FrozenTrial]:
    return record.load().get_trials()


def states(record: StudyRecord) -> list[TrialState]:
    return [trial.state for trial in trials_of(record)]


def lose(record: StudyRecord, number: int) -> None:
    """Let the lease of a trial run out, as when its worker was away for too long."""
    leases = Leases(record.database.engine, record.study_id, "elsewhere|1|0.00")
    leases.give_up(number, attempts=leases.all()[number].attempts)


@dataclass(frozen=True)
class Race:
    told: list[list[int]]
    trials: list[FrozenTrial]
    standards: list[str]


@pytest.fixture(scope="module")
def raced(
    backend: str, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Race]:
    """Four processes that ask and tell at once, until a study of 60 trials is done."""
    database = new_database(backend, tmp_path_factory.mktemp("race"), request)
    record = make_study(database, n_trials=N_RACED, space=TWO_SCHEDULES)
    told = race(ask_and_tell, record, 4, record.name)
    first = baselines_first(record.spec, N_RACED)
    yield Race(told, trials_of(record), [row["user_attrs"]["standard"] for row in first.trials])
    database.close()


def test_the_total_is_exact_however_many_ask_at_once(raced: Race) -> None:
    assert [trial.number for trial in raced.trials] == list(range(N_RACED))
    assert {trial.state for trial in raced.trials} == {TrialState.COMPLETE}


def test_those_who_ask_at_the_same_moment_get_different_trials_and_no_more_than_there_are(
    database: Database,
) -> None:
    records = [make_study(database, name=f"study {i}", n_trials=3, space=TWO_SCHEDULES) for i in range(6)]
    answers = race(ask_once, records[0], 5, [record.name for record in records])
    for record, numbers in zip(records, zip(*answers, strict=True), strict=True):
        assert sorted(n for n in numbers if n is not None) == [0, 1, 2]
        found = [trial.user_attrs.get("standard") for trial in trials_of(record)]
        assert found == ["linear", "cosine", None]


def test_every_trial_is_told_by_one_process_alone(raced: Race) -> None:
    assert sorted(number for numbers in raced.told for number in numbers) == list(range(N_RACED))
    assert all(raced.told), "a process had nothing to do, so this was no race"


def test_the_standards_come_first_and_once_over_all_processes(raced: Race) -> None:
    found = [trial.user_attrs.get("standard") for trial in raced.trials]
    assert raced.standards == ["linear", "cosine"]
    assert found == ["linear", "cosine"] + [None] * (N_RACED - 2)


def test_repeats_of_a_schedule_train_each_seed_once_over_all_processes(raced: Race) -> None:
    seeds = defaultdict(list)
    for trial in raced.trials:
        seeds[kept(trial, SCHEDULE_KEY)].append(trial.user_attrs["seed"])
    assert len(seeds) == 2
    for used in seeds.values():
        assert sorted(used) == list(range(len(used)))


def test_a_killed_workers_trial_goes_on_under_its_number_with_all_it_had(record: StudyRecord) -> None:
    queue = trial_queue(record)
    with running(take_and_wait, record) as ((number, params, seed), process_id):
        neighbour = queue.next()
        assert neighbour is not None
        assert neighbour.number != number, "a live lease was swept"
        kill(process_id)
        taken_up = queue.next()
    assert taken_up is not None
    assert taken_up.number == number
    assert claim(queue, record, taken_up) == seed
    assert taken_up.params == params
    assert queue.stored(number).intermediate_values == {20: 0.5}
    assert queue.complete(taken_up, 0.25, {})
    assert len(trials_of(record)) == 2


def test_a_trial_whose_worker_disappears_too_often_fails_with_the_reason(record: StudyRecord) -> None:
    queue = trial_queue(record)
    for _ in range(MAX_ATTEMPTS):
        trial = queue.next()
        assert trial is not None
        assert trial.number == 0
        lose(record, 0)
    following = queue.next()
    assert following is not None
    assert following.number == 1
    failed = trials_of(record)[0]
    assert failed.state == TrialState.FAIL
    assert failed.user_attrs["failed"] == "its worker disappeared 3 times; not tried again."
    assert counts(failed), "or such trials could kill workers for ever"


def test_only_attempts_that_come_no_further_count(record: StudyRecord) -> None:
    """A long training on machines that are taken away is not what ends them; one that ends them is found."""
    queue = trial_queue(record)
    for step in (10, 20, 30, 40, 50, 50, 50, 50):
        trial = queue.next()
        assert trial is not None
        assert trial.number == 0
        if step not in queue.stored(0).intermediate_values:
            queue.report(trial, step, 1.0)
        lose(record, 0)
    following = queue.next()
    assert following is not None
    assert following.number == 1
    assert trials_of(record)[0].user_attrs["failed"] == "its worker disappeared 3 times; not tried again."


def test_handing_back_costs_a_trial_no_attempt(record: StudyRecord) -> None:
    queue = trial_queue(record)
    for _ in range(2 * MAX_ATTEMPTS):
        trial = queue.next()
        assert trial is not None
        assert trial.number == 0
        queue.hand_back(0)
        assert states(record) == [TrialState.WAITING]
    for _ in range(MAX_ATTEMPTS):
        trial = queue.next()
        assert trial is not None
        assert trial.number == 0
        lose(record, 0)
    queue.next()
    assert states(record)[0] == TrialState.FAIL


def test_what_another_worker_holds_can_not_be_handed_back(record: StudyRecord) -> None:
    with running(take_and_wait, record) as ((number, _, _), _):
        trial_queue(record).hand_back(number, "out of memory")
        assert states(record) == [TrialState.RUNNING]
        study = record.load()
        assert get_note(Trial(study, study.get_trials()[number]._trial_id)) == "", "it goes on training"


@pytest.mark.parametrize("first_to_tell", ["who lost it", "who took it up"])
def test_the_first_tell_wins(record: StudyRecord, first_to_tell: str) -> None:
    before, after = trial_queue(record), trial_queue(record)
    lost = before.next()
    assert lost is not None
    lose(record, 0)
    taken_up = after.next()
    assert taken_up is not None
    assert taken_up.number == lost.number
    order = [(before, lost), (after, taken_up)]
    if first_to_tell == "who took it up":
        order.reverse()
    (winner, its), (loser, other) = order
    assert winner.complete(its, 1.0, {"runs": "first"}) is True
    assert loser.complete(other, 2.0, {"runs": "second"}) is False
    assert loser.fail(other.number, "too late") is False
    loser.report(other, 30, 2.0)  # nothing happens, and nothing is raised
    (trial,) = trials_of(record)
    assert (trial.value, kept(trial, "runs"), trial.intermediate_values) == (1.0, "first", {})


def test_a_trial_that_was_handed_back_can_not_be_told(record: StudyRecord) -> None:
    queue = trial_queue(record)
    trial = queue.next()
    assert trial is not None
    queue.hand_back(trial.number)
    assert queue.complete(trial, 1.0, {"runs": "late"}) is False
    assert queue.fail(trial.number, "late") is False
    (waiting,) = trials_of(record)
    assert waiting.state == TrialState.WAITING
    assert kept(waiting, "runs") is None, "what the next worker finds is its own"


def test_a_value_that_is_no_number_is_refused_and_the_trial_goes_on(record: StudyRecord) -> None:
    queue = trial_queue(record)
    trial = queue.next()
    assert trial is not None
    with pytest.raises(ValueError, match="nan"):
        queue.complete(trial, math.nan, {})
    assert states(record) == [TrialState.RUNNING]


def test_a_failed_trial_keeps_its_reason_and_counts(database: Database) -> None:
    record = make_study(database, n_trials=2)
    queue = trial_queue(record)
    for reason in ("out of memory", "out of luck"):
        trial = queue.next()
        assert trial is not None
        queue.report(trial, 20, 3.0)
        assert queue.fail(trial.number, reason) is True
    assert queue.next() is None
    assert [t.user_attrs["failed"] for t in trials_of(record)] == ["out of memory", "out of luck"]


def test_all_states_count_towards_the_total(database: Database) -> None:
    record = make_study(database, n_trials=2)
    queue = trial_queue(record)
    assert queue.next() is not None
    assert queue.next() is not None
    assert queue.next() is None, "two are running: the study has its two trials"


def test_a_stopped_study_begins_nothing_and_finishes_what_it_has(record: StudyRecord) -> None:
    queue = trial_queue(record)
    begun = queue.next()
    assert begun is not None
    record.set_control(stop=True)
    assert queue.next() is None
    assert queue.complete(begun, 1.0, {}) is True
    record.set_control(stop=False)
    assert queue.next() is not None


def test_a_study_of_which_more_is_wanted_goes_on(database: Database) -> None:
    record = make_study(database, n_trials=1)
    queue = trial_queue(record)
    first = queue.next()
    assert first is not None
    assert queue.complete(first, 1.0, {})
    assert queue.next() is None
    make_study(database, n_trials=2)
    assert queue.next() is not None
    assert queue.next() is None


def test_a_trial_that_a_person_enqueued_is_trained(record: StudyRecord) -> None:
    record.load().enqueue_trial({"lr": 0.5})
    queue = trial_queue(record)
    trial = queue.next()
    assert trial is not None
    assert record.spec.parsed_space.sample(trial).lr == 0.5
    assert len(trials_of(record)) == 1


def test_several_lost_trials_are_all_taken_up_again(record: StudyRecord) -> None:
    queue = trial_queue(record)
    numbers = [trial.number for _ in range(4) if (trial := queue.next()) is not None]
    for number in numbers[1:]:
        lose(record, number)
    again = [trial.number for _ in range(3) if (trial := queue.next()) is not None]
    assert sorted(again) == numbers[1:]
    assert Counter(states(record)) == {TrialState.RUNNING: 4}


def test_a_full_study_takes_up_its_lost_trial_at_once(database: Database) -> None:
    queue = trial_queue(make_study(database, n_trials=2))
    assert [trial.number for _ in range(2) if (trial := queue.next()) is not None] == [0, 1]
    lose(make_study(database, n_trials=2), 1)
    taken_up = queue.next()
    assert taken_up is not None
    assert taken_up.number == 1


def test_where_time_is_the_limit_a_trial_keeps_when_it_trained(database: Database) -> None:
    record = make_study(database, n_trials=None, budget="1h")
    queue = trial_queue(record)
    trial, before = queue.next(), record.now()
    assert trial is not None
    queue.hand_back(trial.number)
    again = queue.next()
    assert again is not None
    began = kept(queue.stored(trial.number), TRAINED_SPAN)
    assert began["clock"] == before.clock
    assert began["from"] >= before.seconds, "what was handed back begins anew"
    assert queue.complete(again, 1.0, {})
    ended = kept(queue.stored(trial.number), TRAINED_SPAN)
    assert began["from"] <= ended["to"] <= record.now().seconds


def test_the_night_until_a_killed_worker_is_found_is_no_training(database: Database) -> None:
    record = make_study(database, n_trials=None, budget="1h")
    queue = trial_queue(record)
    trial = queue.next()
    assert trial is not None
    began = kept(queue.stored(0), TRAINED_SPAN)
    trial.set_user_attr(TRAINED_SPAN, {**began, "from": began["from"] - 11 * 3600})
    Leases(database.engine, record.study_id, "elsewhere|1|0.00").give_up(0, attempts=MAX_ATTEMPTS)
    following = queue.next()
    assert following is not None, "the budget is used up"
    assert states(record) == [TrialState.FAIL, TrialState.RUNNING]
    assert trained_seconds(trials_of(record)) == 0


def test_a_trial_begun_without_a_lease_belongs_to_nobody(record: StudyRecord) -> None:
    """A worker was killed between asking and leasing."""
    lost = record.load().ask()
    trial = trial_queue(record).next()
    assert trial is not None
    assert trial.number == lost.number


def test_a_study_made_again_under_the_same_id_inherits_nothing(database: Database) -> None:
    old = make_study(database, space={"lr": 0.1})  # one schedule, so every trial wants a seed of it
    queue = trial_queue(old)
    begun = [queue.next(), queue.next()]
    assert begun[1] is not None
    assert claim(queue, old, begun[1]) == 0
    for number in (0, 1):
        lose(old, number)
    optuna.delete_study(study_name=old.name, storage=database.storage)

    new = make_study(database, space={"lr": 0.1})
    if is_sqlite(database.url):
        assert new.study_id == old.study_id, "SQLite gives the id out again: the case this is about"
    queue = trial_queue(new)
    trial = queue.next()
    assert trial is not None
    assert claim(queue, new, trial) == 0, "a seed of the old study counts as trained"
    leases = Leases(database.engine, new.study_id, "nobody|1|0.00").all()
    assert {number: lease.attempts for number, lease in leases.items()} == {0: 1}


def test_one_process_alone_confirms_and_a_dead_one_is_replaced(record: StudyRecord) -> None:
    queue = trial_queue(record)
    with running(claim_confirmation_elsewhere, record) as (had_it, process_id):
        assert had_it is True
        assert queue.claim_confirmation() is False
        kill(process_id)
        assert queue.claim_confirmation() is True
    assert queue.claim_confirmation() is False, "it is this process that confirms now"
    queue.release_confirmation()
    assert queue.claim_confirmation() is True


def test_the_lease_of_a_confirmation_is_no_trial(record: StudyRecord) -> None:
    queue = trial_queue(record)
    assert queue.claim_confirmation() is True
    trial = queue.next()
    assert trial is not None
    assert trial.number == 0


def test_reports_that_wait_to_be_written_with_others_go_with_a_trial_that_is_handed_back(
    database: Database,
) -> None:
    record = make_study(database)
    queue = trial_queue(record)
    trial = queue.next()
    assert trial is not None
    for step in (10, 20):  # the second a moment after the first
        with queue.together():
            queue.report(trial, step, 3.0)
    queue.hand_back(trial.number)
    (stored,) = trials_of(record)
    assert (stored.state, stored.intermediate_values) == (TrialState.WAITING, {10: 3.0, 20: 3.0})


def test_a_span_that_an_earlier_launch_has_begun_is_closed_where_time_limits_no_more(
    database: Database,
) -> None:
    record = make_study(database, n_trials=None, budget=3600)
    queue = trial_queue(record)
    trial = queue.next()
    assert trial is not None
    queue.hand_back(trial.number)
    record.set_control(**{**Budget(n_trials=5).to_control(), "stop": False})
    again = trial_queue(record)
    taken = again.next()
    assert taken is not None
    assert taken.number == trial.number
    assert again.complete(taken, 1.0, {})
    assert "to" in kept(trials_of(record)[0], TRAINED_SPAN)
