"""The storage thread of a worker: asks for runs ahead of the training thread, tells what it measured.

It is the only thread that touches Optuna and the database. Its loop does one thing at a time, the urgent
first: take in what was measured, renew the leases, ask for more while there is room, and once no trial is
left to anybody, confirm the best.
"""

from __future__ import annotations

import contextlib
import math
import queue
import threading
import time
from collections.abc import Callable, Hashable
from typing import Any, Literal

from optuna.trial import TrialState

from search.report.board import BoardKeeper
from search.results.confirmation import Confirmation
from search.results.settled import is_settled
from search.runs.events import Admitted, Cancelled, Event, FewerSlots, Remarked, TrainingFailed
from search.runs.run import Measurement
from search.storage.leases import RENEW_SECONDS
from search.storage.patience import StorageAwayError
from search.storage.study_attributes import CONFIRMATION
from search.storage.study_record import StudyRecord
from search.storage.trial_queue import TrialQueue
from search.worker.conclusion import Conclusion
from search.worker.failures import Failures, logs_command
from search.worker.jobs import ConfirmationJob, Job, confirmation_jobs
from search.worker.run_files import RunFiles
from search.worker.trial_runs import trial_job, trial_key

Outcome = Literal["done", "stopped", "handed back"]
Notify = Callable[[dict[str, Any]], None]

RUNS_AHEAD = 2  # asked for while all slots are busy, so that a slot that ends is refilled at once
EVENT_WAIT_SECONDS = 0.05
MODELS_END_SECONDS = 12.0
POLL_SECONDS = 0.5  # how often to look again when other workers have the last trials


