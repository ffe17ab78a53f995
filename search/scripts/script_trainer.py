"""`ScriptTrainer`: trains a run at a time in processes of its own; `PopulationTrainer` trains many in one."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Hashable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from search.checkpoints.script_files import hand_to_script, has_begun
from search.checkpoints.study_folder import StudyCheckpoints
from search.runs.events import Cancel, Cancelled, Event, Remarked, TrainingFailed
from search.scripts import reasons
from search.scripts.already_trained import AlreadyTrained, is_trained
from search.scripts.launcher import CannotStartError, Launcher
from search.scripts.leftovers import end_leftovers
from search.scripts.process_group import end_orphans
from search.scripts.run_folder import run_folder
from search.scripts.script_run import SAVING_GRACE_SECONDS, STOP_GRACE_SECONDS, Limits, ScriptRun
from search.scripts.supervision import Supervision
from warmboot.trial_files import write_trial

LOOK_SECONDS = 0.05
"""How often a run is looked after."""


class ScriptTrainer:
    """Trains the runs of `ready`, one after the other, and sends what happens to them to `events`.

    For each run: `Admitted` at its first report, with the metrics of a report at step 0 as `untrained`, and
    with none where there was none; a `Measurement` for later reports as they come in, of many only some
    hundred (see `supervision`); one that is `last`, the latest, when the script has ended well. A
    run whose objective is not finite has diverged and is ended; other metrics that are not finite are left
    out. A run that fails sends `TrainingFailed`, perhaps as its only event: the last line of its text is
    the reason, what the script printed last stands before it. A run to cancel is asked to end by its next
    report, and ended where it does not; then it sends `Cancelled`, as its only event if it had not begun.

    Events are sent before the processes of the run are gone, but for `Cancelled`; the next run starts when
    they are.

    Args:
        launcher: starts the runs.
        ready: runs to train, in order, and those to `Cancel`; None only wakes a trainer that waits.
        events: receives every `Event`.
        stop: ends the training; the present run is dropped at once, with all its processes.
        objective: the metric of the study.
        limits: how long a run may take.
        folder: where each run gets a folder of its own, removed after it; None for the system's.
        checkpoints: where runs have folders that outlive them; None: nowhere.
    """

    def __init__(
        self,
        launcher: Launcher,
        ready: queue.SimpleQueue[ScriptRun | Cancel | None],
        events: queue.SimpleQueue[Event],
        stop: threading.Event,
        *,
        objective: str,
        limits: Limits | None = None,
        folder: Path | None = None,
        checkpoints: StudyCheckpoints | None = None,
    ) -> None:
        self._launcher, self._checkpoints = launcher, checkpoints
        self._ready, self._events, self._stop = ready, events, stop
        self._objective, self._limits, self._folder = objective, limits or Limits(), folder
        self._waiting: deque[ScriptRun] = deque()

    def train(self) -> None:
        """Work until `stop` is set. First it ends what a worker that was killed has left running."""
        end_leftovers(self._folder)
        try:
            while not self._stop.is_set():
                if not self._waiting:
                    self._take_in(self._ready.get())
                self._take_in_all()
                if self._waiting and not self._stop.is_set():
                    self._train_one(self._waiting.popleft())
        finally:
            self._launcher.close()

    def _take_in_all(self, training: Hashable = None) -> bool:
        """Note the messages that are there; whether one asks to end the run that trains."""
        asked = False
        while not self._ready.empty():  # no other thread takes from it
            asked = self._take_in(self._ready.get(), training) or asked
        return asked

    def _take_in(self, message: ScriptRun | Cancel | None, training: Hashable = None) -> bool:
        """Note a message; whether it asks to end the run that trains."""
        if isinstance(message, ScriptRun):
            self._waiting.append(message)
        elif message is not None and message.key == training:
            return True
        elif message is not None:
            self._withdraw_waiting(message.key)
        return False

    def _withdraw_waiting(self, key: Hashable) -> None:
        """Drop a run that has not begun; one that is not here is over and has sent its last event."""
        for run in self._waiting:
            if run.key == key:
                self._waiting.remove(run)
                self._events.put(Cancelled(key))
                return

    def _train_one(self, run: ScriptRun) -> None:
        try:
            with run_folder(self._folder) as folder, self._held(run) as kept:
                self._train_in(folder, run, kept)
        except Exception:  # a full disk, for example: the run is lost, the worker is not
            self._events.put(TrainingFailed((run.key,), reasons.traceback_with_reason()))

    def _held(self, run: ScriptRun) -> AbstractContextManager[Path | None]:
        """The run's folder that outlives it."""
        if self._checkpoints is None:
            return nullcontext()
        self._checkpoints.make_room()
        return self._checkpoints.held(run.identity)

    def _train_in(self, folder: Path, run: ScriptRun, kept: Path | None) -> None:
        path, files = folder / "trial.json", run.trial_file(folder)
        write_trial(files, path)
        known_bytes = 0
        if kept is not None:
            if has_begun(kept):
                end_orphans()  # of a worker that was killed a moment ago: they may still write there
            known_bytes = hand_to_script(kept, files)
        elif self._checkpoints is not None:
            self._events.put(Remarked(run.key, "checkpoints", reasons.TRAINED_TWICE))
        try:
            trained = known_bytes > 0 and is_trained(files.reports, run.total_steps)
            execution = AlreadyTrained() if trained else self._launcher.start(run, path)
        except CannotStartError as error:
            self._events.put(TrainingFailed((run.key,), reasons.with_tail(str(error), "")))
            return
        try:
            supervision = Supervision(
                run,
                execution,
                folder,
                objective=self._objective,
                limits=self._limits,
                events=self._events,
                known_bytes=known_bytes,
            )
            self._watch(run, supervision)
        finally:
            execution.end(self._grace_seconds(kept) if self._stop.is_set() else None)
        if supervision.cancelled and not self._stop.is_set():
            self._events.put(Cancelled(run.key))

    def _grace_seconds(self, kept: Path | None) -> float:
        """How long the script may take to save what it has, as its worker ends."""
        given = self._limits.stop_grace_seconds
        if given is not None:
            return given
        return SAVING_GRACE_SECONDS if kept is not None and has_begun(kept) else STOP_GRACE_SECONDS

    def _watch(self, run: ScriptRun, supervision: Supervision) -> None:
        while not self._stop.is_set():
            if self._take_in_all(run.key):
                supervision.cancel()
            if supervision.look():
                return
            self._stop.wait(LOOK_SECONDS)
