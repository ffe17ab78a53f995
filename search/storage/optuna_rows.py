"""Many of Optuna's rows in one statement.

Optuna's own calls are a transaction each, some twenty for a trial of five reports, which together take longer
than a short training. What is written here is what they would have written; a test reads both.
"""

from __future__ import annotations

import datetime
import json
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from optuna.distributions import distribution_to_json
from optuna.trial import TrialState
from sqlalchemy import (
    Connection,
    Table,
    delete,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from search.storage.optuna_tables import (
    PARAMS,
    REPORTS,
    STUDIES,
    SYSTEM_ATTRS,
    TRIALS,
    USER_ATTRS,
    VALUES,
    IntermediateValueType,
    ValueType,
    read_value,
    stored_value,
)
from search.storage.plans import NextTrial


@dataclass(frozen=True, kw_only=True)
class EndedTrial:
    """How a trial that was RUNNING has ended."""

    number: int
    state: TrialState
    value: float | None = None
    """Of a COMPLETE one."""
    user_attrs: Mapping[str, Any] = field(default_factory=dict)
    system_attrs: Mapping[str, Any] = field(default_factory=dict)
    reports: Mapping[int, float] = field(default_factory=dict)
    """Step -> intermediate value; a step that was reported before keeps what it has."""


def add_trials(connection: Connection, study_id: int, n_known: int, new: Sequence[NextTrial]) -> bool:
    """Append WAITING trials to a study that has `n_known`; where it has others nothing is done, and False.

    Each has the distributions of its parameters.
    """
    lock = select(STUDIES.c.study_id).where(STUDIES.c.study_id == study_id).with_for_update()
    connection.execute(lock)
    count = select(func.count()).select_from(TRIALS).where(TRIALS.c.study_id == study_id)
    if connection.scalar(count) != n_known:
        return False
    rows = [{"number": n_known + i, "study_id": study_id, "state": "WAITING"} for i in range(len(new))]
    ids = connection.scalars(insert(TRIALS).returning(TRIALS.c.trial_id, sort_by_parameter_order=True), rows)
    pairs = list(zip(ids, new, strict=True))
    _insert(connection, PARAMS, (row for i, trial in pairs for row in _param_rows(i, trial)))
    _insert(connection, USER_ATTRS, (row for i, t in pairs for row in _attr_rows(i, t.user_attrs)))
    _insert(connection, SYSTEM_ATTRS, (row for i, t in pairs for row in _attr_rows(i, t.system_attrs)))
    return True


def start_trials(connection: Connection, study_id: int, numbers: Collection[int]) -> dict[int, int]:
    """Let WAITING trials run; number -> trial id of those that were."""
    of_study = (TRIALS.c.study_id == study_id) & TRIALS.c.number.in_(list(numbers))
    started = (
        update(TRIALS)
        .where(of_study, TRIALS.c.state == "WAITING")
        .values(state="RUNNING", datetime_start=_now())
        .returning(TRIALS.c.number, TRIALS.c.trial_id)
    )
    return {row.number: row.trial_id for row in connection.execute(started)}


def end_trials(connection: Connection, study_id: int, ended: Sequence[EndedTrial]) -> list[int]:
    """End RUNNING trials; the numbers of those that were, the others are left as they are."""
    won: dict[int, EndedTrial] = {}
    for trial in ended:  # a statement each: whoever changes the row first has told the trial
        running = (TRIALS.c.study_id == study_id) & (TRIALS.c.number == trial.number)
        changed = (
            update(TRIALS)
            .where(running, TRIALS.c.state == "RUNNING")
            .values(state=trial.state.name, datetime_complete=_now())
            .returning(TRIALS.c.trial_id)
        )
        won |= dict.fromkeys(connection.scalars(changed), trial)
    _add_reports(connection, [(i, step, v) for i, t in won.items() for step, v in t.reports.items()])
    values = {trial_id: trial.value for trial_id, trial in won.items() if trial.value is not None}
    values |= _last_reports(connection, [i for i, t in won.items() if t.state == TrialState.PRUNED])
    _insert(connection, VALUES, (_value_row(trial_id, value) for trial_id, value in values.items()))
    _set_attributes(connection, USER_ATTRS, {i: trial.user_attrs for i, trial in won.items()})
    _set_attributes(connection, SYSTEM_ATTRS, {i: trial.system_attrs for i, trial in won.items()})
    return [trial.number for trial in won.values()]


def _last_reports(connection: Connection, trial_ids: Sequence[int]) -> dict[int, float]:
    """Of trials that were pruned: Optuna gives them the value that they reported last, if it is one."""
    if not trial_ids:
        return {}
    columns = (REPORTS.c.trial_id, REPORTS.c.intermediate_value, REPORTS.c.intermediate_value_type)
    rows = connection.execute(
        select(*columns).where(REPORTS.c.trial_id.in_(trial_ids)).order_by(REPORTS.c.step)
    )
    last = {trial_id: (value, kind) for trial_id, value, kind in rows}
    values = {trial_id: read_value(*stored) for trial_id, stored in last.items()}
    return {trial_id: value for trial_id, value in values.items() if not math.isnan(value)}


def add_reports(connection: Connection, study_id: int, reports: Mapping[int, Mapping[int, float]]) -> None:
    """Write intermediate values of RUNNING trials, number -> step -> value; what was reported at a step
    stays."""
    of_study = (TRIALS.c.study_id == study_id) & TRIALS.c.number.in_(list(reports))
    running = select(TRIALS.c.number, TRIALS.c.trial_id).where(of_study, TRIALS.c.state == "RUNNING")
    ids = {row.number: row.trial_id for row in connection.execute(running)}
    _add_reports(
        connection, [(ids[n], step, v) for n, row in reports.items() if n in ids for step, v in row.items()]
    )


def _add_reports(connection: Connection, reports: Sequence[tuple[int, int, float]]) -> None:
    rows = [_report_row(*report) for report in reports]
    if rows:
        dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
        connection.execute(dialect.insert(REPORTS).on_conflict_do_nothing(), rows)


def _set_attributes(connection: Connection, table: Table, of_trials: Mapping[int, Mapping[str, Any]]) -> None:
    """Trial id -> attributes; those that were set before are replaced."""
    for trial_id, attributes in of_trials.items():
        if not attributes:
            continue
        old = (table.c.trial_id == trial_id) & table.c.key.in_(list(attributes))
        connection.execute(delete(table).where(old))
    _insert(connection, table, (row for i, attrs in of_trials.items() for row in _attr_rows(i, attrs)))


def _insert(connection: Connection, table: Table, rows: Iterable[Mapping[str, Any]]) -> None:
    found = list(rows)
    if found:
        connection.execute(insert(table), found)


def _param_rows(trial_id: int, trial: NextTrial) -> list[dict[str, Any]]:
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
    stored, kind = stored_value(value)
    return {"trial_id": trial_id, "objective": 0, "value": stored, "value_type": ValueType[kind]}


def _report_row(trial_id: int, step: int, value: float) -> dict[str, Any]:
    stored, kind = stored_value(value)
    return {
        "trial_id": trial_id,
        "step": step,
        "intermediate_value": stored,
        "intermediate_value_type": IntermediateValueType[kind],
    }


def _now() -> datetime.datetime:
    """Optuna keeps the times of trials in UTC, without saying so."""
    return datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
