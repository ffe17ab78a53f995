"""The pace of the user's own training: two short runs of it, with a schedule drawn from the study's space.

A training costs what its start costs (imports, data, compiling) and so much for each step. Two lengths tell
the two apart; one would take the start for steps. A horizon that can't be cut is trained once, whole. Where
the lr is the script's own, it is timed with that.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Sequence

import numpy as np

from search.errors import RunError
from search.plan.estimate import Pace
from search.runs.events import Event, TrainingFailed
from search.runs.run import Measurement
from search.runs.seeds import run_seed
from search.scripts.script_run import ScriptRun
from search.spec.study import StudySpec
from search.strategy.candidates import UniformTrial
from search.training.trainers import make_trainer

SHORT_PART, LONG_PART = 1 / 40, 1 / 10
"""Of the horizon, for the two runs; more where the space needs it, the second three times the first."""


def time_script(spec: StudySpec, device: str) -> Pace:
    """Train two short runs, one after the other, and draw the line through their times; or a whole one, where
    the shortest cycles of the space leave no room for shorter ones.

    Raises:
        RunError: a run failed; the message ends with the reason.
    """
    short = max(spec.parsed_space.min_total_steps, round(spec.horizon_steps * SHORT_PART))
    long = max(3 * short, round(spec.horizon_steps * LONG_PART))
    if long > spec.horizon_steps:
        return Pace(slots=1, seconds_per_run=_train_all([_run(spec, spec.horizon_steps)], spec, device)[0])
    seconds = _train_all([_run(spec, n_steps) for n_steps in (short, long)], spec, device)
    return Pace(slots=1, seconds_per_run=seconds_at(spec.horizon_steps, (short, long), seconds))


def seconds_at(n_steps: int, measured_steps: tuple[int, int], seconds: Sequence[float]) -> float:
    """What a run of `n_steps` takes, on the line through two shorter runs; neither start nor step is below 0.

    >>> seconds_at(400, (10, 40), (5.0, 8.0))  # a start of 4 s, and 0.1 s a step
    44.0
    """
    short, long = measured_steps
    per_step = max(0.0, (seconds[1] - seconds[0]) / (long - short))
    start = max(0.0, seconds[0] - short * per_step)
    return start + n_steps * per_step


def _run(spec: StudySpec, n_steps: int) -> ScriptRun:
    draws = UniformTrial(np.random.default_rng(spec.seed))
    return ScriptRun(
        key=n_steps,
        study=spec.name,
        trial=0,
        schedule=spec.parsed_space.sample(draws),
        total_steps=n_steps,
        seed=run_seed(spec.seed, 0),
        params=spec.parsed_params.sample(draws),
        report_steps=(n_steps,),
    )


def _train_all(runs: list[ScriptRun], spec: StudySpec, device: str) -> list[float]:
    """Wall seconds of each run."""
    ready: queue.SimpleQueue[ScriptRun | None] = queue.SimpleQueue()
    events: queue.SimpleQueue[Event] = queue.SimpleQueue()
    stop = threading.Event()
    trainer, _ = make_trainer(spec, device=device, ready=ready, events=events, stop=stop)
    thread = threading.Thread(target=trainer.train, name="timed runs")
    thread.start()
    try:
        seconds = []
        for run in runs:
            began = time.perf_counter()
            ready.put(run)
            _wait_for_the_end(events)
            seconds.append(time.perf_counter() - began)
        return seconds
    finally:
        stop.set()
        ready.put(None)
        thread.join()


def _wait_for_the_end(events: queue.SimpleQueue[Event]) -> None:
    while True:
        event = events.get()
        if isinstance(event, TrainingFailed):
            raise RunError(f"--time: the training failed while it was timed.\n{event.traceback_text}")
        if isinstance(event, Measurement) and event.last:
            return
