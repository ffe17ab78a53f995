"""The main thread of a worker: keep the population's slots filled and pass on what it measures."""

from __future__ import annotations

import queue
import threading
import traceback
from collections.abc import Callable, Hashable

from search.population.population import Population
from search.population.run import Run
from search.training_events import Admitted, Event, TrainingFailed

__all__ = ["Admitted", "Event", "Trainer", "TrainingFailed"]

# Free slots are looked after this often; a run may begin while its neighbours are half-way.
STEPS_BETWEEN_LOOKS = 20


class Trainer:
    """Trains the runs of `ready` and sends what happens to `events`.

    Args:
        make_population: makes an empty population; called again after a failure.
        ready: runs to train, in order; None only wakes a trainer that waits.
        events: receives every `Event`.
        stop: ends the training, dropping runs that are not finished.
    """

    def __init__(
        self,
        make_population: Callable[[], Population],
        ready: queue.SimpleQueue[Run | None],
        events: queue.SimpleQueue[Event],
        stop: threading.Event,
    ) -> None:
        self._make_population = make_population
        self._population = make_population()
        self._ready = ready
        self._events = events
        self._stop = stop
        self._arriving: tuple[Hashable, ...] = ()

    def train(self) -> None:
        """Work until `stop` is set.

        A run that raises takes its neighbours with it, since they share every operation; all are reported
        as failed and a fresh population goes on.
        """
        while not self._stop.is_set():
            try:
                self._fill()
                for measurement in self._population.advance(max_steps=STEPS_BETWEEN_LOOKS):
                    self._events.put(measurement)
            except Exception:
                keys = (*self._population.active, *self._arriving)
                self._events.put(TrainingFailed(keys, traceback.format_exc()))
                self._arriving = ()
                self._population = self._make_population()

    def _fill(self) -> None:
        """Admit what is ready; wait only where nothing trains."""
        while self._population.free_slots:
            try:
                run = self._ready.get(block=not self._population.active)
            except queue.Empty:
                return
            if run is None:
                return
            self._arriving = (run.key,)
            untrained = self._population.untrained(run.seed)
            self._population.admit(run)
            self._arriving = ()
            self._events.put(Admitted(run.key, untrained))
