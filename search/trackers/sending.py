"""`Sending`: takes note of what goes to the trainer and comes back, and tells the trackers in its own thread.

Trainings never wait: what they say is put on a queue, and where that is full a report is left out. A tracker
that fails is said once and left; the others and the trainings go on.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from search.messages import Say
from search.runs.events import Admitted, Cancelled, TrainingFailed
from search.runs.run import Measurement, Run
from search.scripts.script_run import ScriptRun
from search.trackers.tracked import TrackedRun, Tracker
from search.trackers.trackers import make_tracker

MOST_WAITING = 10_000
"""Reports that wait for slow trackers."""
LAST_SECONDS = 30.0
"""How long a worker that ends waits for them."""


class Tapped(queue.SimpleQueue[Any]):
    """A queue that shows what is put into it."""

    def __init__(self, sending: Sending) -> None:
        self._sending = sending

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        self._sending.note(item)
        super().put(item, block, timeout)


class Sending:
    """Sends what is noted to trackers, until `close`.

    Args:
        study: the study's name.
        names: of trackers, or functions.
        folder: for those that write files.
        say: told where a tracker fails.
    """

    def __init__(self, study: str, names: Sequence[str], folder: Path, say: Say) -> None:
        self._study, self._names, self._folder, self._say = study, names, folder, say
        self._waiting: queue.Queue[Any] = queue.Queue(MOST_WAITING)
        self._runs: dict[Hashable, TrackedRun] = {}
        self._trackers: dict[str, Tracker] = {}
        self._has_left_out = False
        self._thread = threading.Thread(target=self._send, name="trackers", daemon=True)
        self._thread.start()

    def note(self, item: object) -> None:
        """Take note of a run that is to be trained, or of an event; never waits."""
        try:
            self._waiting.put_nowait(item)
        except queue.Full:
            self._has_left_out = True

    def close(self) -> None:
        """Send what waits, for a while at most."""
        try:
            self._waiting.put(_CLOSE, timeout=LAST_SECONDS)
            self._thread.join(LAST_SECONDS)
        except queue.Full:
            self._has_left_out = True
        if self._has_left_out or self._thread.is_alive():
            self._say(f"{', '.join(self._names)}: too slow for all reports; the study itself has them all.")

    def _send(self) -> None:
        for name in self._names:
            self._try(name, "make", name)
        while (item := self._waiting.get()) is not _CLOSE:
            self._take(item)
        for name in list(self._trackers):
            self._try(name, "close")

    def _take(self, item: object) -> None:
        if isinstance(item, Run | ScriptRun):
            run = self._runs[item.key] = tracked_run(self._study, item)
            self._tell("begin", run)
        elif isinstance(item, Admitted) and item.key in self._runs:
            self._report(item.key, 0, item.untrained)
        elif isinstance(item, Measurement) and item.key in self._runs:
            self._report(item.key, item.step, item.metrics)
            if item.last:
                self._end(item.key, "finished")
        elif isinstance(item, Cancelled):
            self._end(item.key, "stopped")
        elif isinstance(item, TrainingFailed):
            for key in item.keys:
                self._end(key, "failed")

    def _report(self, key: Hashable, step: int, metrics: Mapping[str, float]) -> None:
        if metrics:
            self._tell("report", self._runs[key], step, metrics)

    def _end(self, key: Hashable, outcome: str) -> None:
        run = self._runs.pop(key, None)
        if run is not None:
            self._tell("end", run, outcome)

    def _tell(self, what: str, *arguments: object) -> None:
        for name in list(self._trackers):
            self._try(name, what, *arguments)

    def _try(self, name: str, what: str, *arguments: object) -> None:
        try:
            if what == "make":
                self._trackers[name] = make_tracker(name, self._folder)
            else:
                getattr(self._trackers[name], what)(*arguments)
        except BaseException as error:  # `sys.exit` too: trainings are worth more than what is told of them
            self._trackers.pop(name, None)
            self._say(
                f"report.to: {name} failed and gets no more reports ({type(error).__name__}: {error}); the "
                "study itself has them all."
            )


_CLOSE = object()


def tracked_run(study: str, run: Run | ScriptRun) -> TrackedRun:
    """What trackers are told of a run; a shorter training of a trial has its length in its name."""
    kind, *rest = run.key if isinstance(run.key, tuple) else ("run", run.key)
    trial = rest[0] if kind == "trial" else getattr(run, "trial", None)
    name = f"trial {trial:04d}" if kind == "trial" else f"confirmation {str(rest[0])[:8]} seed {rest[-1]}"
    lrs = run.lr_table if isinstance(run, Run) else run.schedule.lr_table(run.total_steps)
    return TrackedRun(
        study=study,
        name=f"{name} of {len(lrs)} steps",
        trial=trial,
        lrs=np.asarray(lrs),
        params=dict(run.params),
    )
