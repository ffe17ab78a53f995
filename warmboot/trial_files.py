"""What passes between a search and the training script that it runs: files in the folder of one run.

The script finds the folder through the environment variable `WARMBOOT_TRIAL`, which names `trial.json`:
what to train. It appends a line to `reports.jsonl` for each report, and ends early where there is a file
`stop`. The search writes the first and the last, the script the second. Most people need only `attach` (or
`lr`), `report` and `params`, which read and write these files; a file `taken` beside the reports is between
these: it says that a process of the script has taken the schedule, and `report` refuses results without it.
In a file `remark` the search finds what a person should know of the training, whatever becomes of it. Where
there is a file `checkpoints`, it says what of the run outlives its process (`warmboot.checkpoints`).
"""

import json
import math
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from warmboot.checks import integer_problem, is_integer, nearest, show
from warmboot.errors import ScheduleError
from warmboot.json_objects import json_object_problems, load_json
from warmboot.schedule import WarmbootSchedule
from warmboot.schedule_file import ScheduleFile, reads, writes
from warmboot.whole_file import write_whole

VARIABLE = "WARMBOOT_TRIAL"
FORMAT, VERSION = "warmboot-trial", 1
LARGEST_PARAMS_BYTES = 64 * 1024
LARGEST_SEED = 2**32 - 1
_REQUIRED = ("format", "version", "study", "trial", "total_steps", "seed", "schedule", "reports", "stop")
_KEYS = (*_REQUIRED, "params", "report_steps", "own_lr")


class TrialFileError(ScheduleError):
    """What is wrong with a trial file or a line of its reports, all of it; the same `problems`."""


@dataclass(frozen=True, kw_only=True)
class TrialFile:
    """What one run of a training script is to train, and where it says how it goes.

    Raises:
        TrialFileError: with all problems.
    """

    study: str
    trial: int
    """The trial's number in its study, >= 0."""
    total_steps: int
    """The horizon, in optimizer steps, >= 1."""
    seed: int
    """For weights and data order, in [0, 2**32 - 1]."""
    schedule: WarmbootSchedule
    reports: Path
    """Where the script appends its reports."""
    stop: Path
    """Where a file appears when the script is to end."""
    params: Mapping[str, Any] = field(default_factory=dict)
    """The trial's other hyperparameters, by name."""
    report_steps: tuple[int, ...] = ()
    """After how many steps a report is welcome; empty where the script decides."""
    own_lr: Path | None = None
    """Where `attach` writes the lr of the script's own optimizer and ends the script: nothing is trained.
    None in a trial; see `warmboot.own_lr`."""

    @property
    def taken(self) -> Path:
        """Where a file appears when the script has taken the schedule."""
        return self.reports.with_name("taken")

    @property
    def remark(self) -> Path:
        """Where a sentence appears that a person should read and that fails nothing."""
        return self.reports.with_name("remark")

    @property
    def checkpoints(self) -> Path:
        """Where a file tells what outlives the process."""
        return self.reports.with_name("checkpoints")

    def __post_init__(self) -> None:
        problems = _number_problems(self)
        problems += json_object_problems("params", self.params, largest_bytes=LARGEST_PARAMS_BYTES)
        if not isinstance(self.study, str):
            problems.append(f"study must be text but got {show(self.study)}")
        if not problems:
            problems += _fit_problems(self)
        if problems:
            raise TrialFileError("trial", problems)


@dataclass(frozen=True, kw_only=True)
class Report:
    """One line of the reports: metrics after `step` optimizer steps, NaN and infinities among them."""

    step: int
    metrics: Mapping[str, float]
    stopping: bool = False
    """The script saw the file `stop` and ends with this report."""


def write_trial(trial: TrialFile, path: Path) -> None:
    """Write `trial.json`, whole or not at all."""
    document = {
        "format": FORMAT,
        "version": VERSION,
        "study": trial.study,
        "trial": trial.trial,
        "total_steps": trial.total_steps,
        "seed": trial.seed,
        "schedule": json.loads(writes(ScheduleFile(trial.schedule)))["schedule"],
        "params": dict(trial.params),
        "report_steps": list(trial.report_steps),
        "reports": str(trial.reports),
        "stop": str(trial.stop),
    }
    if trial.own_lr is not None:
        document["own_lr"] = str(trial.own_lr)
    write_whole(path, json.dumps(document, indent=2, allow_nan=False) + "\n")


def read_trial(path: str | os.PathLike[str]) -> TrialFile:
    """The trial file at `path`; strict, as the schedule file's reader is.

    Raises:
        TrialFileError: with everything that is wrong with it.
        OSError: if it can't be read.
    """
    subject = str(path)
    document, problems = _load(Path(path).read_bytes(), subject)
    problems += _envelope_problems(document)
    problems += [f"{key} is missing" for key in _REQUIRED[2:] if key not in document]
    problems += _unknown_keys(document)
    schedule = _schedule(document.get("schedule"), problems) if "schedule" in document else None
    problems += _shape_problems(document)
    if problems or schedule is None:
        raise TrialFileError(subject, problems)
    fields = {key: document[key] for key in ("study", "trial", "total_steps", "seed")}
    try:
        return TrialFile(
            **fields,
            schedule=schedule,
            reports=Path(document["reports"]),
            stop=Path(document["stop"]),
            params=document.get("params", {}),
            report_steps=tuple(document.get("report_steps", ())),
            own_lr=Path(document["own_lr"]) if "own_lr" in document else None,
        )
    except TrialFileError as error:
        raise TrialFileError(subject, error.problems) from None


