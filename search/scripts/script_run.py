"""`ScriptRun`, one training that a script is to do, and `Limits`, how long it may take."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from search.runs.seeds import Seed
from warmboot.schedule import WarmbootSchedule
from warmboot.schedule_file import ScheduleFile, writes
from warmboot.trial_files import TrialFile

STOP_GRACE_SECONDS = 5.0
"""A run that is asked to end has so long to do so, before it is ended."""
SAVING_GRACE_SECONDS = 30.0
"""The same for one that saves checkpoints, where its worker ends."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """When a run is ended; None is never."""

    time_limit_seconds: float | None = None
    """From its start."""
    silence_limit_seconds: float | None = None
    """Since it last printed or reported anything."""
    stop_grace_seconds: float | None = None
    """From SIGTERM to SIGKILL where its worker ends before it; None: `SAVING_GRACE_SECONDS` once it has asked
    for its folder for checkpoints, else `STOP_GRACE_SECONDS`."""

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if value is not None and not 0 < value < float("inf"):
                raise ValueError(f"{name} must be greater than 0 but got {value!r}.")


@dataclass(frozen=True, kw_only=True)
class ScriptRun:
    """One training of one schedule with one seed to one horizon, by a script."""

    key: Hashable
    """The caller's name for the run; returned with each of its measurements."""
    study: str
    trial: int
    """The trial's number; of a confirmation, the number of the trial that is confirmed."""
    schedule: WarmbootSchedule
    """With its lr, where the search decides it."""
    total_steps: int
    """The horizon, in optimizer steps."""
    seed: Seed
    """As a population's run has it; the script gets 32 bits of it."""
    params: Mapping[str, Any] = field(default_factory=dict)
    """The trial's other hyperparameters."""
    report_steps: tuple[int, ...] = ()
    """After how many steps a report is welcome; empty where the script decides."""

    @property
    def identity(self) -> str:
        """A name for what it trains: equal for equal schedules, parameters, seeds and horizons."""
        what = {
            "schedule": json.loads(writes(ScheduleFile(self.schedule)))["schedule"],
            "params": dict(self.params),
            "seed": list(self.seed),
            "total_steps": self.total_steps,
        }
        return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:24]

    @property
    def script_seed(self) -> int:
        """The seed as one number in [0, 2**32 - 1]: equal seeds give equal numbers."""
        return int(np.random.SeedSequence(self.seed).generate_state(1, np.uint32)[0])

    @property
    def placeholders(self) -> dict[str, Any]:
        """Values for the fields of a command, by name."""
        run = {"total_steps": self.total_steps, "seed": self.script_seed, "trial": self.trial}
        return {**self.params, **run}

    def trial_file(self, folder: Path) -> TrialFile:
        """The trial file of the script, with its files in `folder`; raises `TrialFileError`."""
        return TrialFile(
            study=self.study,
            trial=self.trial,
            total_steps=self.total_steps,
            seed=self.script_seed,
            schedule=self.schedule,
            params=dict(self.params),
            report_steps=self.report_steps,
            reports=folder / "reports.jsonl",
            stop=folder / "stop",
        )
