"""The training thread: slots are filled as runs come, and a failure ends no more than it must."""

from __future__ import annotations

import functools
import queue
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from search.checkpoints.generations import generations
from search.checkpoints.study_folder import StudyCheckpoints
from search.population.population import Population
from search.population.saved_runs import SavedRuns
from search.proxies.proxy import SGD, Proxy, RandomBatches, Split
from search.runs.events import (
    Admitted,
    Cancel,
    Cancelled,
    Event,
    FewerSlots,
    Remarked,
    TrainingFailed,
)
from search.runs.run import Measurement, Run
from search.spec.population import AUTO, VMAP, Way
from search.training.population_trainer import PopulationTrainer
from tests.search_tests.patience import PATIENCE_SECONDS


def line_proxy() -> Proxy:
    """Two classes that a line through 0 parts; trains in no time."""
    inputs = torch.linspace(-1, 1, 24).view(8, 3)
    split = Split(inputs=inputs, targets=(inputs[:, 0] > 0).long())
    return Proxy(
        name="line",
        model=lambda: nn.Sequential(nn.Linear(3, 2)),
        train=split,
        validation=split,
        test=split,
        batch_size=4,
        steps_per_epoch=2,
        optimizer=SGD(),
        batches=RandomBatches(),
        fingerprint="0" * 64,
    )


def run(key: str, total_steps: int = 40, seed: int = 0) -> Run:
    return Run(key=key, lr_table=np.full(total_steps, 0.1), seed=(seed,), report_steps=(total_steps,))


class Working:
    """A trainer at work in a thread of its own."""

    def __init__(self, proxy: Proxy, slots: int, way: Way = AUTO, saved: SavedRuns | None = None) -> None:
        self.ready: queue.SimpleQueue[Run | Cancel | None] = queue.SimpleQueue()
        self.events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self.stop = threading.Event()
        make = functools.partial(Population, proxy, way=way)
        trainer = PopulationTrainer(make, slots, self.ready, self.events, self.stop, saved)
        self.thread = threading.Thread(target=trainer.train)

    def next_event(self) -> Event:
        return self.events.get(timeout=PATIENCE_SECONDS)

    def end(self) -> None:
        self.stop.set()
        self.ready.put(None)
        self.thread.join(PATIENCE_SECONDS)
        assert not self.thread.is_alive()


@pytest.fixture
def working() -> Iterator[Working]:
    torch.set_num_threads(1)
    work = Working(line_proxy(), slots=2)
    work.thread.start()
    yield work
    work.end()


def test_more_runs_than_slots_are_all_trained(working: Working) -> None:
    for key in "abcde":
        working.ready.put(run(key))
    done: list[str] = []
    while len(done) < 5:
        event = working.next_event()
        assert not isinstance(event, TrainingFailed), event.traceback_text
        if isinstance(event, Measurement):
            assert event.last
            done.append(str(event.key))
    assert sorted(done) == list("abcde")


def test_a_run_is_told_to_have_begun_with_its_untrained_metrics(working: Working) -> None:
    working.ready.put(run("a"))
    admitted = working.next_event()
    assert isinstance(admitted, Admitted)
    assert admitted.key == "a"
    assert admitted.untrained["val_loss"] == pytest.approx(np.log(2), abs=0.5)


def test_a_free_slot_is_refilled_while_its_neighbour_trains_on(working: Working) -> None:
    working.ready.put(run("long", total_steps=100_000))
    working.ready.put(run("short"))
    working.ready.put(run("next"))
    ended: list[object] = []
    while len(ended) < 2:
        event = working.next_event()
        if isinstance(event, Measurement):
            ended.append(event.key)
    assert ended == ["short", "next"]


def test_stopping_ends_it_in_the_middle_of_a_run(working: Working) -> None:
    working.ready.put(run("endless", total_steps=1_000_000))
    assert isinstance(working.next_event(), Admitted)
    working.end()


def test_a_run_that_can_not_be_admitted_is_reported_and_the_next_trains() -> None:
    """The same key twice; its neighbour shares the population and is reported too."""
    work = Working(line_proxy(), slots=2)
    work.ready.put(run("a", total_steps=100_000))
    work.ready.put(run("a"))
    work.ready.put(run("b"))
    work.thread.start()
    events = [work.next_event() for _ in range(4)]
    work.end()
    assert isinstance(events[1], TrainingFailed)
    assert events[1].keys == ("a", "a")
    assert "in training already" in events[1].traceback_text
    assert isinstance(events[3], Measurement)
    assert events[3].key == "b"


