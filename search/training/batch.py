"""`Arms`: trains schedules on chosen seeds, whatever the study's kind of proxy, and tells what they reach."""

from __future__ import annotations

import math
import queue
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from search.checkpoints.study_folder import StudyCheckpoints
from search.errors import RunError
from search.messages import Say
from search.runs.events import Admitted, Event, Remarked, TrainingFailed
from search.runs.run import Measurement
from search.runs.scoring import score_run
from search.runs.seeds import Seed
from search.spec.handed import HandedOver
from search.spec.study import StudySpec
from search.training.runs import AnyRun, make_run
from search.training.trainers import make_trainer
from warmboot.schedule import WarmbootSchedule

WAIT_SECONDS = 0.2


@dataclass(frozen=True, kw_only=True)
class PlannedRun:
    """One training that is wanted."""

    schedule: WarmbootSchedule
    """With its lr."""
    params: Mapping[str, Any]
    seed: Seed
    total_steps: int
    test: bool
    """Whether it is judged on test data; else as the search judges."""
    averaged: bool = False
    """Whether the average of its weights is judged, of a declared proxy with a model."""


@dataclass(frozen=True)
class RunResult:
    """Result of one training. A diverged one counts with the value of its untrained network."""

    value: float
    diverged: bool


@dataclass(eq=False)
class Arms:
    """The trainings of one contest; use it as a context.

    Args:
        spec: the study.
        device: of torch.
        notify: told how many trainings have ended.
        handed: the study's function, where a Python session has handed it over.
        checkpoints: where trainings keep what outlives this process; a contest that is held again after an
            interruption finds them, and one that ends well leaves none.
    """

    spec: StudySpec
    device: str
    notify: Callable[[int], None]
    handed: HandedOver | None = None
    checkpoints: StudyCheckpoints | None = None
    n_trained: int = 0
    _ready: queue.SimpleQueue[Any] = field(default_factory=queue.SimpleQueue)
    _events: queue.SimpleQueue[Event] = field(default_factory=queue.SimpleQueue)
    _stop: threading.Event = field(default_factory=threading.Event)
    _trained: list[str] = field(default_factory=list)

    def __enter__(self) -> Arms:
        trainer, self.made_of = make_trainer(
            self.spec,
            device=self.device,
            ready=self._ready,
            events=self._events,
            stop=self._stop,
            handed=self.handed,
            checkpoints=self.checkpoints,
        )
        self._thread = threading.Thread(target=trainer.train, name="trainer", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._stop.set()
        self._ready.put(None)
        self._thread.join()
        if kind is None:
            self._forget(self._trained)

    def _forget(self, runs: Iterable[str]) -> None:
        """Remove what was saved of runs; of one that failed too, which may be why it did."""
        if self.checkpoints is not None:
            for run in runs:
                self.checkpoints.forget(run)

    @property
    def objective(self) -> str:
        """The objective on test data, or the search objective if the proxy has no test metric."""
        declared = self.spec.proxy_kind == "declared"
        if declared and self.spec.objective.startswith("val_"):
            return f"test_{self.spec.objective.removeprefix('val_')}"
        return self.spec.objective

    def train(self, arms: Sequence[PlannedRun]) -> list[RunResult]:
        """Train all of them; the order of the results is that of the arms.

        Raises:
            RunError: one of them failed; it says why.
        """
        runs = [self._run(number, arm) for number, arm in enumerate(arms)]
        self._trained += [run.identity for run in runs]
        for run in runs:
            self._ready.put(run)
        untrained: dict[int, float] = {}
        reached: dict[int, RunResult] = {}
        while len(reached) < len(arms):
            event = self._next_event()
            if isinstance(event, TrainingFailed):
                self._forget(runs[cast(int, key)].identity for key in event.keys)
                raise RunError(f"a training failed: {event.reason}")
            if isinstance(event, Admitted):
                number = cast(int, event.key)
                untrained[number] = event.untrained.get(self.spec.objective, math.nan)
            elif isinstance(event, Measurement) and event.last:
                number = cast(int, event.key)
                reached[number] = self._judged(arms[number], event, untrained.get(number, math.nan))
                self.n_trained += 1
                self.notify(self.n_trained)
        return [reached[number] for number in range(len(arms))]

    def measured(self, run: AnyRun, say: Say, reported: Callable[[Measurement], None]) -> Measurement:
        """Train one run as it is; its last measurement. What it has saved stays.

        `say`: told what is remarked about it; `reported`: what it measures before its end.

        Raises:
            RunError: it failed; it says why.
        """
        self._ready.put(run)
        while True:
            event = self._next_event()
            if isinstance(event, TrainingFailed):
                self._forget([run.identity])
                raise RunError(f"the training failed: {event.reason}")
            if isinstance(event, Remarked):
                say(event.text)
            if isinstance(event, Measurement):
                if event.last:
                    return event
                reported(event)

    def _next_event(self) -> Event:
        while True:
            try:
                return self._events.get(timeout=WAIT_SECONDS)
            except queue.Empty:
                if not self._thread.is_alive():
                    raise RunError("the training ended unexpectedly; --debug tells more.") from None

    def _run(self, number: int, arm: PlannedRun) -> AnyRun:
        return make_run(
            self.spec,
            key=number,
            schedule=arm.schedule,
            params=arm.params,
            seed=arm.seed,
            total_steps=arm.total_steps,
            report_steps=(arm.total_steps,),
            averaged_steps=(arm.total_steps,) if arm.averaged else (),
            trial=number,
            test_at_end=arm.test,
        )

    def _judged(self, arm: PlannedRun, measurement: Measurement, untrained: float) -> RunResult:
        name = self.objective if arm.test else self.spec.objective
        name = f"averaged_{name}" if arm.averaged else name
        score = score_run(
            measurement.metrics.get(name, math.nan),
            untrained_value=untrained,
            direction=self.spec.direction,
            diverged_at_step=measurement.diverged_at_step,
        )
        if not math.isfinite(score.value):
            raise RunError(
                f"a training diverged, and its untrained value is unknown; report {name} at step 0, so that "
                "it can be scored."
            )
        return RunResult(score.value, score.divergence is not None)
