"""`report`: how a training script tells the search that runs it how it goes, and hears when to end.

Outside a search nothing here does anything, so that the calls can stay in the script.
"""

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from warmboot.checkpoints import append_line, keep_report, known_bytes
from warmboot.checks import integer_problem, show
from warmboot.following import problem_of, reported
from warmboot.ranks import rank_here
from warmboot.trial_files import Report, TrialFile, parse_report, report_line, trial_here

# How long another rank waits for rank 0, which may be validating meanwhile; torch's own patience with gloo.
RANK_0_PATIENCE_SECONDS = 1800.0
_SHORTEST_LOOK_SECONDS, _LONGEST_LOOK_SECONDS = 0.0005, 0.05


class StopTraining(Exception):
    """The search has ended this trial: clean up and leave. Nothing is wrong with the training.

    Raised by `report`, and by `attach` where the search only wanted to know the optimizer's lr. A script may
    let it pass: how it ends is of no further interest to the search.
    """


def report(step: int, **metrics: Any) -> None:
    """Report metrics, each a number, after `step` optimizer steps; outside a search does nothing.

    Steps rise, and every report holds the study's objective, which alone decides anything; other metrics
    are kept with the trial and sent to trackers. A report at step 0, before the first optimizer
    step, tells what the untrained model is worth: with it a diverged trial has a value to be told. The
    trial's result is the report at its horizon, made after the last step (a twentieth before it will do); a
    training that ends without it fails. What is reported after that, as by an evaluation of the best
    checkpoint, is left out, and where it differs the search says so. NaN and infinities mean that the
    training diverged.

    In a training of several processes (torchrun) call it on rank 0 alone or on all ranks with the same
    steps. Rank 0 writes and never waits; the metrics of the others are not looked at, and they wait until
    rank 0 has reported that step. So where the trial is to end, all of them raise at the same step, and
    none is left hanging in a collective.

    Args:
        step: optimizer steps done so far, in [0, total_steps].
        metrics: one or more numbers by name; a tensor or array of one element is a number.

    Raises:
        StopTraining: the search has ended this trial.
        ValueError: the step is outside its range; the trial's schedule was not taken (see `attach` and `lr`)
            or not followed up to this step; a metric is no number, or there is none.
        RuntimeError: on another rank, where rank 0 did not report this step.

    >>> report(40, val=2.5)  # no search here
    """
    trial = trial_here()
    if trial is not None:
        report_to(trial, step, metrics, rank=rank_here())


def params() -> dict[str, Any]:
    """The trial's other hyperparameters by name; outside a search an empty dict.

    >>> weight_decay = params().get("weight_decay", 1e-2)
    """
    trial = trial_here()
    return {} if trial is None else dict(trial.params)


def report_to(trial: TrialFile, step: int, metrics: Mapping[str, Any], *, rank: int = 0) -> None:
    """What `report` does within a trial; `rank` is this process's number among those that train."""
    _check_step(trial, step)
    _check_followed(trial, step)
    stopping = _write(trial, step, metrics) if rank == 0 else _decided(trial, step, rank)
    reported(trial, step)
    if stopping:
        raise StopTraining(f"the search has ended trial {trial.trial} of study {trial.study} at step {step}.")


def _check_followed(trial: TrialFile, step: int) -> None:
    """Refuse a result of a schedule that was not followed: a search would rank what was not trained."""
    problem = problem_of(trial, step)
    if problem is not None:
        raise ValueError(f"warmboot.report: {problem}")


def _check_step(trial: TrialFile, step: int) -> None:
    problem = integer_problem("step", step, at_least=0)
    if problem is None and step > trial.total_steps:
        problem = (
            f"step {step} lies past the trial's horizon of {trial.total_steps} optimizer steps; take the "
            "number of steps from the search: {total_steps} in its command"
        )
    if problem is not None:
        raise ValueError(f"warmboot.report: {problem}.")


def _write(trial: TrialFile, step: int, metrics: Mapping[str, Any]) -> bool:
    """Append the report, and with it whether the training ends here."""
    if not metrics:
        raise ValueError("warmboot.report: give one metric or more, as in warmboot.report(step, val=loss).")
    numbers = {name: _number(name, value) for name, value in metrics.items()}
    stopping = trial.stop.exists()
    line = report_line(Report(step=int(step), metrics=numbers, stopping=stopping))
    keep_report(trial, line)
    append_line(trial.reports, line)
    return stopping


def _number(name: str, value: object) -> float:
    if not isinstance(value, (bool, str)) and hasattr(value, "__float__"):
        try:
            return float(value)
        except (TypeError, ValueError, RuntimeError, OverflowError):
            pass  # an array of several elements, or something that is only nearly a number
    raise ValueError(
        f"warmboot.report: {name} must be a number but got {show(value)} ({type(value).__name__})."
    )


def _decided(trial: TrialFile, step: int, rank: int) -> bool:
    """Wait until rank 0 has reported `step`; whether it ended there."""
    give_up_at = time.monotonic() + RANK_0_PATIENCE_SECONDS
    pause = _SHORTEST_LOOK_SECONDS
    while True:
        last = _last_report(trial.reports, known_bytes(trial))
        if last is not None and last.step >= step:
            return last.stopping and last.step == step
        if time.monotonic() > give_up_at:
            raise RuntimeError(
                f"warmboot.report: rank {rank} reports step {step}, but rank 0 has not done so for "
                f"{RANK_0_PATIENCE_SECONDS:g} s; call it on rank 0 alone, or on all ranks with the same "
                "steps."
            )
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_LOOK_SECONDS)


def _last_report(path: Path, known: int) -> Report | None:
    """The last whole line of the reports, those of earlier processes, `known` bytes, left aside."""
    try:
        with open(path, "rb") as stream:
            stream.seek(0, os.SEEK_END)
            stream.seek(max(known, stream.tell() - 65536))
            lines = stream.read().split(b"\n")
    except FileNotFoundError:
        return None
    return parse_report(lines[-2].decode()) if len(lines) > 1 else None
