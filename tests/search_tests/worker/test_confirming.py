"""The confirmation of a study on a real proxy: the leaders first, then leader and best baseline in pairs."""

from __future__ import annotations

import queue
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from optuna.trial import FrozenTrial

from search.results.candidate import Candidate, candidates
from search.results.status import read_status, study_lead
from search.results.told_apart import LEAST_PAIRS, MOST_PAIRS, told_apart
from search.runs import seeds
from search.runs.events import Event
from search.runs.run import Measurement
from search.spec.confirmation import SEEDS
from search.storage.database import Database
from search.storage.plans import NextTrial, Plan
from search.storage.study_record import StudyRecord
from search.strategy.study_model import study_model
from search.training.runs import make_run
from search.training.trainers import make_trainer
from search.worker.storage_thread import Outcome, StorageLoop
from tests.search_tests.patience import PATIENCE_SECONDS
from tests.search_tests.studies import make_study, nothing_planned, trial_queue

SLOTS = 8
SPACE: Mapping[str, Any] = {
    "lr": {"low": 0.01, "high": 10.0, "log": True},
    "warmup": {"low": 0.0, "high": 0.5},
    "eta_min": {"low": 0.0, "high": 1.0},
    "curve": ["cosine", "linear"],
}
LINEAR = {"lr": 0.9, "warmup": 0.0, "eta_min": 0.0, "curve": "linear"}


@dataclass
class Worked:
    """A worker on a study, in this process; `stop_at`: it is told to end when so many runs confirm."""

    record: StudyRecord
    plan: Plan = nothing_planned
    stop_at: int | None = None
    said: list[dict[str, Any]] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)

    def work(self) -> Outcome:
        spec, ready = self.record.spec, queue.SimpleQueue[Any]()
        events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        trained = threading.Event()
        trainer, _ = make_trainer(spec, device="cpu", ready=ready, events=events, stop=trained)
        thread = threading.Thread(target=trainer.train)
        keeper = StorageLoop(
            self.record,
            trial_queue(self.record, self.plan),
            slots=SLOTS,
            ready=ready,
            events=events,
            stop=self._stop,
            notify=self._hear,
        )
        thread.start()
        try:
            return keeper.work()
        finally:
            trained.set()
            ready.put(None)
            thread.join()

    def _hear(self, message: dict[str, Any]) -> None:
        self.said.append(message)
        if self.stop_at is not None and message["kind"] == "confirming" and message["done"] >= self.stop_at:
            self._stop.set()


def study(database: Database, *other: Mapping[str, Any], **changes: Any) -> Worked:
    """Linear at three peak lrs and once more, then these; nothing is trained yet."""
    rows = [*({**LINEAR, "lr": lr} for lr in (0.3, 2.0)), LINEAR, LINEAR, *other]
    record = make_study(
        database,
        proxy="noisy_quadratic",
        total_steps=60,
        space=dict(SPACE),
        n_trials=len(rows),
        population={"slots": SLOTS},
        **changes,
    )

    def plan(trials: Sequence[FrozenTrial]) -> NextTrial:
        row = rows[len(trials)]
        is_linear = row["warmup"] == row["eta_min"] == 0.0
        return NextTrial(row, {"standard": "linear"} if is_linear else {})

    return Worked(record, plan)


def rows(record: StudyRecord) -> dict[str, list[float]]:
    stored: dict[str, list[float]] = record.attributes["confirmation"]["values"]
    return stored


def trials_of(record: StudyRecord) -> list[FrozenTrial]:
    return record.load().get_trials(deepcopy=False)


def found_in(record: StudyRecord) -> list[Candidate]:
    return candidates(trials_of(record), record.spec.parsed_space, record.attributes["confirmation"])


def confirmed_of(record: StudyRecord) -> dict[int, Sequence[float]]:
    return {c.trial_numbers[0]: c.confirmed for c in found_in(record) if c.confirmed}


def trained_again(record: StudyRecord, candidate: Candidate, seed_indices: Sequence[int]) -> list[float]:
    """Its values on these confirmation seeds, from a trainer of its own."""
    ready, stop = queue.SimpleQueue[Any](), threading.Event()
    events: queue.SimpleQueue[Event] = queue.SimpleQueue()
    trainer, _ = make_trainer(record.spec, device="cpu", ready=ready, events=events, stop=stop)
    thread = threading.Thread(target=trainer.train)
    thread.start()
    values: list[float] = []
    for j in seed_indices:
        run = make_run(
            record.spec,
            key=j,
            schedule=candidate.schedule,
            params=candidate.params,
            seed=seeds.confirmation_seed(record.spec.seed, j),
            total_steps=record.spec.horizon_steps,
            trial=0,
            report_steps=(record.spec.horizon_steps,),
        )
        ready.put(run)
        event = events.get(timeout=PATIENCE_SECONDS)
        while not isinstance(event, Measurement):
            event = events.get(timeout=PATIENCE_SECONDS)
        values.append(event.metrics[record.spec.objective])
    stop.set()
    ready.put(None)
    thread.join()
    return values


