"""Small studies made by hand: no training, only the numbers a training would have told."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from optuna.samplers import RandomSampler
from optuna.trial import FixedTrial, FrozenTrial

from search.early_stopping.pruners import build_pruner
from search.runs.schedule_key import schedule_key
from search.runs.trial_attributes import SCHEDULE_KEY, SEED_INDEX
from search.spec.study import StudySpec
from search.storage.address import parse_address
from search.storage.database import Database, open_for_work
from search.storage.plans import NextTrial, Plan
from search.storage.seed_claims import SeedClaims
from search.storage.study_making import create_or_resume
from search.storage.study_record import StudyRecord
from search.storage.trial_queue import TrialQueue
from search.strategy.baselines_first import baselines_first
from search.worker.planner import BaselinesPlan

FINGERPRINT = "f" * 64
PROXY = {
    "name": "char_lm_mlp",
    "fingerprint": FINGERPRINT,
    "optimizer": "sgd",
    "weight_decay": 0.0,
    "batch_size": 32,
    "parameters": 31_447,
}
SPACE: Mapping[str, Any] = {
    "lr": {"low": 0.01, "high": 1.0, "log": True},
    "warmup": {"low": 0.0, "high": 0.2},
    "n_restarts": {"low": 0, "high": 2},
    "step_scale": {"low": 0.5, "high": 1.0},
    "curve": ["cosine", "linear"],
}
LINEAR = {"lr": 0.1, "warmup": 0.0, "n_restarts": 0, "curve": "linear"}


def study_table(**changes: Any) -> dict[str, Any]:
    """A study file as `tomllib` gives it; None leaves an entry out."""
    table = {
        "name": "small",
        "proxy": "char_lm_mlp",
        "total_steps": 100,
        "n_trials": 8,
        "space": dict(SPACE),
        **changes,
    }
    return {key: value for key, value in table.items() if value is not None}


def study_spec(**changes: Any) -> StudySpec:
    return StudySpec.model_validate(study_table(**changes))


def open_database(folder: Path) -> Database:
    """The database of a folder; where there is none yet, a copy of the first that was made here."""
    path = folder / "studies.db"
    if not path.exists():
        path.write_bytes(_empty_database())
    return open_for_work(parse_address(f"sqlite:///{path}"))


@functools.cache
def _empty_database() -> bytes:
    """A SQLite file with its tables, whose making takes three times as long as opening it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "studies.db"
        open_for_work(parse_address(f"sqlite:///{path}")).close()
        return path.read_bytes()


def standards_plan(spec: StudySpec, n_trials: int | None) -> Plan:
    """The standards first, and then the sampler: what a study with one of Optuna's samplers does."""
    return BaselinesPlan(baselines_first(spec, n_trials))


def make_study(database: Database, **changes: Any) -> StudyRecord:
    record, _ = create_or_resume(database, study_spec(**changes), PROXY)
    return record


def nothing_planned(_trials: Sequence[FrozenTrial]) -> None:
    """A study that begins with the sampler's own proposals."""
    return


def trial_queue(record: StudyRecord, plan: Plan = nothing_planned, seed: int = 0) -> TrialQueue:
    return TrialQueue(record, RandomSampler(seed=seed), plan, build_pruner(record.spec.early_stopping))


def fill(
    record: StudyRecord, rows: Sequence[tuple[Mapping[str, Any], float]], **attributes: Any
) -> list[str]:
    """Complete one trial for each `(parameters, value)`; returns their schedule keys."""
    start, spec = len(record.load().get_trials(deepcopy=False)), record.spec
    claims = SeedClaims(record.database.engine, record.study_id)
    planned: dict[int, NextTrial] = {}
    for number, (row, _) in enumerate(rows, start):
        drawn = FixedTrial(dict(row), number)
        schedule, other = spec.parsed_space.sample(drawn), spec.parsed_params.sample(drawn)
        key = schedule_key(schedule.lr_table(spec.horizon_steps), other)
        seed = {SCHEDULE_KEY: key, SEED_INDEX: claims.claim(key, number)}
        planned[number] = NextTrial(drawn.params, {**attributes, **seed}, drawn.distributions)
    queue = trial_queue(record, lambda trials: planned[len(trials)])
    for _, value in rows:
        trial = queue.next()
        assert trial is not None, "the study has no room for so many trials"
        assert queue.complete(trial, value, {})
    return [trial.user_attrs[SCHEDULE_KEY] for trial in planned.values()]
