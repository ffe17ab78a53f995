"""Optuna's `RDBStorage`, made the one way in which we want it."""

from __future__ import annotations

import warnings
from typing import Any

import optuna
from optuna.storages import RDBStorage
from sqlalchemy.engine import URL


def rdb_storage(url: URL, *, create_tables: bool, engine_kwargs: dict[str, Any]) -> RDBStorage:
    """Optuna's storage at an address.

    Args:
        url: anything may stand in it, braces included.
        create_tables: whether Optuna's tables are made where they are missing.
        engine_kwargs: for SQLAlchemy's `create_engine`.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    # Optuna passes the address through str.format, for its {SCHEMA_VERSION}; doubled braces come out single.
    text = url.render_as_string(hide_password=False).replace("{", "{{").replace("}", "}}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return RDBStorage(text, engine_kwargs=engine_kwargs, skip_table_creation=not create_tables)
