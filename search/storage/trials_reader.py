"""Reading a study's trials: the finished ones once, of the others what there is now."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from functools import lru_cache, partial
from typing import Any

from optuna.distributions import BaseDistribution, json_to_distribution
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy import Connection, Engine, Row, Table, select

from search.storage.finished_once import FinishedOnce
from search.storage.optuna_tables import (
    PARAMS,
    REPORTS,
    SYSTEM_ATTRS,
    USER_ATTRS,
    VALUES,
    local_time,
    read_value,
)

_IDS_AT_ONCE = 500
"""Trials of which the rest is read in one statement; SQLite allows some thousand values in one."""


class TrialsReader:
    """Reads the trials of one study, as Optuna's own storage gives them.

    Args:
        engine: of the database, whose tables are known.
        study_id: Optuna's.
    """

    def __init__(self, engine: Engine, study_id: int) -> None:
        self._engine = engine
        self._trials = FinishedOnce[FrozenTrial](study_id)

    def read(self) -> list[FrozenTrial]:
        """All trials, in the order of their numbers."""
        with self._engine.begin() as connection:
            return self._trials.read(connection, partial(_trials_of, connection))


def _trials_of(connection: Connection, rows: Sequence[Row[Any]]) -> dict[int, FrozenTrial]:
    """Trial number -> trial."""
    found: dict[int, FrozenTrial] = {}
    for start in range(0, len(rows), _IDS_AT_ONCE):
        some = rows[start : start + _IDS_AT_ONCE]
        ids = [row.trial_id for row in some]
        parts = {table.name: _by_trial(connection, table, ids) for table in _PARTS}
        found |= {
            row.number: _trial(row, {name: of[row.trial_id] for name, of in parts.items()}) for row in some
        }
    return found


_PARTS = (PARAMS, USER_ATTRS, SYSTEM_ATTRS, VALUES, REPORTS)


def _by_trial(connection: Connection, table: Table, ids: Sequence[int]) -> dict[int, list[Row[Any]]]:
    in_order = next(iter(table.primary_key))
    rows: dict[int, list[Row[Any]]] = defaultdict(list)
    for row in connection.execute(select(table).where(table.c.trial_id.in_(ids)).order_by(in_order)):
        rows[row.trial_id].append(row)
    return rows


def _trial(row: Row[Any], parts: dict[str, list[Row[Any]]]) -> FrozenTrial:
    distributions = {p.param_name: _distribution(p.distribution_json) for p in parts[PARAMS.name]}
    values = [read_value(v.value, v.value_type) for v in parts[VALUES.name]]
    return FrozenTrial(
        number=row.number,
        state=TrialState[row.state],
        value=None,
        values=values or None,
        datetime_start=local_time(row.datetime_start),
        datetime_complete=local_time(row.datetime_complete),
        params={
            p.param_name: distributions[p.param_name].to_external_repr(p.param_value)
            for p in parts[PARAMS.name]
        },
        distributions=distributions,
        user_attrs={a.key: json.loads(a.value_json) for a in parts[USER_ATTRS.name]},
        system_attrs={a.key: json.loads(a.value_json) for a in parts[SYSTEM_ATTRS.name]},
        intermediate_values={
            r.step: read_value(r.intermediate_value, r.intermediate_value_type) for r in parts[REPORTS.name]
        },
        trial_id=row.trial_id,
    )


@lru_cache(maxsize=1000)
def _distribution(text: str) -> BaseDistribution:
    return json_to_distribution(text)
