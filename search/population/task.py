"""`Task`: what a population trains, as far as that differs from one kind of proxy to another."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Protocol

from torch import Tensor

from search.population.engine import Engine
from search.runs.run import Run
from search.runs.seeds import Seed


class Batches(Protocol):
    """The batches of one run, in the order its seed fixes."""

    def take(self, n_steps: int) -> Tensor:
        """Sample numbers of the next batches: int64, `n_steps x B`."""
        ...

    def draw_ahead(self, n_steps: int) -> None:
        """Draw now what the next steps take."""
        ...

    def state(self) -> dict[str, Tensor]:
        """What comes next, as copies."""
        ...

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Go on from such a state."""
        ...


class Task(Protocol):
    """Tells runs that can share an engine from those that can't, and makes engines.

    Runs of one `kind` share one. A kind is a function of the run alone.
    """

    @property
    def plain(self) -> Hashable:
        """The kind of a run with nothing of its own."""
        ...

    def kind(self, run: Run) -> Hashable:
        """The kind of a run.

        Raises:
            ValueError: no run of this task can be like that.
        """
        ...

    def engine(self, kind: Hashable, *, n_slots: int) -> Engine:
        """An engine for runs of a kind.

        Raises:
            Exception: whatever the model raises when it is looked at with its data.
        """
        ...

    def batches(self, kind: Hashable, seed: Seed) -> Batches:
        """The batches of a run of a kind, from their beginning."""
        ...