BETTER = {**LINEAR, "eta_min": 0.05}
"""By two standard deviations between seeds."""
ALIKE = {**LINEAR, "warmup": 0.02}


def test_what_is_told_apart_at_once_takes_the_least_pairs_and_no_more(database: Database) -> None:
    worked = study(database, BETTER)
    assert worked.work() == "done"
    record = worked.record
    pairs = SEEDS + 2 * (SLOTS // 2)  # a round trains half as many pairs as there are slots
    assert pairs - SLOTS // 2 < LEAST_PAIRS <= pairs
    assert sorted(len(row) for row in rows(record).values()) == [SEEDS, SEEDS, pairs, pairs]
    assert record.attributes["confirmation"]["open"] is False
    runs = 2 * SEEDS + 2 * pairs
    assert worked.said[-1] == {"kind": "confirming", "done": runs, "of": runs}
    lead, _ = study_lead(record)
    assert lead is not None
    assert lead.chosen.schedule.eta_min == 0.05
    assert lead.probability is not None
    assert lead.probability > 0.98
    answer = record.load().user_attrs["answer"]
    assert "linear to 5% of the peak, peak lr 0.9" in answer
    assert answer.startswith("Use ")
    assert record.attributes["knobs"]["key"] == lead.subject.key


def test_what_leads_is_kept_for_whoever_looks(database: Database) -> None:
    worked = study(database, BETTER)
    worked.work()
    snapshot = read_status(worked.record, worked.record.reader())
    assert snapshot.done
    assert snapshot.lead == study_lead(worked.record)[0]
    assert snapshot.lead is not None
    assert snapshot.lead.probability is not None


@pytest.fixture
def unclear(database: Database) -> Worked:
    return study(database, ALIKE)


def test_leader_and_baseline_go_on_in_pairs_until_they_are_told_apart(unclear: Worked) -> None:
    assert unclear.work() == "done"
    record = unclear.record
    lead, _ = study_lead(record)
    assert lead is not None
    assert lead.leader is not None
    assert lead.baseline is not None
    pair = {c.key: rows(record)[c.key] for c in (lead.leader, lead.baseline)}
    (length,) = {len(row) for row in pair.values()}
    assert SEEDS < length <= MOST_PAIRS
    assert {len(row) for key, row in rows(record).items() if key not in pair} == {SEEDS}
    answer = study_model(record.spec, trials_of(record), confirmed_of(record))
    assert answer is not None
    assert told_apart(answer.answer()) or length == MOST_PAIRS

    for candidate in (lead.leader, lead.baseline):  # each value is of its own seed
        for j in (0, SEEDS, length - 1):
            assert trained_again(record, candidate, [j]) == pytest.approx([rows(record)[candidate.key][j]])


def test_an_interrupted_confirmation_goes_on_where_it_was(unclear: Worked) -> None:
    unclear.stop_at = 4 * SEEDS + 1
    assert unclear.work() == "handed back"
    record = unclear.record
    assert record.attributes["confirmation"]["open"] is True
    before = rows(record)
    assert {len(row) for row in before.values()} == {SEEDS}, "a pair that was not finished is not kept"
    snapshot = read_status(record, record.reader())
    assert not snapshot.confirmed
    assert not snapshot.done

    again = Worked(record)
    assert again.work() == "done"
    first = next(said for said in again.said if said["kind"] == "confirming")
    assert first["done"] >= 4 * SEEDS, "nothing is trained twice"
    for key, row in before.items():
        assert rows(record)[key][: len(row)] == row
    assert max(len(row) for row in rows(record).values()) > SEEDS
    assert read_status(record, record.reader()).done


def test_a_study_that_confirms_nothing_has_an_answer_and_no_pairs(database: Database) -> None:
    worked = study(database, ALIKE, confirmation={"leaders": 0})
    assert worked.work() == "done"
    assert rows(worked.record) == {}
    assert worked.record.load().user_attrs["answer"].startswith(("Use ", "Not shown"))
