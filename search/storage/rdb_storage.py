"""Optuna's `RDBStorage`, made the one way in which we want it."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

if TYPE_CHECKING:
    from optuna.storages import RDBStorage


def rdb_storage(url: URL, *, create_tables: bool, engine_kwargs: dict[str, Any]) -> RDBStorage:
    """Optuna's storage at an address.

    Args:
        url: anything may stand in it, braces included.
        create_tables: whether Optuna's tables are made where they are missing.
        engine_kwargs: for SQLAlchemy's `create_engine`.
    """
    import optuna  # takes long to import, and who only looks does without
    from optuna.storages import RDBStorage

    # Its warnings are of a database that is away, statement by statement; `patience` tells that in a line.
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    # Optuna passes the address through str.format, for its {SCHEMA_VERSION}; doubled braces come out single.
    text = url.render_as_string(hide_password=False).replace("{", "{{").replace("}", "}}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return RDBStorage(text, engine_kwargs=engine_kwargs, skip_table_creation=not create_tables)


def driver_error(error: BaseException) -> DBAPIError | None:
    """The driver's error behind an error of Optuna or SQLAlchemy, if there is one.

    Optuna wraps it, and at times tries something else in the same transaction first, which then fails too.
    """
    wrapped = is_optunas(error)
    found: BaseException | None = error
    while wrapped and found is not None and not isinstance(found, DBAPIError):
        found = found.__cause__ or found.__context__
    return found if isinstance(found, DBAPIError) else None


def is_optunas(error: BaseException) -> bool:
    """Whether it is Optuna's word for any error of a driver."""
    from optuna.exceptions import StorageInternalError

    return isinstance(error, StorageInternalError)
