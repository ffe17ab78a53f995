"""Optuna's storage with retries: each of its calls is tried again while the database is away.

A wrapper over the public interface, `BaseStorage`, whose calls are transactions that may be done twice; but
for making a trial, which is done under the database's lock alone and tried again with all that is under it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from optuna.storages import BaseStorage

from search.storage.patience import Trier

CALLS = tuple(name for name, value in vars(BaseStorage).items() if callable(value) and name[0] != "_")
"""The names of all that can be asked of a storage."""


def patient_storage(storage: BaseStorage, trier: Trier) -> BaseStorage:
    """`storage`, each call of it tried again by `trier`."""
    patient: BaseStorage = _PATIENT(storage, trier)
    return patient


def _init(self: Any, storage: BaseStorage, trier: Trier) -> None:
    self._storage, self._trier = storage, trier


def _tried_again(name: str) -> Callable[..., Any]:
    """The method `name` of the storage that is wrapped."""

    @functools.wraps(getattr(BaseStorage, name), updated=())  # or it were as abstract
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        method = getattr(self._storage, name)
        return self._trier(lambda: method(*args, **kwargs))

    return call


# Made from the list of calls, so that none is missed: one that is new in Optuna has patience too.
_PATIENT: Any = type(
    "PatientStorage", (BaseStorage,), {"__init__": _init, **{name: _tried_again(name) for name in CALLS}}
)
