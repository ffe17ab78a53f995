"""`Trial`: what is read of a trial, whoever has read it.

Optuna's `FrozenTrial` is one; `search.storage.trial_glances` has one that is read without Optuna, and of
which only what a look at a study needs.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import Any, Protocol


class TrialState(Protocol):
    """RUNNING, COMPLETE, PRUNED, FAIL or WAITING."""

    @property
    def name(self) -> str: ...

    def is_finished(self) -> bool: ...


class Trial(Protocol):
    """A trial at one moment. Times are local, without a zone."""

    @property
    def number(self) -> int: ...

    @property
    def state(self) -> TrialState: ...

    @property
    def value(self) -> float | None: ...

    @property
    def values(self) -> Sequence[float] | None: ...

    @property
    def params(self) -> Mapping[str, Any]: ...

    @property
    def user_attrs(self) -> Mapping[str, Any]: ...

    @property
    def system_attrs(self) -> Mapping[str, Any]: ...

    @property
    def intermediate_values(self) -> Mapping[int, float]: ...

    @property
    def datetime_start(self) -> datetime.datetime | None: ...

    @property
    def datetime_complete(self) -> datetime.datetime | None: ...
