"""Which studies there are and what is kept on them, read and written without Optuna.

What only we read lies among the system attributes, out of sight of dashboards. Studies of earlier versions
have it among their user attributes, until they are worked on again.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, Table, delete, insert, or_, select

from search.storage.optuna_tables import STUDIES, STUDY_ATTRS, STUDY_SYSTEM_ATTRS

if TYPE_CHECKING:
    from search.storage.database import Database


def study_id_of(database: Database, name: str) -> int:
    """Optuna's id of a study, found by Optuna itself where its tables are not those known here.

    Raises:
        KeyError: there is none of that name.
    """
    if not database.knows_tables:
        return database.storage.get_study_id_from_name(name)
    found = database.patiently(lambda: _id_of(database.engine, name))
    if found is None:
        raise KeyError(name)
    return found


def _id_of(engine: Engine, name: str) -> int | None:
    with engine.begin() as connection:
        return connection.scalar(select(STUDIES.c.study_id).where(STUDIES.c.study_name == name))


def attributes_under(engine: Engine, study_id: int, prefix: str) -> dict[str, Any]:
    """The attributes of a study whose names begin with `prefix`; a system attribute goes before a user
    attribute of the same name.

    Raises:
        KeyError: it is gone.
    """
    with engine.begin() as connection:
        # The user attributes first: what is moved meanwhile is seen twice, and not missed.
        user = _read(connection, STUDY_ATTRS, study_id, prefix)
        found = user | _read(connection, STUDY_SYSTEM_ATTRS, study_id, prefix)
        is_there = select(STUDIES.c.study_id).where(STUDIES.c.study_id == study_id)
        if not found and connection.scalar(is_there) is None:
            raise KeyError(study_id)
    return found


def names_with(database: Database, key: str) -> list[str]:
    """The names of the studies that have an attribute of either kind, in the order of their creation; by
    Optuna where its tables are not those known here."""
    if database.knows_tables:
        return database.patiently(lambda: _names_with(database.engine, key))
    studies = database.storage.get_all_studies()
    return [s.study_name for s in studies if key in {**s.user_attrs, **s.system_attrs}]


def _names_with(engine: Engine, key: str) -> list[str]:
    ids = [select(t.c.study_id).where(t.c.key == key) for t in (STUDY_ATTRS, STUDY_SYSTEM_ATTRS)]
    has_it = or_(*(STUDIES.c.study_id.in_(some) for some in ids))
    named = select(STUDIES.c.study_name).where(has_it).order_by(STUDIES.c.study_id)
    with engine.begin() as connection:
        return list(connection.scalars(named))


def system_attributes(connection: Connection, study_id: int, prefix: str) -> dict[str, Any]:
    """The system attributes of a study whose names begin with `prefix`."""
    return _read(connection, STUDY_SYSTEM_ATTRS, study_id, prefix)


def move_out_of_sight(connection: Connection, study_id: int, prefix: str) -> None:
    """Make system attributes of the user attributes whose names begin with `prefix`; one that is there
    already is newer, and stays."""
    old = _read(connection, STUDY_ATTRS, study_id, prefix)
    if old:
        have = _read(connection, STUDY_SYSTEM_ATTRS, study_id, prefix)
        set_system_attributes(connection, study_id, {k: v for k, v in old.items() if k not in have})
        connection.execute(_delete(STUDY_ATTRS, study_id, old))


def set_system_attributes(
    connection: Connection, study_id: int, attributes: Mapping[str, Any], gone: Collection[str] = ()
) -> None:
    """Set system attributes of a study, and drop those named `gone`."""
    connection.execute(_delete(STUDY_SYSTEM_ATTRS, study_id, [*attributes, *gone]))
    _insert(connection, STUDY_SYSTEM_ATTRS, study_id, attributes)


def set_user_attributes(connection: Connection, study_id: int, attributes: Mapping[str, Any]) -> None:
    """Set user attributes of a study."""
    connection.execute(_delete(STUDY_ATTRS, study_id, attributes))
    _insert(connection, STUDY_ATTRS, study_id, attributes)


def _insert(connection: Connection, table: Table, study_id: int, attributes: Mapping[str, Any]) -> None:
    stored = {key: json.dumps(value) for key, value in attributes.items()}
    rows = [{"study_id": study_id, "key": key, "value_json": text} for key, text in stored.items()]
    if rows:
        connection.execute(insert(table), rows)


def _read(connection: Connection, table: Table, study_id: int, prefix: str) -> dict[str, Any]:
    begins_so = table.c.key.startswith(prefix, autoescape=True)
    columns = select(table.c.key, table.c.value_json)
    rows = connection.execute(columns.where(table.c.study_id == study_id, begins_so))
    return {key: json.loads(text) for key, text in rows}


def _delete(table: Table, study_id: int, keys: Collection[str]) -> Any:
    return delete(table).where(table.c.study_id == study_id, table.c.key.in_(list(keys)))