def current_trial() -> TrialFile | None:
    """The trial that this process runs for a search, or None outside one.

    For a script that follows `trial.schedule` by itself; whether it does, nobody checks then. `attach` and
    `lr` are checked.

    Raises:
        TrialFileError, OSError: where `WARMBOOT_TRIAL` names no trial file.
    """
    trial = trial_here()
    if trial is not None:
        trial.taken.touch()
    return trial


def trial_here() -> TrialFile | None:
    """The same for whoever does not take the schedule from it."""
    path = os.environ.get(VARIABLE)
    return _read_once(path) if path else None


_read_once = lru_cache(maxsize=1)(read_trial)


def report_line(report: Report) -> str:
    r"""A report as its line, with the line's end.

    >>> report_line(Report(step=40, metrics={"val": 2.5, "train": float("nan")}))
    '{"step": 40, "metrics": {"val": 2.5, "train": "nan"}}\n'
    """
    metrics = {name: value if math.isfinite(value) else str(value) for name, value in report.metrics.items()}
    document: dict[str, Any] = {"step": report.step, "metrics": metrics}
    if report.stopping:
        document["stopping"] = True
    return json.dumps(document, allow_nan=False) + "\n"


def parse_report(line: str) -> Report:
    """The report in a line; raises `TrialFileError` with all that is wrong with it."""
    subject = "report"
    document, problems = _load(line.encode(errors="replace"), subject)
    unknown = set(document) - {"step", "metrics", "stopping"}
    problems += [f"unknown key {show(key)}; known: step, metrics" for key in sorted(unknown)]
    step_problem = integer_problem("step", document.get("step"), at_least=0)
    problems += [] if step_problem is None else [step_problem]
    metrics = document.get("metrics")
    if not isinstance(metrics, dict) or not metrics:
        problems.append(f"metrics must be an object with one metric or more but got {show(metrics)}")
        metrics = {}
    problems += [_metric_problem(name, value) for name, value in metrics.items() if not _is_metric(value)]
    if problems:
        raise TrialFileError(subject, problems)
    numbers = {name: float(value) for name, value in metrics.items()}
    return Report(step=document["step"], metrics=numbers, stopping=bool(document.get("stopping")))


def _is_metric(value: object) -> bool:
    if isinstance(value, str):
        return value in ("nan", "inf", "-inf")
    return type(value) is float or (type(value) is int and abs(value) <= sys.float_info.max)


def _metric_problem(name: str, value: object) -> str:
    return f"{show(name)[1:-1]} must be a number but got {show(value)} ({type(value).__name__})"


def _load(content: bytes, subject: str) -> tuple[dict[str, Any], list[str]]:
    try:
        document, problems = load_json(content.decode())
    except (ValueError, RecursionError) as error:
        raise TrialFileError(subject, [f"is not JSON: {error}"]) from None
    if not isinstance(document, dict):
        raise TrialFileError(subject, [*problems, f"must be a JSON object but is {show(document)}"])
    return document, problems


def _envelope_problems(document: dict[str, Any]) -> list[str]:
    problems = []
    if document.get("format") != FORMAT:
        problems.append(f'format must be "{FORMAT}" but got {show(document.get("format"))}')
    version = document.get("version")
    if is_integer(version) and version > VERSION:
        problems.append(
            f"version {show(version)} is newer than this warmboot reads ({VERSION}); update warmboot in "
            "the script's environment: pip install --upgrade warmboot"
        )
    elif version != VERSION or not is_integer(version):
        problems.append(f"version must be {VERSION} but got {show(version)}")
    return problems


def _unknown_keys(document: dict[str, Any]) -> list[str]:
    problems = []
    for key in document:
        if key not in _KEYS:
            problems.append(f"unknown key {show(key)}; {nearest(key, _KEYS)}")
    return problems


def _schedule(table: object, problems: list[str]) -> WarmbootSchedule | None:
    """The schedule in a table as in a schedule file, read by the reader of schedule files."""
    document = {"format": "warmboot-schedule", "version": 1, "schedule": table}
    try:
        return reads(json.dumps(document)).schedule
    except ScheduleError as error:
        problems += error.problems
        return None


def _shape_problems(document: dict[str, Any]) -> list[str]:
    problems = [
        f"{key} must be a path but got {show(document[key])}"
        for key in ("reports", "stop", "own_lr")
        if key in document and (not isinstance(document[key], str) or not document[key])
    ]
    if not isinstance(document.get("report_steps", []), list):
        problems.append(f"report_steps must be a list of steps but got {show(document['report_steps'])}")
    return problems


def _number_problems(trial: TrialFile) -> list[str]:
    found = (
        integer_problem("trial", trial.trial, at_least=0),
        integer_problem("total_steps", trial.total_steps, at_least=1),
        integer_problem("seed", trial.seed, at_least=0),
        *(integer_problem("each of report_steps", step, at_least=0) for step in trial.report_steps),
    )
    problems = [problem for problem in found if problem is not None]
    if is_integer(trial.seed) and trial.seed > LARGEST_SEED:
        problems.append(f"seed must be at most {LARGEST_SEED} but got {show(trial.seed)}")
    return problems


def _fit_problems(trial: TrialFile) -> list[str]:
    steps, problems = trial.report_steps, []
    if not all(a < b for a, b in pairwise(steps)) or (steps and steps[-1] > trial.total_steps):
        problems.append(
            f"report_steps must rise strictly and lie in [0, {trial.total_steps}] but got {show(steps)}"
        )
    try:
        trial.schedule.layout(trial.total_steps)
    except ScheduleError as error:
        problems += error.problems
    return problems
