"""From a schedule and a seed to the run that trains it, for either kind of trainer."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

from search.runs.run import Run
from search.runs.seeds import Seed
from search.scripts.script_run import ScriptRun
from search.spec.study import StudySpec
from warmboot.schedule import WarmbootSchedule

AnyRun = Run | ScriptRun
"""A run of a population, or one that a script or a function proxy trains by itself."""


def make_run(
    spec: StudySpec,
    *,
    key: Hashable,
    schedule: WarmbootSchedule,
    params: Mapping[str, Any],
    seed: Seed,
    total_steps: int,
    report_steps: tuple[int, ...],
    trial: int,
    averaged_steps: tuple[int, ...] = (),
    test_at_end: bool = False,
) -> AnyRun:
    """The run of one schedule with one seed.

    Args:
        spec: the study.
        key: comes back with every measurement.
        schedule: with its lr.
        params: the trial's other hyperparameters.
        seed: fixes weights and data order.
        total_steps: its horizon, the study's or a shorter one.
        report_steps: when a population measures it; a script decides by itself.
        trial: the number of the trial it belongs to, or confirms.
        averaged_steps: when a population measures the average of its weights as well.
        test_at_end: whether a population judges it on test data too; a script reports what it likes.
    """
    if spec.proxy_kind == "declared":
        table = schedule.lr_table(total_steps)
        return Run(
            key=key,
            lr_table=table,
            seed=seed,
            report_steps=report_steps,
            averaged_steps=averaged_steps,
            test_at_end=test_at_end,
            params=params,
        )
    return ScriptRun(
        key=key,
        study=spec.name,
        trial=trial,
        schedule=schedule,
        total_steps=total_steps,
        seed=seed,
        params=params,
        report_steps=report_steps,
    )