def test_a_withdrawn_run_makes_room_for_the_next_and_its_neighbour_trains_on(working: Working) -> None:
    for key in ("long", "neighbour", "next"):
        working.ready.put(run(key, total_steps=50 if key == "next" else 1_000_000))
    assert [event_key(working.next_event()) for _ in range(2)] == ["long", "neighbour"]
    working.ready.put(Cancel("long"))
    assert working.next_event() == Cancelled("long")
    assert event_key(working.next_event()) == "next"
    measured = working.next_event()
    assert isinstance(measured, Measurement)
    assert (measured.key, measured.last) == ("next", True)
    working.ready.put(Cancel("neighbour"))
    assert working.next_event() == Cancelled("neighbour")


def test_a_run_that_waits_for_a_slot_is_dropped(working: Working) -> None:
    for key in ("a", "b", "waits"):
        working.ready.put(run(key, total_steps=1_000_000))
    working.ready.put(Cancel("waits"))
    events = [working.next_event() for _ in range(3)]
    assert Cancelled("waits") in events
    assert sorted(event_key(event) for event in events) == ["a", "b", "waits"]


def test_a_run_that_is_over_stays_as_it_ended(working: Working) -> None:
    """Its last measurement may still lie in the queue of events when it is cancelled."""
    working.ready.put(run("a"))
    working.ready.put(run("b", total_steps=1_000_000))
    while working.events.qsize() < 3:  # both have begun, a has ended
        time.sleep(0.001)
    for key in ("a", "never heard of", "b"):
        working.ready.put(Cancel(key))
    events = [working.next_event() for _ in range(4)]
    assert [event for event in events if isinstance(event, Cancelled)] == [Cancelled("b")]
    assert [event.key for event in events if isinstance(event, Measurement)] == ["a"]


def test_a_key_that_comes_again_is_another_run(working: Working) -> None:
    for message in (run("a", 1_000_000), Cancel("a"), run("a")):
        working.ready.put(message)
    events = [working.next_event()]
    while not isinstance(events[-1], Measurement):
        events.append(working.next_event())
    assert sum(isinstance(event, Cancelled) for event in events) == 1
    assert events[-1].last


def test_every_run_ends_once_whenever_it_is_withdrawn(working: Working) -> None:
    """Short runs, cancelled at any moment: each ends with a last measurement or as cancelled, never both."""
    ended: list[object] = []
    for number in range(100):
        working.ready.put(run(str(number), total_steps=30))
        time.sleep(0.0005 * (number % 5))
        working.ready.put(Cancel(str(number)))
    while len(ended) < 100:
        event = working.next_event()
        if isinstance(event, Cancelled) or (isinstance(event, Measurement) and event.last):
            ended.append(event.key)
    assert sorted(ended, key=str) == sorted(map(str, range(100)))
    working.end()
    assert working.events.empty()


def _tight(most_samples: int) -> Proxy:
    """A proxy on a device that holds a batch of so many samples, whichever runs they belong to, and says what
    torch says of a GPU that is full."""

    def held(inputs: Tensor, keys: Tensor) -> Tensor:
        if len(inputs) > most_samples:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return inputs

    return replace(line_proxy(), augment=held)


def _results(proxy: Proxy, slots: int, runs: list[Run]) -> tuple[list[Measurement], list[Event]]:
    """What was measured, and everything else that was told, of runs trained by vmap until all are over."""
    work = Working(proxy, slots, VMAP)
    for each in runs:
        work.ready.put(each)
    work.thread.start()
    measured, told = list[Measurement](), list[Event]()
    while sum(measurement.last for measurement in measured) < len(runs):
        event = work.next_event()
        if isinstance(event, Measurement):
            measured.append(event)
        else:
            told.append(event)
    work.end()
    return sorted(measured, key=lambda m: (str(m.key), m.step)), told


def test_where_memory_runs_out_half_as_many_train_and_give_the_same() -> None:
    """Five runs of 4 samples each, and one that is thrown away; 12 samples fit."""
    runs = [
        Run(key=key, lr_table=np.full(30, 0.1), seed=(n,), report_steps=(7, 30))
        for n, key in enumerate("abcde")
    ]
    measured, told = _results(_tight(12), 5, runs)
    assert measured == _results(_tight(1000), 5, runs)[0]
    assert [(event.key, event.step) for event in measured] == [(key, s) for key in "abcde" for s in (7, 30)]
    (fewer,) = [event for event in told if isinstance(event, FewerSlots)]
    assert fewer == FewerSlots(2, "memory ran out with 5 runs at once; 2 from here on, begun anew")
    assert sorted(str(event.key) for event in told if isinstance(event, Admitted)) == list("abcde")


