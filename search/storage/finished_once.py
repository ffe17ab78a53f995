"""`FinishedOnce`: a study's trials read again and again, the finished ones once.

A finished trial never changes, and a study is looked at for as long as it runs. Two readers share this, one
of Optuna's trials and one of what a look needs; so it knows numbers and states alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, Protocol, TypeVar

from sqlalchemy import Connection, Row, select

from search.runs.trial import TrialState
from search.storage.optuna_tables import TRIALS


class _Read(Protocol):
    @property
    def state(self) -> TrialState: ...


T = TypeVar("T", bound=_Read)


class FinishedOnce(Generic[T]):
    """The trials of one study.

    Args:
        study_id: Optuna's.
    """

    def __init__(self, study_id: int) -> None:
        self._study_id = study_id
        self._finished: dict[int, T] = {}
        self._first_open = 0
        """All trials before this number are finished and read."""

    def read(
        self, connection: Connection, read_these: Callable[[Sequence[Row[Any]]], Mapping[int, T]]
    ) -> list[T]:
        """All trials, in the order of their numbers.

        Args:
            connection: within a transaction.
            read_these: from rows of `TRIALS` to trial number -> trial.
        """
        of_study = (TRIALS.c.study_id == self._study_id) & (TRIALS.c.number >= self._first_open)
        rows = connection.execute(select(TRIALS).where(of_study).order_by(TRIALS.c.number)).all()
        new = read_these([row for row in rows if row.number not in self._finished])
        self._finished |= {number: trial for number, trial in new.items() if trial.state.is_finished()}
        numbers = [*range(self._first_open), *(row.number for row in rows)]
        found = [self._finished[number] if number in self._finished else new[number] for number in numbers]
        while self._first_open in self._finished:
            self._first_open += 1
        return found