class StorageLoop:
    """Gets one worker's trials of one study trained, and told.

    Args:
        record: the study.
        trials: where trials come from and go to.
        slots: how many runs train at once.
        ready: takes runs to the training thread.
        events: brings back what happened to them.
        stop: set from outside: hand everything back and end.
        finish: set from outside: begin no more trials, and end when those in training have.
        notify: told what a person may want to watch.
        files: what runs have saved.
        training_over: set when the training thread trains no more; None: that is not waited for.
    """

    def __init__(
        self,
        record: StudyRecord,
        trials: TrialQueue,
        *,
        slots: int,
        ready: queue.SimpleQueue[Any],
        events: queue.SimpleQueue[Event],
        stop: threading.Event,
        notify: Notify,
        finish: threading.Event | None = None,
        files: RunFiles | None = None,
        training_over: threading.Event | None = None,
    ) -> None:
        self._record = record
        self._trials = trials
        self._spec = record.spec
        self._conclusion = Conclusion(record, trials, slots)
        self._board = BoardKeeper(record, trials.all, lambda text: notify({"kind": "note", "text": text}))
        self._slots = slots
        self._ready = ready
        self._events = events
        self._stop = stop
        self._finish = finish or threading.Event()
        self._notify = notify
        self._jobs: dict[Hashable, Job] = {}
        self._ask_again_at = 0.0
        self._renew_at = time.monotonic() + RENEW_SECONDS
        self._failures = Failures(notify, logs_command(record.name, record.database.url))
        self._remarked = set[str]()
        self._files, self._training_over = files or RunFiles(None), training_over

    def work(self) -> Outcome:
        """Work until the study is done or stopped, or this worker is told to end."""
        try:
            while not self._stop.is_set():
                self._take_in_events()
                self._ask_for_more()
                self._tell_given_up()
                self._board.look()
                if not self._jobs:
                    outcome = self._when_idle()
                    if outcome is not None:
                        self._board.refresh()
                        return outcome
        except StorageAwayError:
            if not self._stop.is_set():
                raise
        finally:
            self._hand_back()
        return "handed back"

    def _take_in_events(self) -> None:
        self._take_in_what_comes()
        self._files.told()

    def _take_in_what_comes(self) -> None:
        """Wait a moment for one event, then take all; leases and stop never wait behind a flood of them."""
        try:
            event = self._events.get(timeout=EVENT_WAIT_SECONDS)
        except queue.Empty:
            with self._trials.together():  # reports that waited for others to be written with them
                self._renew_leases()
            return
        with self._trials.together(), contextlib.suppress(queue.Empty):
            while True:
                self._take_in(event)
                self._renew_leases()
                if self._stop.is_set():
                    return
                event = self._events.get_nowait()

    def _take_in(self, event: Event) -> None:
        if isinstance(event, TrainingFailed):
            self._take_in_failure(event)
        elif isinstance(event, Admitted):
            self._jobs[event.key].began(event.untrained)
        elif isinstance(event, Cancelled):
            self._ended(event.key).cancelled()
            self._failures.success()
            self._ask_again_at = 0.0
        elif isinstance(event, Remarked):
            self._take_in_remark(event)
        elif isinstance(event, FewerSlots):
            self._slots = event.slots
            self._notify({"kind": "note", "text": event.text})
        else:
            self._take_in_measurement(event)

    def _take_in_measurement(self, measurement: Measurement) -> None:
        job = self._jobs[measurement.key]
        if measurement.last:
            self._files.over(job)
        follows = job.measured(measurement)
        if follows is not None:
            self._ready.put(follows)
        elif measurement.last:
            del self._jobs[measurement.key]
            self._failures.success()
            self._ask_again_at = 0.0  # what waited for this result need not wait longer

    def _take_in_remark(self, event: Remarked) -> None:
        """Kept with each trial; said once, for a script does in every trial what it does in one."""
        self._jobs[event.key].remarked(event.text)
        if event.about not in self._remarked:
            self._notify({"kind": "note", "text": event.text})
            self._remarked.add(event.about)

    def _take_in_failure(self, event: TrainingFailed) -> None:
        jobs = [self._ended(key) for key in event.keys if key in self._jobs]
        if not jobs:  # its result is in already; what failed is to clear away what it left
            self._notify({"kind": "note", "text": f"after a training had ended: {event.reason}"})
            return
        for job in jobs:
            self._failures.take(job, event.traceback_text)
        self._failures.count(event)

    def _ended(self, key: Hashable) -> Job:
        """The job of a run that is over, which has no more use for what it has saved."""
        job = self._jobs.pop(key)
        self._files.over(job)
        return job

    def _renew_leases(self) -> None:
        if time.monotonic() >= self._renew_at:
            self._trials.renew()
            self._renew_at = time.monotonic() + RENEW_SECONDS

    def _ask_for_more(self) -> None:
        # Where one run trains at a time it takes long, and a trial asked for later is asked for knowing more.
        ahead = RUNS_AHEAD if self._slots > 1 else 0
        room = len(self._jobs) < self._slots + ahead and not self._finish.is_set()
        if not room or time.monotonic() < self._ask_again_at:
            return
        trials = self._trials.take(self._slots + ahead - len(self._jobs))
        if not trials:
            self._ask_again_at = time.monotonic() + POLL_SECONDS
            return
        for trial in trials:
            # Another put it back while this process stood still: it trains here already.
            if trial_key(trial.number) not in self._jobs:
                self._send(trial_job(self._trials, self._spec, trial))
        self._trials.plan_ahead()

    def _tell_given_up(self) -> None:
        for number, why in self._trials.given_up().items():
            self._failures.count(TrainingFailed((trial_key(number),), why))

    def _send(self, job: Job) -> None:
        self._jobs[job.run.key] = job
        self._ready.put(job.run)

    def _when_idle(self) -> Outcome | None:
        """Nothing trains here: the study is stopped, or done, or others have its last trials."""
        if self._finish.is_set():
            return "handed back"
        if self._failures.settle(self._has_trained):
            self._ask_again_at = 0.0
            return None
        attributes = self._record.attributes
        if attributes.is_stopped:
            return "stopped"
        trials = self._trials.all()
        if not attributes.limit.is_over(trials, self._record.now()):
            return None
        return self._confirm_or_wait()

    def _has_trained(self) -> bool:
        ended_well = (TrialState.COMPLETE, TrialState.PRUNED)
        return bool([trial for trial in self._trials.all() if trial.state in ended_well])

    def _confirm_or_wait(self) -> Outcome | None:
        if is_settled(
            self._spec, self._conclusion.candidates(), self._trials.completed(), self._record.attributes
        ):
            return "done"
        if not self._trials.claim_confirmation():
            time.sleep(POLL_SECONDS)
            return None
        # Another worker may have confirmed between the look and the claim.
        self._conclusion.expect(final=False)
        self._confirm(self._conclusion.plan())
        return "handed back" if self._stop.is_set() else None

    def _confirm(self, plan: Confirmation) -> None:
        """Train the leaders and the best baseline again, and the best two on until they are told apart."""
        self._train_confirmation(plan)
        while not self._stop.is_set():
            self._record.set_attribute(CONFIRMATION, plan.to_json(is_open=True))
            if not self._conclusion.more_pairs(plan, self._conclusion.expect(final=True)):
                self._record.set_attribute(CONFIRMATION, plan.to_json())
                self._conclusion.conclude()
                break
            self._train_confirmation(plan)
        self._trials.release_confirmation()

    def _train_confirmation(self, plan: Confirmation) -> None:
        waiting: list[ConfirmationJob] = confirmation_jobs(plan, self._spec)
        before, count = plan.n_runs, plan.n_runs + len(waiting)
        left, told = len(waiting), -1
        while (waiting or self._jobs) and not self._stop.is_set():
            while waiting and len(self._jobs) < self._slots:
                self._send(waiting.pop(0))
            self._take_in_events()
            self._board.look()
            done = before + left - len(waiting) - len(self._jobs)
            if done != told:
                self._notify({"kind": "confirming", "done": done, "of": count})
                told = done

    def _wait_for_training(self) -> None:
        """Wait until nothing trains: who takes up what is handed back goes on from what it has saved.

        A script's end is bounded by its grace; models are not waited for long, a step of one may be stuck.
        """
        if self._training_over is None or not self._jobs:
            return
        self._stop.set()
        self._ready.put(None)
        seconds = MODELS_END_SECONDS if self._spec.proxy_kind == "declared" else math.inf
        give_up_at = time.monotonic() + seconds
        while not self._training_over.wait(EVENT_WAIT_SECONDS) and time.monotonic() < give_up_at:
            with contextlib.suppress(StorageAwayError):
                self._renew_leases()

    def _hand_back(self) -> None:
        was_stopped = self._stop.is_set()
        self._wait_for_training()
        try:
            self._failures.hand_back()
            for job in self._jobs.values():
                job.hand_back()
            if was_stopped:
                self._board.last_look()
        except StorageAwayError as error:
            self._notify({"kind": "note", "text": f"trials not handed back, taken up in a minute: {error}"})
        self._jobs.clear()