def test_memory_that_runs_out_late_costs_no_report_twice() -> None:
    """The second run comes when the first has been measured already."""
    work = Working(_tight(8), 2, VMAP)
    first = Run(key="first", lr_table=np.full(100_000, 0.1), seed=(0,), report_steps=(20, 100_000))
    work.ready.put(first)
    work.thread.start()
    assert [event_key(work.next_event()), event_key(work.next_event())] == ["first", "first"]
    work.ready.put(run("second"))
    assert isinstance(work.next_event(), Admitted), "it was let in, and then memory ran out"
    assert isinstance(work.next_event(), FewerSlots)
    work.ready.put(Cancel("first"))
    assert work.next_event() == Cancelled("first")
    last = work.next_event()
    assert isinstance(last, Measurement)
    assert (last.key, last.last) == ("second", True)
    work.end()


def test_a_run_that_does_not_fit_alone_has_failed() -> None:
    work = Working(_tight(3), 2)
    work.ready.put(run("a"))
    work.thread.start()
    admitted, fewer, failed = (work.next_event() for _ in range(3))
    work.end()
    assert isinstance(admitted, Admitted)
    assert isinstance(fewer, FewerSlots)
    assert isinstance(failed, TrainingFailed)
    assert (fewer.slots, failed.keys) == (1, ("a",))
    assert "CUDA out of memory" in failed.reason


def event_key(event: Event) -> str:
    assert not isinstance(event, TrainingFailed), event.traceback_text
    assert not isinstance(event, FewerSlots), event.text
    return str(event.key)


LONG = Run(key="a", lr_table=np.full(6_000, 0.01), seed=(3,), report_steps=(200, 5_500, 6_000))


def events_of(run: Run, saved: SavedRuns | None) -> list[Event]:
    """All events of a run that trains to its end."""
    work = Working(line_proxy(), 2, saved=saved)
    work.ready.put(run)
    work.thread.start()
    events = [work.next_event()]
    while not (isinstance(events[-1], Measurement) and events[-1].last):
        events.append(work.next_event())
    work.end()
    return events


@pytest.fixture
def checkpoints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StudyCheckpoints:
    """Where every run is worth saving."""
    torch.set_num_threads(1)
    monkeypatch.setattr("search.population.saved_runs.WORTH_SAVING_SECONDS", 0.0)
    return StudyCheckpoints(tmp_path / "study", max_bytes=10**9)


def broken_off(saved: SavedRuns) -> None:
    """A worker that is asked to end in the middle of the long run, past its first report."""
    work = Working(line_proxy(), 2, saved=saved)
    work.ready.put(LONG)
    work.thread.start()
    while not isinstance(work.next_event(), Measurement):
        pass
    work.end()


def test_a_run_of_a_worker_that_ends_goes_on_elsewhere_and_measures_the_same(
    checkpoints: StudyCheckpoints,
) -> None:
    saved = SavedRuns(checkpoints, {})
    broken_off(saved)
    (file,) = generations(checkpoints.of(LONG.identity))
    assert 200 <= int(file.stem.removeprefix("step-")) < 5_500
    assert events_of(LONG, SavedRuns(checkpoints, {})) == events_of(LONG, None)


def test_a_state_that_fits_no_model_costs_the_neighbours_nothing(checkpoints: StudyCheckpoints) -> None:
    saved = SavedRuns(checkpoints, {})
    broken_off(saved)
    state = saved.find(LONG).state
    assert state is not None
    saved.begin(LONG)
    saved.save(LONG, {**state, "n_steps": 5_990, "engine": {"model": [], "averages": {}}})
    remark, *events = events_of(LONG, SavedRuns(checkpoints, {}))
    assert isinstance(remark, Remarked)
    assert "does not fit" in remark.text
    assert events == events_of(LONG, None)


def test_a_disk_that_takes_nothing_costs_no_training(checkpoints: StudyCheckpoints) -> None:
    checkpoints.folder.write_text("a file where a folder should be")
    work = Working(line_proxy(), 2, saved=SavedRuns(checkpoints, {}))
    work.ready.put(LONG)
    work.thread.start()
    assert isinstance(work.next_event(), Admitted)
    work.end()
    said = [event.text for event in iter_of(work.events) if isinstance(event, Remarked)]
    assert len(said) == 1
    assert said[0].startswith("no checkpoint can be written: ")


def iter_of(events: queue.SimpleQueue[Event]) -> Iterator[Event]:
    while not events.empty():
        yield events.get()
