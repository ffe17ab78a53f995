"""Which studies there are and what is kept on them, read without Optuna."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Engine, select

from search.storage.optuna_tables import STUDIES, STUDY_ATTRS


def study_id_of(engine: Engine, name: str) -> int:
    """Optuna's id of a study.

    Raises:
        KeyError: there is none of that name.
    """
    with engine.begin() as connection:
        found = connection.scalar(select(STUDIES.c.study_id).where(STUDIES.c.study_name == name))
    if found is None:
        raise KeyError(name)
    return int(found)


def attributes_of(engine: Engine, study_id: int) -> dict[str, Any]:
    """The user attributes of a study.

    Raises:
        KeyError: it is gone.
    """
    rows = (
        select(STUDIES.c.study_id, STUDY_ATTRS.c.key, STUDY_ATTRS.c.value_json)
        .outerjoin(STUDY_ATTRS, STUDY_ATTRS.c.study_id == STUDIES.c.study_id)
        .where(STUDIES.c.study_id == study_id)
    )
    with engine.begin() as connection:
        found = connection.execute(rows).all()
    if not found:
        raise KeyError(study_id)
    return {row.key: json.loads(row.value_json) for row in found if row.key is not None}


def names_with(engine: Engine, key: str) -> list[str]:
    """The names of the studies that have an attribute, in the order of their creation."""
    rows = (
        select(STUDIES.c.study_name)
        .join(STUDY_ATTRS, STUDY_ATTRS.c.study_id == STUDIES.c.study_id)
        .where(STUDY_ATTRS.c.key == key)
        .order_by(STUDIES.c.study_id)
    )
    with engine.begin() as connection:
        return list(connection.scalars(rows))
