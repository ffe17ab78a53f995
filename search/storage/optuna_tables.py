"""Optuna's tables, as far as they are read and written here without Optuna.

That is done only where they are of the version known here, which `are_known` tells; elsewhere Optuna's own
calls are made.
"""

from __future__ import annotations

import datetime
import enum
import math

from sqlalchemy import Column, DateTime, Engine, Enum, Float, Integer, MetaData, String, Table, Text, select

KNOWN_SCHEMA, KNOWN_REVISION = 12, "v3.2.0.a"
"""The version of Optuna's tables that is written here, and the last change of them in it."""
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


def _attributes(name: str, *, of: str) -> Table:
    """Attributes of what the column `of` names, each a row of JSON; `name` is that of one."""
    return Table(
        f"{name}s",
        _metadata,
        Column(f"{name}_id", Integer, primary_key=True),
        Column(of, Integer),
        Column("key", String),
        Column("value_json", Text),
    )


VERSION = Table("version_info", _metadata, Column("schema_version", Integer))
REVISION = Table("alembic_version", _metadata, Column("version_num", String))
STUDIES = Table(
    "studies", _metadata, Column("study_id", Integer, primary_key=True), Column("study_name", String)
)
STUDY_ATTRS = _attributes("study_user_attribute", of="study_id")
STUDY_SYSTEM_ATTRS = _attributes("study_system_attribute", of="study_id")
STATES = ("RUNNING", "COMPLETE", "PRUNED", "FAIL", "WAITING")
"""Names of the states of a trial."""
TRIALS = Table(
    "trials",
    _metadata,
    Column("trial_id", Integer, primary_key=True),
    Column("number", Integer),
    Column("study_id", Integer),
    Column("state", Enum(*STATES, name="trialstate")),
    Column("datetime_start", DateTime),
    Column("datetime_complete", DateTime),
)
PARAMS = Table(
    "trial_params",
    _metadata,
    Column("param_id", Integer, primary_key=True),
    Column("trial_id", Integer),
    Column("param_name", String),
    Column("param_value", Float(precision=53)),
    Column("distribution_json", Text),
)
USER_ATTRS = _attributes("trial_user_attribute", of="trial_id")
SYSTEM_ATTRS = _attributes("trial_system_attribute", of="trial_id")
VALUES = Table(
    "trial_values",
    _metadata,
    Column("trial_value_id", Integer, primary_key=True),
    Column("trial_id", Integer),
    Column("objective", Integer),
    Column("value", Float(precision=53)),
    Column("value_type", Enum(ValueType, name="trialvaluetype")),
)
REPORTS = Table(
    "trial_intermediate_values",
    _metadata,
    Column("trial_intermediate_value_id", Integer, primary_key=True),
    Column("trial_id", Integer),
    Column("step", Integer),
    Column("intermediate_value", Float(precision=53)),
    Column("intermediate_value_type", Enum(IntermediateValueType, name="trialintermediatevaluetype")),
)


def are_known(engine: Engine) -> bool:
    """Whether the tables of this database are those below."""
    if engine.dialect.name not in DIALECTS:
        return False
    with engine.connect() as connection:
        schema = connection.scalar(select(VERSION.c.schema_version))
        return schema == KNOWN_SCHEMA and connection.scalar(select(REVISION.c.version_num)) == KNOWN_REVISION


def stored_value(value: float) -> tuple[float | None, str]:
    """How a value is stored: itself where it is finite, and the name of its kind."""
    if math.isfinite(value):
        return value, "FINITE"
    if math.isnan(value):
        return None, "NAN"
    return None, "INF_POS" if value > 0 else "INF_NEG"


def read_value(stored: float | None, kind: ValueType | IntermediateValueType) -> float:
    """The value that is stored so."""
    if stored is not None:
        return stored
    return {"INF_POS": math.inf, "INF_NEG": -math.inf}.get(kind.name, math.nan)


def local_time(utc: datetime.datetime | None) -> datetime.datetime | None:
    """A stored time, which is in UTC, as Optuna gives it: by the clock on the wall, without a zone."""
    if utc is None:
        return None
    return utc.replace(tzinfo=datetime.UTC).astimezone().replace(tzinfo=None)
