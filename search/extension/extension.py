"""`extend`: a finished run goes on from its last state, on a schedule with one more cycle."""

from __future__ import annotations

import datetime
import json
import math
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from search.checkpoints.script_files import EXTENDS
from search.checkpoints.study_folder import StudyCheckpoints
from search.errors import RunError
from search.extension.source import Source, find_source
from search.messages import Say
from search.report.board import refresh_board
from search.runs import seeds
from search.runs.run import Measurement
from search.runs.trial_attributes import SEED_INDEX, kept
from search.spec.params import other_params
from search.spec.study import StudySpec
from search.storage.study_attributes import EXTENSIONS
from search.storage.study_record import StudyRecord
from search.training.runs import AnyRun, make_run
from search.training.study_checkpoints import folder_of
from search.verdict.study_arms import TrainingOptions, require_other_horizons, study_arms
from search.worker.trial_runs import report_steps
from warmboot.extended_schedule import extended
from warmboot.lr_state import identity
from warmboot.schedule import WarmbootSchedule
from warmboot.schedule_file import Horizon, ScheduleFile, writes

STEP_SCALE = 0.5
"""Peak of the new cycle as a part of the last one's, where the schedule has no restart that says it."""


@dataclass(frozen=True, kw_only=True)
class ExtendOptions(TrainingOptions):
    """Options of an extension.

    Attributes:
        total_steps: how long the run will be.
        trial: its number; None: of the answer.
        step_scale: the new cycle's peak as a part of the last one's; None: the schedule's own last step
            scale, else `STEP_SCALE`.
    """

    total_steps: int
    trial: int | None = None
    step_scale: float | None = None


@dataclass(frozen=True)
class Extension:
    """What came of it.

    Attributes:
        trial: the trial's number.
        from_steps, total_steps: how long it was and is.
        schedule: of the whole run.
        objective: of the study.
        value_before, value: there and here.
        metrics: all that was measured at its end.
        folder: with its last checkpoint.
        date: the day, in UTC, as 2026-01-31.
    """

    trial: int
    from_steps: int
    total_steps: int
    schedule: WarmbootSchedule
    objective: str
    value_before: float
    value: float
    metrics: dict[str, float]
    folder: Path
    date: str

    def to_json(self) -> dict[str, Any]:
        """Plain data, as it is kept on the study."""
        document = json.loads(writes(ScheduleFile(self.schedule)))
        return {**vars(self), "schedule": document, "folder": str(self.folder)}

    def file(self) -> str:
        """Its schedule as a schedule file for its horizon."""
        origin = {"extended": {"trial": self.trial, "from_steps": self.from_steps, "on": self.date}}
        return writes(ScheduleFile(self.schedule, Horizon(total_steps=self.total_steps), origin))

    def lines(self) -> list[str]:
        """For a person."""
        return [
            f"trial {self.trial} continued from {self.from_steps:,} to {self.total_steps:,} steps: "
            f"{self.objective} {self.value_before:.4g} -> {self.value:.4g}",
            f"schedule of the whole run: {self.schedule.describe()}",
            f"its checkpoint: {self.folder}",
        ]


def extend(record: StudyRecord, options: ExtendOptions, say: Say, how_far: Say) -> Extension:
    """Continue a run; the study keeps what came of it. The same call after an interruption goes on.

    Args:
        record: the study.
        options: what is asked.
        say: told what is done.
        how_far: told each report of the training.

    Raises:
        UsageError: nothing is kept to go on from, or the script can't be told a horizon.
        RunError: the study has no complete trial, or the training fails.
    """
    spec = record.spec
    options.permission.require(spec.proxy)
    require_other_horizons(record.name, spec)
    source = find_source(record, options.trial, options.total_steps)
    run, schedule = _run(spec, source, options)
    store = _store(record)
    _begin(store.of(run.identity), source)
    say(f"trial {source.trial.number} goes on from step {source.total_steps:,}: {schedule.describe()}")

    def reported(measured: Measurement) -> None:
        if measured.step <= source.total_steps:  # of the run that it goes on from
            return
        value = measured.metrics.get(spec.objective, math.nan)
        how_far(f"step {measured.step:,} of {options.total_steps:,}, {spec.objective} {value:#.4g}")

    with study_arms(record, options, lambda _n: None, say, store) as arms:
        measured = arms.measured(run, say, reported)
    if measured.diverged_at_step is not None:
        store.forget(run.identity)
        raise RunError(
            f"the training diverged at step {measured.diverged_at_step}; give a lower --step-scale."
        )
    found = Extension(
        trial=source.trial.number,
        from_steps=source.total_steps,
        total_steps=options.total_steps,
        schedule=schedule,
        objective=spec.objective,
        value_before=source.value,
        value=measured.metrics[spec.objective],
        metrics=dict(measured.metrics),
        folder=store.of(run.identity),
        date=datetime.datetime.now(datetime.UTC).date().isoformat(),
    )
    _keep(record, found)
    refresh_board(record, say)
    return found


def _run(spec: StudySpec, source: Source, options: ExtendOptions) -> tuple[AnyRun, WarmbootSchedule]:
    """The whole run, of which the first steps are done."""
    before, first, last = source.schedule, source.total_steps, options.total_steps
    scales = before.step_scale if isinstance(before.step_scale, tuple) else (before.step_scale,)
    own = scales[-1] if before.restarts and scales else STEP_SCALE
    schedule = extended(before, first, to_steps=last, step_scale=options.step_scale or own)
    run = make_run(
        spec,
        key=("extension", source.trial.number, last),
        schedule=schedule,
        params=other_params(source.trial.params),
        seed=seeds.run_seed(spec.seed, int(kept(source.trial, SEED_INDEX))),
        total_steps=last,
        report_steps=tuple(first + step for step in report_steps(last - first)),
        trial=source.trial.number,
    )
    return run, schedule


def _store(record: StudyRecord) -> StudyCheckpoints:
    folder = folder_of(record)
    assert folder is not None, "a source was found there"
    return StudyCheckpoints(folder / "extended", max_bytes=2**63)


def _begin(place: Path, source: Source) -> None:
    """Put what the run goes on from into its folder, whole; one that was begun before goes on."""
    if place.exists():
        return
    part = place.with_name(f"{place.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    shutil.copytree(source.folder, part)
    before = {"schedule": json.dumps(identity(source.schedule)), "total_steps": source.total_steps}
    (part / EXTENDS).write_text(json.dumps({**before, "retargets": []}), encoding="utf-8")
    part.rename(place)


def _keep(record: StudyRecord, found: Extension) -> None:
    """Note it on the study; the same once more takes the place of the first."""

    def keep() -> None:
        others = [
            each
            for each in record.attributes.extensions
            if (each["trial"], each["total_steps"]) != (found.trial, found.total_steps)
        ]
        record.set_attribute(EXTENSIONS, [*others, found.to_json()])

    record.database.locked(keep)
