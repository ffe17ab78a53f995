"""Trials as a look at a study needs them, read without Optuna: no distributions, no attributes for others.

A look is taken every second while a study runs, and by commands that should be there at once. So what is
finished is read once, and parameters only of those trials of which they are asked for.
"""

from __future__ import annotations

import datetime
import enum
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Row, func, select

from search.runs.trial_attributes import (
    BASELINE,
    DIVERGED,
    EXPECTED_VALUE,
    FAILURE,
    HELD,
    HORIZON_STEPS,
    LOST,
    PROPOSAL,
    PURPOSE,
    REMARK,
    REPORTED_BEFORE,
    SCHEDULE_KEY,
    SEED_INDEX,
    STEPS_IN_ALL,
    TRAINED_SPAN,
    is_kept,
    out_of_sight,
)
from search.storage.finished_once import FinishedOnce
from search.storage.optuna_tables import (
    PARAMS,
    REPORTS,
    SYSTEM_ATTRS,
    TRIALS,
    USER_ATTRS,
    VALUES,
    local_time,
    read_value,
)

LOOKED_AT = (
    BASELINE,
    DIVERGED,
    FAILURE,
    HELD,
    HORIZON_STEPS,
    LOST,
    REMARK,
    REPORTED_BEFORE,
    SCHEDULE_KEY,
    SEED_INDEX,
    STEPS_IN_ALL,
    TRAINED_SPAN,
)
"""The attributes of a trial that are read."""
LEARNT_FROM = (PROPOSAL, PURPOSE, EXPECTED_VALUE)
"""Those that the model of the search needs besides."""
_FEW = 500
"""So many trials are asked for by their ids; of more, all from the first of them on are read."""


class GlanceState(enum.Enum):
    """The state of a trial, by Optuna's names."""

    RUNNING = "RUNNING"
    COMPLETE = "COMPLETE"
    PRUNED = "PRUNED"
    FAIL = "FAIL"
    WAITING = "WAITING"

    def is_finished(self) -> bool:
        return self not in (GlanceState.RUNNING, GlanceState.WAITING)


@dataclass(slots=True)
class TrialGlance:
    """One trial; see `search.runs.trial.Trial`."""

    number: int
    trial_id: int
    state: GlanceState
    datetime_start: datetime.datetime | None
    datetime_complete: datetime.datetime | None
    values: list[float] | None = None
    user_attrs: dict[str, Any] = field(default_factory=dict)
    """Of `LOOKED_AT`."""
    system_attrs: dict[str, Any] = field(default_factory=dict)
    """The others of them."""
    intermediate_values: dict[int, float] = field(default_factory=dict)
    """The last one alone; none of a trial that is complete."""
    asked_params: dict[str, Any] | None = None
    """None before `GlanceReader.fill_params`."""
    is_learnt_from: bool = False
    """Whether it has what `GlanceReader.fill_to_learn` reads."""

    @property
    def value(self) -> float | None:
        return None if self.values is None else self.values[0]

    @property
    def params(self) -> dict[str, Any]:
        assert self.asked_params is not None, "parameters are read where they are needed"
        return self.asked_params


