"""A trial in training that was planned whole: nothing is left to draw, so nothing has to be read for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import optuna
from optuna.storages import BaseStorage
from optuna.trial import FixedTrial, FrozenTrial

from search.runs.trial_attributes import SEED_INDEX


class PlannedTrial:
    """Stands in for `optuna.Trial`, which asks the database several times before it can be used.

    Attributes:
        number: of the trial.
        user_attrs: its attributes; changed by `set_user_attr` alone.

    Args:
        frozen: the trial as it was written.
        trial_id: Optuna's.
        storage: where it is.
    """

    def __init__(self, frozen: FrozenTrial, trial_id: int, storage: BaseStorage) -> None:
        self.number, self.user_attrs = frozen.number, dict(frozen.user_attrs)
        self._fixed = FixedTrial(dict(frozen.params), frozen.number)
        self._id, self._storage = trial_id, storage

    @property
    def params(self) -> dict[str, Any]:
        """All its parameters."""
        return self._fixed.params

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        """The parameter as it was planned."""
        return self._fixed.suggest_float(name, low, high, step=step, log=log)

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1, log: bool = False) -> int:
        """The parameter as it was planned."""
        return self._fixed.suggest_int(name, low, high, step=step, log=log)

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """The parameter as it was planned."""
        return self._fixed.suggest_categorical(name, choices)

    def set_user_attr(self, key: str, value: Any) -> None:
        """Keep an attribute with it."""
        self._storage.set_trial_user_attr(self._id, key, value)
        self.user_attrs[key] = value


RunningTrial = optuna.Trial | PlannedTrial
"""A trial that this process trains."""


def is_planned_whole(frozen: FrozenTrial) -> bool:
    """Whether all its parameters, and its seed, were written with it."""
    return SEED_INDEX in frozen.user_attrs and bool(frozen.params)
