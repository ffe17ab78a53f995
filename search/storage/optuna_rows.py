"""Many of Optuna's rows in one statement: the one file that writes its tables itself.

Optuna's own calls are a transaction each, some twenty for a trial of five reports, which together take longer
than a short training. What is written here is what they would have written (a test reads both), and only
where the tables are of the version known here: `writes_rows` tells, and whoever calls has Optuna's own way
beside it.
"""

from __future__ import annotations

import datetime
import enum
import json
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from optuna.distributions import BaseDistribution, distribution_to_json
from optuna.trial import TrialState
from sqlalchemy import (
    Column,
    Connection,
    DateTime,
    Engine,
    Enum,
    Float,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    delete,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

KNOWN_SCHEMA = 12
"""The version of Optuna's tables that is written here."""
DIALECTS = ("sqlite", "postgresql")


class ValueType(enum.Enum):
    """How Optuna stores a value that is no finite number."""

    FINITE = 1
    INF_POS = 2
    INF_NEG = 3


class IntermediateValueType(enum.Enum):
    """The same of an intermediate value."""

    FINITE = 1
    INF_POS = 2
    INF_NEG = 3
    NAN = 4


_metadata = MetaData()
_version = Table("version_info", _metadata, Column("schema_version", Integer))
_studies = Table("studies", _metadata, Column("study_id", Integer, primary_key=True))
_trials = Table(
    "trials",
    _metadata,
    Column("trial_id", Integer, primary_key=True),
    Column("number", Integer),
    Column("study_id", Integer),
    Column("state", Enum(TrialState, name="trialstate")),
    Column("datetime_start", DateTime),
    Column("datetime_complete", DateTime),
)
_params = Table(
    "trial_params",
    _metadata,
    Column("param_id", Integer, primary_key=True),
    Column("trial_id", Integer),
    Column("param_name", String),
    Column("param_value", Float(precision=53)),
    Column("distribution_json", Text),
)
_user_attrs = Table(
    "trial_user_attributes",
    _metadata,
    Column("trial_user_attribute_id", Integer, primary_key=True),
    Column("trial_id", Integer),
    Column("key", String),
    Column("value_json", Text),
)
_system_attrs = Table(
    "trial_system_attributes",
    _metadata,
    Column("trial_system_attribute_id", Integer, primary_key=True),
    Column("trial_id", Integer),
    Column("key", String),
    Column("value_json", Text),
)
_values = Table(
    "trial_values",
    _metadata,
    Column("trial_value_id", Integer, primary_key=True),
    Column("trial_id", Integer),
    Column("objective", Integer),
    Column("value", Float(precision=53)),
    Column("value_type", Enum(ValueType, name="trialvaluetype")),
)
_reports = Table(
    "trial_intermediate_values",
    _metadata,
    Column("trial_intermediate_value_id", Integer, primary_key=True),
    Column("trial_id", Integer),
    Column("step", Integer),
    Column("intermediate_value", Float(precision=53)),
    Column("intermediate_value_type", Enum(IntermediateValueType, name="trialintermediatevaluetype")),
)


@dataclass(frozen=True, kw_only=True)
class NewTrial:
    """A trial to be written as WAITING, with all that it has from the start."""

    params: Mapping[str, Any]
    distributions: Mapping[str, BaseDistribution]
    user_attrs: Mapping[str, Any] = field(default_factory=dict)
    system_attrs: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class EndedTrial:
    """How a trial that was RUNNING has ended."""

    number: int
    state: TrialState
    value: float | None = None
    """Of a COMPLETE one."""
    user_attrs: Mapping[str, Any] = field(default_factory=dict)
    reports: Mapping[int, float] = field(default_factory=dict)
    """Step -> intermediate value; a step that was reported before keeps what it has."""


def writes_rows(engine: Engine) -> bool:
    """Whether the tables of this database are those that are written here."""
    if engine.dialect.name not in DIALECTS:
        return False
    with engine.connect() as connection:
        return connection.scalar(select(_version.c.schema_version)) == KNOWN_SCHEMA


def add_trials(connection: Connection, study_id: int, n_known: int, new: Sequence[NewTrial]) -> bool:
    """Append WAITING trials to a study that has `n_known`; where it has others nothing is done, and False."""
    lock = select(_studies.c.study_id).where(_studies.c.study_id == study_id).with_for_update()
    connection.execute(lock)
    count = select(func.count()).select_from(_trials).where(_trials.c.study_id == study_id)
    if connection.scalar(count) != n_known:
        return False
    rows = [
        {"number": n_known + i, "study_id": study_id, "state": TrialState.WAITING} for i in range(len(new))
    ]
    ids = connection.scalars(
        insert(_trials).returning(_trials.c.trial_id, sort_by_parameter_order=True), rows
    )
    pairs = list(zip(ids, new, strict=True))
    _insert(connection, _params, (row for i, trial in pairs for row in _param_rows(i, trial)))
    _insert(connection, _user_attrs, (row for i, t in pairs for row in _attr_rows(i, t.user_attrs)))
    _insert(connection, _system_attrs, (row for i, t in pairs for row in _attr_rows(i, t.system_attrs)))
    return True


def start_trials(connection: Connection, study_id: int, numbers: Collection[int]) -> dict[int, int]:
    """Let WAITING trials run; number -> trial id of those that were."""
    of_study = (_trials.c.study_id == study_id) & _trials.c.number.in_(list(numbers))
    started = (
        update(_trials)
        .where(of_study, _trials.c.state == TrialState.WAITING)
        .values(state=TrialState.RUNNING, datetime_start=_now())
        .returning(_trials.c.number, _trials.c.trial_id)
    )
    return {row.number: row.trial_id for row in connection.execute(started)}


def end_trials(connection: Connection, study_id: int, ended: Sequence[EndedTrial]) -> list[int]:
    """End RUNNING trials; the numbers of those that were, the others are left as they are."""
    won: dict[int, EndedTrial] = {}
    for trial in ended:  # a statement each: whoever changes the row first has told the trial
        running = (_trials.c.study_id == study_id) & (_trials.c.number == trial.number)
        changed = (
            update(_trials)
            .where(running, _trials.c.state == TrialState.RUNNING)
            .values(state=trial.state, datetime_complete=_now())
            .returning(_trials.c.trial_id)
        )
        won |= dict.fromkeys(connection.scalars(changed), trial)
    _add_reports(connection, [(i, step, v) for i, t in won.items() for step, v in t.reports.items()])
    values = {trial_id: trial.value for trial_id, trial in won.items() if trial.value is not None}
    values |= _last_reports(connection, [i for i, t in won.items() if t.state == TrialState.PRUNED])
    _insert(connection, _values, (_value_row(trial_id, value) for trial_id, value in values.items()))
    _set_attributes(connection, {trial_id: trial.user_attrs for trial_id, trial in won.items()})
    return [trial.number for trial in won.values()]


def _last_reports(connection: Connection, trial_ids: Sequence[int]) -> dict[int, float]:
    """Of trials that were pruned: Optuna gives them the value that they reported last, if it is one."""
    if not trial_ids:
        return {}
    columns = (_reports.c.trial_id, _reports.c.intermediate_value, _reports.c.intermediate_value_type)
    rows = connection.execute(
        select(*columns).where(_reports.c.trial_id.in_(trial_ids)).order_by(_reports.c.step)
    )
    last = {trial_id: (value, kind) for trial_id, value, kind in rows}
    infinite = {IntermediateValueType.INF_POS: math.inf, IntermediateValueType.INF_NEG: -math.inf}
    return {
        trial_id: infinite.get(kind, value)
        for trial_id, (value, kind) in last.items()
        if kind is not IntermediateValueType.NAN
    }


def add_reports(connection: Connection, study_id: int, reports: Mapping[int, Mapping[int, float]]) -> None:
    """Write intermediate values of RUNNING trials, number -> step -> value; what was reported at a step
    stays."""
    of_study = (_trials.c.study_id == study_id) & _trials.c.number.in_(list(reports))
    running = select(_trials.c.number, _trials.c.trial_id).where(
        of_study, _trials.c.state == TrialState.RUNNING
    )
    ids = {row.number: row.trial_id for row in connection.execute(running)}
    _add_reports(
        connection, [(ids[n], step, v) for n, row in reports.items() if n in ids for step, v in row.items()]
    )


def _add_reports(connection: Connection, reports: Sequence[tuple[int, int, float]]) -> None:
    rows = [_report_row(*report) for report in reports]
    if rows:
        dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
        connection.execute(dialect.insert(_reports).on_conflict_do_nothing(), rows)


def _set_attributes(connection: Connection, of_trials: Mapping[int, Mapping[str, Any]]) -> None:
    """Trial id -> attributes; those that were set before are replaced."""
    for trial_id, attributes in of_trials.items():
        old = (_user_attrs.c.trial_id == trial_id) & _user_attrs.c.key.in_(list(attributes))
        connection.execute(delete(_user_attrs).where(old))
    _insert(connection, _user_attrs, (row for i, attrs in of_trials.items() for row in _attr_rows(i, attrs)))


def _insert(connection: Connection, table: Table, rows: Iterable[Mapping[str, Any]]) -> None:
    found = list(rows)
    if found:
        connection.execute(insert(table), found)


def _param_rows(trial_id: int, trial: NewTrial) -> list[dict[str, Any]]:
    return [
        {
            "trial_id": trial_id,
            "param_name": name,
            "param_value": trial.distributions[name].to_internal_repr(value),
            "distribution_json": distribution_to_json(trial.distributions[name]),
        }
        for name, value in trial.params.items()
    ]


def _attr_rows(trial_id: int, attributes: Mapping[str, Any]) -> list[dict[str, Any]]:
    stored = {key: json.dumps(value) for key, value in attributes.items()}
    return [{"trial_id": trial_id, "key": key, "value_json": text} for key, text in stored.items()]


def _value_row(trial_id: int, value: float) -> dict[str, Any]:
    kind = ValueType.FINITE if math.isfinite(value) else ValueType[_infinite(value)]
    stored = value if kind is ValueType.FINITE else None
    return {"trial_id": trial_id, "objective": 0, "value": stored, "value_type": kind}


def _report_row(trial_id: int, step: int, value: float) -> dict[str, Any]:
    kind = IntermediateValueType.FINITE
    if math.isnan(value):
        kind = IntermediateValueType.NAN
    elif math.isinf(value):
        kind = IntermediateValueType[_infinite(value)]
    stored = value if kind is IntermediateValueType.FINITE else None
    return {
        "trial_id": trial_id,
        "step": step,
        "intermediate_value": stored,
        "intermediate_value_type": kind,
    }


def _infinite(value: float) -> str:
    return "INF_POS" if value > 0 else "INF_NEG"


def _now() -> datetime.datetime:
    """Optuna keeps the times of trials in UTC, without saying so."""
    return datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
