"""`Plan`: what whoever asks for a trial is told about the next one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from optuna.trial import FrozenTrial


@dataclass(frozen=True)
class NextTrial:
    """A trial that is not left to Optuna's sampler: its parameters, and attributes it has from the start."""

    params: Mapping[str, Any]
    user_attrs: Mapping[str, Any]


class Wait:
    """No trial should begin before one that trains has ended."""


@dataclass(frozen=True)
class StopSearch:
    """No more trials are worth it."""

    why: str


WAIT = Wait()
Plan = Callable[[Sequence[FrozenTrial]], NextTrial | Wait | StopSearch | None]
"""All trials of the study -> the next one; None leaves it to Optuna's sampler. One that `takes_long` is made
under a lease, any other under the lock."""
