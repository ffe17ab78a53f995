"""`ScriptTrainer`: trains one run at a time in processes of its own, as `Trainer` does many in one."""

from __future__ import annotations

import queue
import tempfile
import threading
import traceback
from collections.abc import Hashable
from pathlib import Path

from search.scripts import reasons
from search.scripts.launcher import CannotStartError, Launcher
from search.scripts.process_group import end_orphans
from search.scripts.script_run import Limits, ScriptRun
from search.scripts.supervision import Supervision
from search.training_events import Event, TrainingFailed
from warmboot.trial_files import write_trial

LOOK_SECONDS = 0.05
"""How often a run is looked after."""


class ScriptTrainer:
    """Trains the runs of `ready`, one after the other, and sends what happens to them to `events`.

    For each run: `Admitted` at its first report, with the metrics of a report at step 0 as `untrained`, and
    with none where there was none; a `Measurement` for each later report as it comes in; one that is `last`
    when the script has ended well. Where the last report was not at `total_steps`, that one repeats it. A
    run whose objective is not finite has diverged and is ended; other metrics that are not finite are left
    out. A run that fails sends `TrainingFailed`, perhaps as its only event: the last line of its text is
    the reason, what the script printed last stands before it.

    Events are sent before the processes of the run are gone; the next run starts when they are.

    Args:
        launcher: starts the runs.
        ready: runs to train, in order; None only wakes a trainer that waits.
        events: receives every `Event`.
        stop: ends the training; the present run is dropped at once, with all its processes.
        objective: the metric of the study.
        limits: how long a run may take.
        folder: where each run gets a folder of its own, removed after it; None for the system's.
    """

    def __init__(
        self,
        launcher: Launcher,
        ready: queue.SimpleQueue[ScriptRun | None],
        events: queue.SimpleQueue[Event],
        stop: threading.Event,
        *,
        objective: str,
        limits: Limits | None = None,
        folder: Path | None = None,
    ) -> None:
        self._launcher = launcher
        self._ready, self._events, self._stop = ready, events, stop
        self._objective, self._limits, self._folder = objective, limits or Limits(), folder
        self._withdrawn: set[Hashable] = set()

    def train(self) -> None:
        """Work until `stop` is set. First it ends what a worker that was killed has left running."""
        end_orphans()
        try:
            while not self._stop.is_set():
                run = self._ready.get()
                if run is not None and not self._stop.is_set():
                    self._train_one(run)
        finally:
            self._launcher.close()

    def withdraw(self, key: Hashable) -> None:
        """End a run early, or as soon as it begins; its last report becomes its final one.

        The script is asked to end, and ended where it does not. May be called from another thread.
        """
        self._withdrawn.add(key)

    def _train_one(self, run: ScriptRun) -> None:
        try:
            with tempfile.TemporaryDirectory(
                prefix="warmboot-run-", dir=self._folder, ignore_cleanup_errors=True
            ) as folder:
                self._train_in(Path(folder), run)
        except Exception:  # a full disk, for example: the run is lost, the worker is not
            self._events.put(TrainingFailed((run.key,), traceback.format_exc()))
        self._withdrawn.discard(run.key)

    def _train_in(self, folder: Path, run: ScriptRun) -> None:
        path = folder / "trial.json"
        write_trial(run.trial_file(folder), path)
        try:
            execution = self._launcher.start(run, path)
        except CannotStartError as error:
            self._events.put(TrainingFailed((run.key,), reasons.with_tail(str(error), "")))
            return
        try:
            supervision = Supervision(
                run, execution, folder, objective=self._objective, limits=self._limits, events=self._events
            )
            self._watch(run, supervision)
        finally:
            execution.end()

    def _watch(self, run: ScriptRun, supervision: Supervision) -> None:
        while not self._stop.is_set():
            if run.key in self._withdrawn:
                supervision.ask_to_end()
            if supervision.look():
                return
            self._stop.wait(LOOK_SECONDS)
