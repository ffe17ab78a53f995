"""Confirmation: the best schedules of a study, trained again on fresh seeds.

The best of 200 single runs owes part of its value to its seed. Its mean on seeds that had no part in choosing
it does not. The best baselines are confirmed beside the leaders, on the same seeds: one of them may be the
answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from search.direction import Direction
from search.results.candidate import Candidate, leaders
from search.spec.confirmation import SEEDS, USUAL, ConfirmationSize

T = TypeVar("T")
BASELINES = 2
"""Number of baselines that are confirmed beside the best searched schedules."""


@dataclass
class Confirmation:
    """The runs that confirm a study, and what they gave.

    Attributes:
        candidates: the best schedules, the two best baselines among them.
        values: schedule key -> value by seed index; grows as runs end.
        seeds: how many seeds each is trained on.
        further: schedule key -> on how many it is, where that is more.
    """

    candidates: Sequence[Candidate]
    values: dict[str, dict[int, float]] = field(default_factory=dict)
    seeds: int = SEEDS
    further: dict[str, int] = field(default_factory=dict)

    @property
    def missing(self) -> list[tuple[Candidate, int]]:
        """The (candidate, seed index) pairs that still have to be trained."""
        return [
            (candidate, j)
            for candidate in self.candidates
            for j in range(self.further.get(candidate.key, self.seeds))
            if j not in self.values.get(candidate.key, {})
        ]

    @property
    def n_runs(self) -> int:
        """Trained so far."""
        return sum(len(row) for row in self.values.values())

    def extend(self, pair: Sequence[Candidate], n_seeds: int) -> None:
        """Train both of a pair on so many seeds in all."""
        known = {candidate.key for candidate in self.candidates}
        self.candidates = [*self.candidates, *(c for c in pair if c.key not in known)]
        self.further |= {candidate.key: n_seeds for candidate in pair}

    def add(self, key: str, seed_index: int, value: float) -> None:
        self.values.setdefault(key, {})[seed_index] = value

    def to_json(self, *, is_open: bool = False) -> dict[str, Any]:
        """The confirmation as stored on the study; only complete rows count as confirmed.

        `is_open`: it is not settled yet whether leader and baseline can be told apart.
        """
        rows = {key: [row[j] for j in sorted(row)] for key, row in self.values.items()}
        return {
            "seeds": self.seeds,
            "leaders": [candidate.key for candidate in self.candidates],
            "values": {key: row for key, row in rows.items() if len(row) >= self.seeds},
            "open": is_open,
        }


def plan_confirmation(
    found: Sequence[Candidate],
    direction: Direction,
    stored: Mapping[str, Any] | None,
    size: ConfirmationSize = USUAL,
) -> Confirmation:
    """Whom to confirm now. Runs that an earlier confirmation has made are kept."""
    order = leaders(found, direction, len(found))
    chosen = to_confirm(order, lambda c: c.standard is not None, size.leaders)
    rows = (stored or {}).get("values", {})
    return Confirmation(chosen, {key: dict(enumerate(row)) for key, row in rows.items()}, size.seeds)


def to_confirm(order: Sequence[T], is_baseline: Callable[[T], bool], n_leaders: int) -> list[T]:
    """Of schedules in `order`, best first, `n_leaders` and one more: two baselines among them, since one of
    those may be the answer. None where there are no leaders."""
    if not n_leaders:
        return []
    baselines = [c for c in order if is_baseline(c)][: min(BASELINES, n_leaders)]
    searched = [c for c in order if not is_baseline(c)][: n_leaders + 1 - len(baselines)]
    more = [c for c in order if c not in baselines and c not in searched]
    return [*searched, *baselines, *more][: n_leaders + 1]


def is_confirmed(
    found: Sequence[Candidate],
    direction: Direction,
    stored: Mapping[str, Any] | None,
    size: ConfirmationSize = USUAL,
) -> bool:
    """Whether nothing is left to confirm."""
    if stored is not None and stored.get("open"):
        return False
    return not plan_confirmation(found, direction, stored, size).missing
