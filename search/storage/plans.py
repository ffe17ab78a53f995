"""`Plan`: what to train next, as it is told to whoever asks for a trial."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial


@dataclass(frozen=True)
class NextTrial:
    """A trial that is not left to Optuna's sampler: its parameters, and attributes it has from the start.

    `distributions` may be empty: then they are those with which its parameters are drawn.
    """

    params: Mapping[str, Any]
    user_attrs: Mapping[str, Any]
    distributions: Mapping[str, BaseDistribution] = field(default_factory=dict)
    system_attrs: Mapping[str, Any] = field(default_factory=dict)


class Wait:
    """No trial should begin before one that trains has ended."""


@dataclass(frozen=True)
class StopSearch:
    """No more trials are worth it."""

    why: str


WAIT = Wait()
Planned = NextTrial | Sequence[NextTrial] | Wait | StopSearch | None
"""The next trial, or a round of them; None leaves it to Optuna's sampler."""
Plan = Callable[[Sequence[FrozenTrial]], Planned]
"""All trials of the study -> what is next. A plan that `takes_long` is made under a lease, any other under
the lock."""
