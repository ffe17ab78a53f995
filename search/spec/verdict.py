"""The `[verdict]` table of a study file: what the command of that name does unless it is told otherwise."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from search.spec.proxy import Strict
from warmboot.schedule import WarmbootSchedule
from warmboot.space import Space
from warmboot.space_checks import SpaceError


class VerdictSpec(Strict):
    """How the leader is judged.

    Attributes:
        margin: of equivalence: differences smaller than this do not matter to you, in the objective's unit;
            None: half the standard deviation between the seeds of the strongest baseline.
        pairs: the last look.
        baselines: schedules of your own by name, in the words of `[space]` with numbers only.
    """

    margin: Annotated[float, Field(gt=0, lt=1e9)] | None = None
    pairs: Literal[5, 10, 20, 30] = 30
    baselines: dict[str, dict[str, Any]] = Field(default_factory=dict)

    @field_validator("baselines")
    @classmethod
    def _are_schedules(cls, tables: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        problems = [f"{name}: {problem}" for name, table in tables.items() for problem in _problems(table)]
        if problems:
            raise ValueError("; ".join(problems))
        return tables

    @property
    def schedules(self) -> dict[str, WarmbootSchedule]:
        """The baselines, without a peak lr."""
        return {name: Space.from_dict(table).sample(_NoTrial()) for name, table in self.baselines.items()}


def _problems(table: dict[str, Any]) -> list[str]:
    if "lr" in table:
        return ["lr: leave it out; a baseline is tuned like the built-in ones"]
    try:
        Space.from_dict(table).sample(_NoTrial())
    except SpaceError as error:
        return list(error.problems)
    except _IsSearched as found:
        return [f"{found}: give a number; a baseline is one schedule, not a range of them."]
    return []


class _IsSearched(Exception):
    """A baseline that leaves a parameter open."""


class _NoTrial:
    """Stands in for a trial where nothing may be sampled."""

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        raise _IsSearched(name)

    def suggest_int(self, name: str, low: int, high: int) -> int:
        raise _IsSearched(name)

    def suggest_categorical(self, name: str, choices: Any) -> Any:
        raise _IsSearched(name)
