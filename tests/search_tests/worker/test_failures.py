"""Trainings that fail: when a search ends for it, and which trials they use up.

The storage loop and the study are the real ones; what trains is played, for what matters is how it ends.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from optuna.trial import FrozenTrial, TrialState

from search.errors import RunError
from search.results.status import StudyStatus, read_status
from search.runs.events import Admitted, Event, Remarked, TrainingFailed
from search.runs.run import Measurement
from search.scripts.reasons import trains_without_attach
from search.storage.database import Database
from search.storage.study_record import StudyRecord
from search.training.runs import AnyRun
from search.worker.failures import Streak
from search.worker.storage_thread import Outcome, StorageLoop
from tests.search_tests.studies import LINEAR, fill, make_study, trial_queue

Play = Callable[[int, AnyRun], Iterator[Event]]
"""How often something was trained before and what is trained now -> what happens to it."""


def well(run: AnyRun) -> Iterator[Event]:
    yield Admitted(run.key, {"val_loss": 4.0})
    yield Measurement(key=run.key, step=100, metrics={"val_loss": 2.0}, last=True)


def fails(run: AnyRun, why: str = "no data") -> Iterator[Event]:
    yield TrainingFailed((run.key,), f"The last output:\nloading\n\n{why}")


def fails_half_way(run: AnyRun, why: str) -> Iterator[Event]:
    yield Admitted(run.key, {"val_loss": 4.0})
    yield Measurement(key=run.key, step=50, metrics={"val_loss": 3.0}, last=False)
    yield from fails(run, why)


class Worker:
    """A worker of one study; `work` raises what ends it."""

    def __init__(self, record: StudyRecord) -> None:
        self.record, self.said = record, list[str]()

    def work(self, play: Play) -> Outcome:
        ready, events = queue.SimpleQueue[Any](), queue.SimpleQueue[Event]()
        thread = threading.Thread(target=_train, args=(play, ready, events))
        keeper = StorageLoop(
            self.record,
            trial_queue(self.record),
            slots=1,
            ready=ready,
            events=events,
            stop=threading.Event(),
            notify=lambda message: self.said.append(message.get("text", "")),
        )
        thread.start()
        try:
            return keeper.work()
        finally:
            ready.put(None)
            thread.join()

    def trials(self) -> list[FrozenTrial]:
        return self.record.load().get_trials(deepcopy=False)

    def states(self) -> list[TrialState]:
        return [trial.state for trial in self.trials()]

    def look(self) -> StudyStatus:
        return read_status(self.record, self.record.reader())


def _train(play: Play, ready: queue.SimpleQueue[Any], events: queue.SimpleQueue[Event]) -> None:
    for number, run in enumerate(iter(ready.get, None)):
        for event in play(number, run):
            events.put(event)


@pytest.fixture
def worker(database: Database) -> Worker:
    return Worker(make_study(database, n_trials=6, confirmation={"leaders": 0}))


def test_five_in_a_row_end_a_search_whatever_they_say(worker: Worker) -> None:
    with pytest.raises(
        RunError,
        match=r"^5 trainings in a row failed, the last with: no data for seed 4\. .* See what each printed: "
        r"warmboot logs small --storage sqlite:////.*/studies\.db",
    ):
        worker.work(lambda number, run: fails_half_way(run, f"no data for seed {number}."))
    assert worker.states() == [TrialState.FAIL] * 5


def test_what_never_trained_is_tried_again_where_things_are_mended(worker: Worker) -> None:
    with pytest.raises(RunError, match="5 trainings in a row failed"):
        worker.work(lambda number, run: fails(run))
    assert worker.states() == [TrialState.WAITING] * 5
    assert worker.look().failures == {"no data": 5}
    before = [trial.params for trial in worker.trials()]
    assert worker.work(lambda number, run: well(run)) == "done"
    assert worker.states() == [TrialState.COMPLETE] * 6
    assert [trial.params for trial in worker.trials()][:5] == before
    after = worker.look()
    assert (after.results, after.failures, after.done) == (6, {}, True)


def test_a_short_study_in_which_nothing_can_train_ends_the_same(database: Database) -> None:
    worker = Worker(make_study(database, n_trials=2, confirmation={"leaders": 0}))
    with pytest.raises(RunError, match="5 trainings in a row failed"):
        worker.work(lambda number, run: fails(run))
    assert worker.states() == [TrialState.WAITING] * 2


def test_what_can_never_train_ends_no_study_that_others_have_trained(database: Database) -> None:
    """Whoever trains the last trial may be new: the study knows that training is possible here."""
    record = make_study(database, n_trials=4, confirmation={"leaders": 0})
    fill(record, [({**LINEAR, "lr": lr}, lr) for lr in (0.1, 0.2, 0.3)])
    worker = Worker(record)
    assert worker.work(lambda number, run: fails(run, "bad lr") if number == 0 else well(run)) == "done"
    after = worker.look()
    assert (after.results, after.uncounted, after.failures, after.done) == (4, 1, {"bad lr": 1}, True)


def test_a_failure_to_clear_away_what_has_ended_is_said_and_takes_nothing_from_it(worker: Worker) -> None:
    def play(number: int, run: AnyRun) -> Iterator[Event]:
        yield from well(run)
        yield from fails(run, "OSError: no space left on device")

    assert worker.work(play) == "done"
    assert worker.states() == [TrialState.COMPLETE] * 6
    assert "after a training had ended: OSError: no space left on device" in worker.said


def test_a_trial_that_fails_among_others_that_train_has_failed_and_takes_no_number(worker: Worker) -> None:
    assert worker.work(lambda number, run: fails(run) if number in (2, 6) else well(run)) == "done"
    assert worker.states().count(TrialState.COMPLETE) == 6
    assert [trial.number for trial in worker.trials() if trial.state == TrialState.FAIL] == [2, 6]
    after = worker.look()
    assert (after.results, after.uncounted, after.done) == (6, 2, True)
    assert not after.mostly_failed


def test_a_trial_that_failed_after_it_trained_is_used_up_and_no_result(worker: Worker) -> None:
    assert (
        worker.work(lambda number, run: well(run) if number % 3 == 2 else fails_half_way(run, "bug"))
        == "done"
    )
    after = worker.look()
    assert (after.used, after.results, after.failures) == (6, 2, {"bug": 4})
    assert after.mostly_failed


def test_five_in_a_row_are_five_wherever_they_train() -> None:
    """A launch counts those of all its workers by the same rule."""
    streak = Streak("warmboot logs small")
    for number in range(4):
        streak.failed(f"reason {number}", "")
    streak.trained()
    for number in range(4):
        streak.failed(f"reason {number}", "")
    with pytest.raises(RunError, match=r"5 trainings in a row failed, the last with: no disk\.") as caught:
        streak.failed("no disk.", "Traceback: of it")
    assert caught.value.__notes__ == ["Traceback: of it"]


def test_what_a_script_never_does_is_not_tried_a_third_time(worker: Worker) -> None:
    with pytest.raises(RunError, match=r"^never attached: it reported step 1 .*\. Two trainings failed so"):
        worker.work(lambda number, run: fails(run, trains_without_attach(number)))
    assert worker.states() == [TrialState.WAITING] * 2


@pytest.mark.parametrize("between", ["a success", "others"])
def test_a_contract_that_was_kept_once_is_no_reason_to_end_so_soon(between: str) -> None:
    streak = Streak("warmboot logs small")
    if between == "a success":
        streak.trained()
    streak.failed(trains_without_attach(1), "")
    if between == "others":
        streak.failed("exit code 1: no disk", "")
        streak.failed("bad report: step 3 has loss but not the study's objective val; give it", "")
    else:
        streak.failed(trains_without_attach(2), "")


def runs_used(look: StudyStatus) -> float:
    assert look.runs is not None, "its limit is a number of runs"
    return look.runs.used


def test_a_failure_that_waits_for_another_to_tell_has_failed_for_whoever_looks(database: Database) -> None:
    worker = Worker(make_study(database, n_runs=6, n_trials=None, confirmation={"leaders": 0}))
    looks: list[StudyStatus] = []

    def play(number: int, run: AnyRun) -> Iterator[Event]:
        looks.append(worker.look())
        yield from fails(run) if number < 2 else well(run)

    worker.work(play)
    counts = [(look.running, look.counts.get("fail", 0), runs_used(look)) for look in looks[:3]]
    assert counts == [(1, 0, 1.0), (1, 1, 1.0), (1, 2, 1.0)]
    assert [each.number for each in looks[2].training] == [2]
    assert looks[2].failures == {"no data": 2}


def test_what_is_tried_again_runs_and_is_used_again(database: Database) -> None:
    worker = Worker(make_study(database, n_runs=6, n_trials=None, confirmation={"leaders": 0}))
    with pytest.raises(RunError, match="5 trainings in a row failed"):
        worker.work(lambda number, run: fails(run))
    after = worker.look()
    assert (runs_used(after), after.counts, after.failures) == (0, {"waiting": 5}, {"no data": 5})
    looks: list[StudyStatus] = []

    def play(number: int, run: AnyRun) -> Iterator[Event]:
        looks.append(worker.look())
        yield from well(run)

    worker.work(play)
    assert (looks[0].counts, runs_used(looks[0])) == ({"running": 1, "waiting": 4}, 1)


def test_a_success_begins_the_count_anew(worker: Worker) -> None:
    outcome = worker.work(lambda number, run: well(run) if number % 5 == 4 else fails(run))
    assert outcome == "done"
    assert worker.look().results == 6


def test_a_remark_is_kept_with_each_trial_and_said_once(worker: Worker) -> None:
    def play(_number: int, run: AnyRun) -> Iterator[Event]:
        first, last = well(run)
        yield from (
            first,
            Remarked(run.key, "reports", "two values"),
            Remarked(run.key, "lr", "two lrs"),
            last,
        )

    worker.work(play)
    assert [trial.user_attrs["remark"] for trial in worker.trials()] == ["two values\ntwo lrs"] * 6
    assert [text for text in worker.said if text] == ["two values", "two lrs"]
    assert worker.look().remarks == dict.fromkeys(range(6), "two values\ntwo lrs")
