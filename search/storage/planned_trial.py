"""A trial in training that was planned whole: nothing is left to draw, so nothing has to be read for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import optuna
from optuna.storages import BaseStorage
from optuna.trial import FixedTrial, FrozenTrial

from search.runs.trial_attributes import OUT_OF_SIGHT, PREFIX, SEED_INDEX, kept


class PlannedTrial:
    """Stands in for `optuna.Trial`, which asks the database several times before it can be used.

    Attributes:
        number: of the trial.
        user_attrs: those of its attributes that a person reads; changed by `keep` alone.
        system_attrs: the others.

    Args:
        frozen: the trial as it was written.
        trial_id: Optuna's.
        storage: where it is.
    """

    def __init__(self, frozen: FrozenTrial, trial_id: int, storage: BaseStorage) -> None:
        self.number = frozen.number
        self.user_attrs, self.system_attrs = dict(frozen.user_attrs), dict(frozen.system_attrs)
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
        """Keep an attribute with it, in sight."""
        self._storage.set_trial_user_attr(self._id, key, value)
        self.user_attrs[key] = value

    def set_system_attr(self, key: str, value: Any) -> None:
        """Keep an attribute with it, out of sight."""
        self._storage.set_trial_system_attr(self._id, key, value)
        self.system_attrs[key] = value


RunningTrial = optuna.Trial | PlannedTrial
"""A trial that this process trains."""


def keep(trial: RunningTrial, key: str, value: Any) -> None:
    """Keep an attribute with a trial in training, in sight or not (`search.runs.trial_attributes`)."""
    if key not in OUT_OF_SIGHT:
        trial.set_user_attr(key, value)
    elif isinstance(trial, PlannedTrial):
        trial.set_system_attr(PREFIX + key, value)
    else:
        trial.storage.set_trial_system_attr(trial._trial_id, PREFIX + key, value)


def kept_on(trial: RunningTrial, key: str, default: Any = None) -> Any:
    """What is kept on a trial in training; see `search.runs.trial_attributes.kept`."""
    if isinstance(trial, PlannedTrial):
        return kept(trial, key, default)
    system = trial.storage.get_trial_system_attrs(trial._trial_id)
    return system.get(PREFIX + key, trial.user_attrs.get(key, default))


def is_planned_whole(frozen: FrozenTrial) -> bool:
    """Whether all its parameters, and its seed, were written with it."""
    return SEED_INDEX in frozen.user_attrs and bool(frozen.params)
