"""`Run`, what a population is given, and `Measurement`, what it gives back."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search.runs.schedule_key import schedule_key
from search.runs.seeds import Seed


@dataclass(frozen=True, kw_only=True, eq=False)
class Run:
    """One training of one schedule with one seed to one horizon.

    The horizon `N` is the length of the lr table, so runs of different horizons share a population.
    """

    key: Hashable
    """The caller's name for the run; returned with each of its measurements."""
    lr_table: NDArray[np.float64]
    """`N`: the lr of each step; finite, >= 0."""
    seed: Seed
    """Fixes first weights and data order; see `search.runs.seeds`."""
    report_steps: tuple[int, ...]
    """After how many steps the run is validated: strictly rising, in [1, N], at least one."""
    averaged_steps: tuple[int, ...] = ()
    """At which of the `report_steps` the average of its recent weights is validated as well, and tested where
    the run is, see `search.population.averages`; where there is any, the average is kept all along."""
    test_at_end: bool = False
    """Whether step `N` is measured on the test split too."""
    params: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    """Other hyperparameters that this run has of its own, by name: a population takes `weight_decay`,
    `momentum` and `batch_size` in place of the proxy's."""

    def __post_init__(self) -> None:
        _check_lr_table(self.lr_table)
        _check_report_steps(self.report_steps, self.total_steps)
        _check_averaged_steps(self.averaged_steps, self.report_steps)
        if not self.seed or min(self.seed) < 0:
            raise ValueError(f"seed must be one or more ints >= 0 but got {self.seed!r}.")
        if self.test_at_end and self.report_steps[-1] != self.total_steps:
            raise ValueError(
                f"test_at_end needs a report at the last step: report_steps end at "
                f"{self.report_steps[-1]}, the lr table at {self.total_steps}."
            )

    @property
    def total_steps(self) -> int:
        """The horizon `N`, in optimizer steps."""
        return len(self.lr_table)

    @cached_property
    def identity(self) -> str:
        """A name for what it trains and measures: equal for equal tables, seeds, parameters and reports."""
        rest = [list(self.seed), self.report_steps, self.averaged_steps, self.test_at_end]
        digest = hashlib.sha256(schedule_key(self.lr_table, self.params).encode())
        digest.update(json.dumps(rest).encode())
        return digest.hexdigest()[:24]


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """A run's numbers after some of its steps, or the news that it diverged."""

    key: Hashable
    step: int
    """Steps trained so far."""
    metrics: Mapping[str, float]
    """`val_loss`, `val_error` and `train_loss` (mean over the steps since the last measurement); at the
    averaged steps also `averaged_val_loss`, `averaged_val_error` (left out where they overflow); at step `N`
    also `test_loss`, `test_error` where asked for, and those of averages, `averaged_test_loss` and so on.
    Finite; empty where the run diverged."""
    last: bool
    """The run is over and its slot is free."""
    diverged_at_step: int | None = None
    """Steps trained before the first loss that was not finite, of a batch or at a report."""


def _check_lr_table(table: NDArray[np.float64]) -> None:
    if table.ndim != 1 or len(table) == 0 or table.dtype != np.float64:
        raise ValueError(
            f"lr_table must be a float64 vector of one lr a step but got {table.dtype} of shape "
            f"{table.shape}."
        )
    wrong = np.flatnonzero(~(np.isfinite(table) & (table >= 0)))
    if len(wrong):
        step = int(wrong[0])
        raise ValueError(f"lr_table must be finite and >= 0 but is {table[step]} at step {step}.")


def _check_report_steps(steps: tuple[int, ...], total_steps: int) -> None:
    rising = all(a < b for a, b in pairwise(steps))
    if not steps or not rising or steps[0] < 1 or steps[-1] > total_steps:
        raise ValueError(
            f"report_steps must be strictly rising and lie in [1, {total_steps}] but got {steps}."
        )


def _check_averaged_steps(steps: tuple[int, ...], report_steps: tuple[int, ...]) -> None:
    if not set(steps) <= set(report_steps):
        raise ValueError(f"averaged_steps must be some of report_steps, {report_steps}, but got {steps}.")
