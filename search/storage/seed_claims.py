"""Which trial trains which seed of a schedule: a repeat of a schedule trains its next unused seed.

A table of its own makes the claim one short transaction, exact over processes, instead of a look at all
trials.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Column, Engine, Integer, MetaData, String, Table, delete, func, insert, select
from sqlalchemy.exc import IntegrityError

SEED_TABLE = "warmboot_seeds"
_metadata = MetaData()
_claims = Table(
    SEED_TABLE,
    _metadata,
    Column("study_id", Integer, primary_key=True, autoincrement=False),
    Column("schedule_key", String(64), primary_key=True),
    Column("seed", Integer, primary_key=True, autoincrement=False),
    Column("number", Integer, nullable=False),
)


def create_seed_table(engine: Engine) -> None:
    """Create the table where it is missing."""
    _metadata.create_all(engine)


class SeedClaim(NamedTuple):
    """A trial that trains a seed of a schedule."""

    schedule_key: str
    seed: int
    number: int


class SeedClaims:
    """The seeds of one study's schedules."""

    def __init__(self, engine: Engine, study_id: int) -> None:
        self._engine = engine
        self._study_id = study_id

    def claim(self, schedule_key: str, number: int) -> int:
        """The seed index of a trial: what it has already claimed, or the schedule's first free one."""
        while True:
            try:
                return self._claim(schedule_key, number)
            except IntegrityError:
                continue  # another process claimed the same seed in between; the next is free

    def all(self) -> list[SeedClaim]:
        """Every claim of the study."""
        columns = (_claims.c.schedule_key, _claims.c.seed, _claims.c.number)
        with self._engine.begin() as connection:
            rows = connection.execute(select(*columns).where(_claims.c.study_id == self._study_id))
            return [SeedClaim(*row) for row in rows]

    def add(self, claims: Sequence[SeedClaim]) -> None:
        """Write claims that another study of the same trials has."""
        if claims:
            rows = [{"study_id": self._study_id, **claim._asdict()} for claim in claims]
            with self._engine.begin() as connection:
                connection.execute(insert(_claims), rows)

    def forget_all(self) -> None:
        """Drop every claim under this study's id; SQLite reuses the id of a deleted study."""
        with self._engine.begin() as connection:
            connection.execute(delete(_claims).where(_claims.c.study_id == self._study_id))

    def _claim(self, schedule_key: str, number: int) -> int:
        mine = (_claims.c.study_id == self._study_id) & (_claims.c.schedule_key == schedule_key)
        with self._engine.begin() as connection:
            held = connection.scalar(select(_claims.c.seed).where(mine, _claims.c.number == number))
            if held is not None:
                return int(held)
            last = connection.scalar(select(func.max(_claims.c.seed)).where(mine))
            seed = 0 if last is None else int(last) + 1
            connection.execute(
                insert(_claims).values(
                    study_id=self._study_id, schedule_key=schedule_key, seed=seed, number=number
                )
            )
            return seed
