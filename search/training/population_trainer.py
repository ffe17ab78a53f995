"""The main thread of a worker: keep the population's slots filled and pass on what it measures."""

from __future__ import annotations

import contextlib
import math
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from search.population import Population
from search.population.saved_runs import SavedRuns
from search.runs.events import Admitted, Cancel, Cancelled, Event, FewerSlots, Remarked, TrainingFailed
from search.runs.run import Measurement, Run
from search.scripts.out_of_memory import says_out_of_memory
from search.scripts.reasons import traceback_with_reason
from search.training.pulse import Pulse

__all__ = ["Admitted", "Cancelled", "Event", "PopulationTrainer", "TrainingFailed"]

LAST_SAVING_SECONDS = 8.0
"""How long a worker that is asked to end writes the states of its runs."""


@dataclass
class _Begun:
    """A run that was told to have begun, and the last step at which it was measured."""

    run: Run
    told_step: int = -1


class MakesPopulation(Protocol):
    """Makes an empty population."""

    def __call__(self, *, slots: int) -> Population: ...


class PopulationTrainer:
    """Trains the runs of `ready` and sends what happens to `events`.

    Args:
        make_population: called at once, and again after a failure.
        slots: most runs at once.
        ready: runs to train, in order, and those to `Cancel`; None only wakes a trainer that waits.
        events: receives every `Event`.
        stop: ends the training, dropping runs that are not finished.
        saved: where states of long runs are kept, so that they are not trained again; None: nowhere.
        pulse: is moved after each piece of the training.
    """

    def __init__(
        self,
        make_population: MakesPopulation,
        slots: int,
        ready: queue.SimpleQueue[Run | Cancel | None],
        events: queue.SimpleQueue[Event],
        stop: threading.Event,
        saved: SavedRuns | None = None,
        pulse: Pulse | None = None,
    ) -> None:
        self._make_population, self._slots, self._saved = make_population, slots, saved
        self._ready = ready
        self._events = events
        self._stop = stop
        self._pulse = pulse or Pulse()
        self._waiting: deque[Run] = deque()
        self._arriving: tuple[Run, ...] = ()
        self._begun: dict[Hashable, _Begun] = {}
        self._population = self._made()

    def train(self) -> None:
        """Work until `stop` is set.

        A run that raises takes its neighbours with it, since they share every operation; all are reported
        as failed and a fresh population goes on. Where memory ran out, half as many train at once from then
        on, and they begin anew: a run gives the same whatever its company.
        """
        while not self._stop.is_set():
            self._pulse.moved()
            failure = self._trained_a_while()
            # Outside of the except clause: the traceback has let go of what was computed.
            if failure is not None:
                self._go_on_after(failure)
        self._save(SavedRuns.is_worth_it, most_seconds=LAST_SAVING_SECONDS)

    def _trained_a_while(self) -> str | None:
        """The traceback of what failed, if anything did."""
        try:
            # A run may begin or be cancelled while its neighbours are half-way.
            self._take_in_messages()
            self._fill()
            for measurement in self._population.advance(max_steps=self._population.chunk_steps):
                self._tell(measurement)
            self._save(SavedRuns.is_due)
        except Exception:
            return traceback_with_reason()
        return None

    def _tell(self, measurement: Measurement) -> None:
        """Pass on what is new; a run that began anew makes its first reports again."""
        begun = self._begun[measurement.key]
        if measurement.last:
            self._keep_last(begun.run)
        if measurement.step > begun.told_step or measurement.last:
            begun.told_step = measurement.step
            self._events.put(measurement)
        if measurement.last:
            self._forget([begun.run])

    def _go_on_after(self, failure: str) -> None:
        runs = [*(self._begun[key].run for key in self._population.active), *self._arriving]
        self._arriving = ()
        del self._population  # before the next is made
        halved = self._slots > 1 and says_out_of_memory(failure)
        if halved:
            self._waiting.extendleft(reversed(runs))
        else:
            self._forget(runs)
            self._events.put(TrainingFailed(tuple(run.key for run in runs), failure))
        self._population = self._made(halved=halved)

    def _forget(self, runs: Sequence[Run]) -> None:
        for run in runs:
            self._begun.pop(run.key, None)
            if self._saved is not None:
                self._saved.forget(run)

    def _save(self, wanted: Callable[[SavedRuns, Run], bool], most_seconds: float = math.inf) -> None:
        """Keep the states of some of the runs that train, of as many as there is time for."""
        if self._saved is None:
            return
        give_up_at = time.monotonic() + most_seconds
        for key in self._population.active:
            run = self._begun[key].run
            if wanted(self._saved, run) and time.monotonic() < give_up_at:
                self._write(run, self._population.state(key))

    def _keep_last(self, run: Run) -> None:
        """Keep the state of a run at its horizon, where such are kept; before its end is told."""
        states = self._population.last_states
        if states is not None and run.key in states:
            self._write(run, states.pop(run.key))

    def _write(self, run: Run, state: Mapping[str, Any]) -> None:
        """A disk that takes none costs no training."""
        assert self._saved is not None, "nothing is saved nowhere"
        try:
            self._saved.save(run, state)
        except (OSError, RuntimeError) as error:  # torch's own word for a disk that is full
            self._remark(run, f"no checkpoint can be written: {error}")

    def _remark(self, run: Run, text: str) -> None:
        self._events.put(Remarked(run.key, "checkpoints", text))

    def _made(self, *, halved: bool = False) -> Population:
        """A fresh population, with fewer slots where memory runs out."""
        while True:
            if halved:
                self._halve()
            try:
                population = self._make_population(slots=self._slots)
                if self._saved is not None and self._saved.last:
                    population.last_states = {}
                return population
            except Exception:
                halved = self._slots > 1 and says_out_of_memory(traceback_with_reason())
                if not halved:
                    raise

    def _halve(self) -> None:
        before, self._slots = self._slots, self._slots // 2
        text = f"memory ran out with {before} runs at once; {self._slots} from here on, begun anew"
        self._events.put(FewerSlots(self._slots, text))

    def _take_in_messages(self) -> None:
        """Take all that are there; wait for one only where there is nothing to train."""
        idle = not self._population.active and not self._waiting
        try:
            with self._pulse.resting() if idle else contextlib.nullcontext():
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
        if key in self._begun:
            self._forget([self._begun[key].run])
        self._events.put(Cancelled(key))

    def _fill(self) -> None:
        """Admit what waits while there is room."""
        while self._waiting and self._population.free_slots:
            run = self._waiting.popleft()
            self._arriving = (run,)
            untrained = self._population.untrained(run.seed)
            measured = self._admit(run)
            self._arriving = ()
            if run.key not in self._begun:
                self._begun[run.key] = _Begun(run)
                self._events.put(Admitted(run.key, untrained))
            for measurement in measured:  # before it was taken up again
                self._tell(measurement)

    def _admit(self, run: Run) -> list[Measurement]:
        """Let a run train, from the last state that is kept of it; what it was measured until then."""
        if self._saved is None:
            self._population.admit(run)
            return []
        self._saved.begin(run)
        found = self._saved.find(run)
        if found.problem:
            self._remark(run, found.problem)
        if found.state is None:
            self._population.admit(run)
            return []
        try:
            return self._population.resume(run, found.state)
        except (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError) as error:
            self._remark(run, f"a checkpoint does not fit ({error}): it goes on from its first step")
            self._population.cancel(run.key)
            self._population.admit(run)
            return []