class GlanceReader:
    """Reads the trials of one study.

    Args:
        engine: of the database, whose tables are known.
        study_id: Optuna's.
    """

    def __init__(self, engine: Engine, study_id: int) -> None:
        self._engine, self._study_id = engine, study_id
        self._trials = FinishedOnce[TrialGlance](study_id)

    def read(self) -> list[TrialGlance]:
        """All trials, in the order of their numbers."""
        with self._engine.begin() as connection:
            return self._trials.read(connection, partial(self._read, connection))

    def _read(self, connection: Connection, rows: Sequence[Row[Any]]) -> dict[int, TrialGlance]:
        new = [
            TrialGlance(
                row.number,
                row.trial_id,
                GlanceState[row.state],
                local_time(row.datetime_start),
                local_time(row.datetime_complete),
            )
            for row in rows
        ]
        self._fill(connection, new)
        return {glance.number: glance for glance in new}

    def fill_params(self, glances: Iterable[TrialGlance]) -> None:
        """Read the parameters of those that have none yet."""
        new = [glance for glance in glances if glance.asked_params is None]
        if not new:
            return
        columns = (PARAMS.c.trial_id, PARAMS.c.param_name, PARAMS.c.param_value, PARAMS.c.distribution_json)
        found: dict[int, dict[str, Any]] = defaultdict(dict)
        with self._engine.begin() as connection:
            statement = select(*columns).join(TRIALS, TRIALS.c.trial_id == PARAMS.c.trial_id)
            these = statement.where(self._these(new)).order_by(PARAMS.c.param_id)
            for trial_id, name, value, distribution in connection.execute(these):
                found[trial_id][name] = _external(value, distribution)
        for glance in new:
            glance.asked_params = found.get(glance.trial_id, {})

    def fill_to_learn(self, glances: Sequence[TrialGlance]) -> None:
        """Read what the model of the search needs of those that have not got it yet; of a trial that is
        complete, not its reports."""
        new = {glance.trial_id: glance for glance in glances if not glance.is_learnt_from}
        if not new:
            return
        with self._engine.begin() as connection:
            self._fill_attributes(connection, new, LEARNT_FROM)
        for glance in new.values():
            glance.is_learnt_from = True
        self.fill_params(glance for glance in new.values() if not is_kept(glance, PROPOSAL))

    def _fill(self, connection: Connection, new: Sequence[TrialGlance]) -> None:
        if not new:
            return
        by_id = {glance.trial_id: glance for glance in new}
        self._fill_attributes(connection, by_id, LOOKED_AT)
        columns = (VALUES.c.trial_id, VALUES.c.value, VALUES.c.value_type)
        statement = select(*columns).join(TRIALS, TRIALS.c.trial_id == VALUES.c.trial_id)
        for trial_id, value, kind in connection.execute(statement.where(self._these(new))):
            if trial_id in by_id:
                by_id[trial_id].values = [read_value(value, kind)]  # a study has one objective
        self._fill_reports(connection, {i: g for i, g in by_id.items() if g.state != GlanceState.COMPLETE})

    def _fill_attributes(
        self, connection: Connection, by_id: Mapping[int, TrialGlance], names: Sequence[str]
    ) -> None:
        hidden = out_of_sight(dict.fromkeys(names))
        for table, keys in ((USER_ATTRS, [*names]), (SYSTEM_ATTRS, [*hidden])):
            columns = (table.c.trial_id, table.c.key, table.c.value_json)
            statement = select(*columns).join(TRIALS, TRIALS.c.trial_id == table.c.trial_id)
            these = statement.where(table.c.key.in_(keys), self._these([*by_id.values()]))
            for trial_id, key, value_json in connection.execute(these):
                if (glance := by_id.get(trial_id)) is not None:
                    attributes = glance.user_attrs if table is USER_ATTRS else glance.system_attrs
                    attributes[key] = json.loads(value_json)

    def _fill_reports(self, connection: Connection, by_id: Mapping[int, TrialGlance]) -> None:
        if not by_id:
            return
        last = (
            select(REPORTS.c.trial_id, func.max(REPORTS.c.step).label("step"))
            .join(TRIALS, TRIALS.c.trial_id == REPORTS.c.trial_id)
            .where(self._these([*by_id.values()]), TRIALS.c.state != GlanceState.COMPLETE.name)
            .group_by(REPORTS.c.trial_id)
            .subquery()
        )
        columns = (REPORTS.c.trial_id, REPORTS.c.step, REPORTS.c.intermediate_value)
        is_last = (REPORTS.c.trial_id == last.c.trial_id) & (REPORTS.c.step == last.c.step)
        for trial_id, step, value, kind in connection.execute(
            select(*columns, REPORTS.c.intermediate_value_type).join(last, is_last)
        ):
            if trial_id in by_id:
                by_id[trial_id].intermediate_values[step] = read_value(value, kind)

    def _of_study(self, first_number: int) -> ColumnElement[bool]:
        return (TRIALS.c.study_id == self._study_id) & (TRIALS.c.number >= first_number)

    def _these(self, glances: Sequence[TrialGlance]) -> ColumnElement[bool]:
        if len(glances) <= _FEW:
            return TRIALS.c.trial_id.in_([glance.trial_id for glance in glances])
        return self._of_study(min(glance.number for glance in glances))


def _external(value: float, distribution_json: str) -> Any:
    """A parameter as Optuna gives it: it keeps the number of a choice, and counts as floats."""
    kind, choices = _distribution(distribution_json)
    if choices is not None:
        return choices[int(value)]
    return int(value) if kind in ("IntDistribution", "IntUniformDistribution") else value


@lru_cache(maxsize=1000)
def _distribution(text: str) -> tuple[str, Sequence[Any] | None]:
    stored = json.loads(text)
    return stored["name"], stored["attributes"].get("choices")
