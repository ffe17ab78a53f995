"""The main thread of a worker: keep the population's slots filled and pass on what it measures."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Hashable

from search.population.make import AnyPopulation
from search.runs.events import Admitted, Cancel, Cancelled, Event, TrainingFailed
from search.runs.run import Run
from search.scripts.reasons import traceback_with_reason

__all__ = ["Admitted", "Cancelled", "Event", "PopulationTrainer", "TrainingFailed"]

# Messages are looked at this often; a run may begin or be cancelled while its neighbours are half-way.
STEPS_BETWEEN_LOOKS = 20


class PopulationTrainer:
    """Trains the runs of `ready` and sends what happens to `events`.

    Args:
        make_population: makes an empty population; called again after a failure.
        ready: runs to train, in order, and those to `Cancel`; None only wakes a trainer that waits.
        events: receives every `Event`.
        stop: ends the training, dropping runs that are not finished.
    """

    def __init__(
        self,
        make_population: Callable[[], AnyPopulation],
        ready: queue.SimpleQueue[Run | Cancel | None],
        events: queue.SimpleQueue[Event],
        stop: threading.Event,
    ) -> None:
        self._make_population = make_population
        self._population = make_population()
        self._ready = ready
        self._events = events
        self._stop = stop
        self._waiting: deque[Run] = deque()
        self._arriving: tuple[Hashable, ...] = ()

    def train(self) -> None:
        """Work until `stop` is set.

        A run that raises takes its neighbours with it, since they share every operation; all are reported
        as failed and a fresh population goes on.
        """
        while not self._stop.is_set():
            try:
                self._take_in_messages()
                self._fill()
                for measurement in self._population.advance(max_steps=STEPS_BETWEEN_LOOKS):
                    self._events.put(measurement)
            except Exception:
                keys = (*self._population.active, *self._arriving)
                self._events.put(TrainingFailed(keys, traceback_with_reason()))
                self._arriving = ()
                self._population = self._make_population()

    def _take_in_messages(self) -> None:
        """Take all that are there; wait for one only where there is nothing to train."""
        idle = not self._population.active and not self._waiting
        try:
            message = self._ready.get(block=idle)
            while True:
                if isinstance(message, Cancel):
                    self._withdraw(message.key)
                elif message is not None:
                    self._waiting.append(message)
                message = self._ready.get_nowait()
        except queue.Empty:
            return

    def _withdraw(self, key: Hashable) -> None:
        """End a run that trains or waits; one that is over has sent its last event."""
        waiting = [run for run in self._waiting if run.key == key]
        if key in self._population.active:
            self._population.cancel(key)
        elif waiting:
            self._waiting.remove(waiting[0])
        else:
            return
        self._events.put(Cancelled(key))

    def _fill(self) -> None:
        """Admit what waits while there is room."""
        while self._waiting and self._population.free_slots:
            run = self._waiting.popleft()
            self._arriving = (run.key,)
            untrained = self._population.untrained(run.seed)
            self._population.admit(run)
            self._arriving = ()
            self._events.put(Admitted(run.key, untrained))
