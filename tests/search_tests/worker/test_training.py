"""The training thread: slots are filled as runs come, and a failure ends no more than it must."""

from __future__ import annotations

import functools
import queue
import threading
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import nn

from search.population.population import Population
from search.population.run import Measurement, Run
from search.proxies.proxy import SGD, Proxy, RandomBatches, Split
from search.worker.training import Admitted, Event, Trainer, TrainingFailed

PATIENCE_SECONDS = 60


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

    def __init__(self, proxy: Proxy, slots: int) -> None:
        self.ready: queue.SimpleQueue[Run | None] = queue.SimpleQueue()
        self.events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self.stop = threading.Event()
        make = functools.partial(Population, proxy, slots=slots)
        trainer = Trainer(make, self.ready, self.events, self.stop)
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
