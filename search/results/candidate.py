"""The candidates of a study: trials grouped into schedules, ranked by the mean over their runs.

Two trials of the same schedule with the same other hyperparameters (same `schedule_key`) are two seeds of
one candidate. Candidates that were trained again on the study's confirmation seeds rank before the others,
so that a lucky single run does not lead. Within each group, schedules are ordered by their posterior mean if
it has been computed (`search.results.kept_estimates`), otherwise by the mean of their runs.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean
from typing import Any

from search.direction import Direction, sign_of
from search.runs.given_params import GivenParams
from search.runs.trial import Trial
from search.runs.trial_attributes import BASELINE, SCHEDULE_KEY, SEED_INDEX, is_kept, kept
from search.spec.params import other_params, params_text
from warmboot.schedule import WarmbootSchedule
from warmboot.space import Space


@dataclass(frozen=True)
class Candidate:
    """One schedule of a study with all its full-horizon values.

    Attributes:
        key: its `schedule_key`.
        trial_numbers: the trials that proposed it, ascending.
        searched: their values, seed by seed.
        confirmed: its values on the study's confirmation seeds; empty where it was not confirmed.
        standard: the name of the standard it is, or None.
        siblings: of the best standard: at how many peak lrs it was tried, this one among them.
        params: its other hyperparameters by name; empty where the study searches none.
        expected: what the search alone lets expect of it over all seeds; None where that is not known.
        expected_at_last: the same with the confirmation.
    """

    key: str
    schedule: WarmbootSchedule
    trial_numbers: tuple[int, ...]
    searched: tuple[float, ...]
    confirmed: tuple[float, ...] = field(default=())
    standard: str | None = None
    siblings: int = 0
    params: Mapping[str, Any] = field(default_factory=dict)
    expected: float | None = None
    expected_at_last: float | None = None

    @property
    def values(self) -> tuple[float, ...]:
        return self.searched + self.confirmed

    @property
    def mean(self) -> float:
        return fmean(self.values)

    def describe(self) -> str:
        """The schedule in words, with the other hyperparameters where there are any."""
        text = self.schedule.describe()
        return f"{text}; {params_text(self.params)}" if self.params else text


def schedule_of(space: Space, params: Mapping[str, Any]) -> WarmbootSchedule:
    """The schedule that a trial's parameters stand for."""
    return space.sample(GivenParams(params))


def candidates(
    trials: Iterable[Trial], space: Space, confirmation: Mapping[str, Any] | None
) -> list[Candidate]:
    """All schedules with a complete trial, in the order of their first trial."""
    confirmed = (confirmation or {}).get("values", {})
    groups: dict[str, list[Trial]] = defaultdict(list)
    for trial in trials:
        if trial.state.name == "COMPLETE" and is_kept(trial, SCHEDULE_KEY):
            groups[kept(trial, SCHEDULE_KEY)].append(trial)
    return [_contender(key, group, space, confirmed.get(key, ())) for key, group in groups.items()]


def ranked(found: Sequence[Candidate], direction: Direction) -> list[Candidate]:
    """Best first; every confirmed candidate comes before those that were not."""
    sign = sign_of(direction)

    def worth(candidate: Candidate) -> float:
        expected = candidate.expected_at_last
        return sign * (candidate.mean if expected is None else expected)

    return sorted(found, key=lambda c: (not c.confirmed, c.expected_at_last is None, worth(c)))


def leaders(found: Sequence[Candidate], direction: Direction, count: int) -> list[Candidate]:
    """The `count` best by what the search measured, whatever has been confirmed since."""
    sign = sign_of(direction)

    def worth(candidate: Candidate) -> float:
        return sign * (fmean(candidate.searched) if candidate.expected is None else candidate.expected)

    return sorted(found, key=lambda c: (c.expected is None, worth(c)))[:count]


def best_standard(found: Sequence[Candidate], direction: Direction) -> Candidate | None:
    """The standard the search liked best, or None where the space holds none."""
    known = [c for c in found if c.standard is not None]
    if not known:
        return None
    best = leaders(known, direction, 1)[0]
    return replace(best, siblings=sum(c.standard == best.standard for c in known))


def _contender(key: str, trials: list[Trial], space: Space, confirmed: Sequence[float]) -> Candidate:
    first = min(trials, key=lambda t: t.number)
    by_seed = sorted(trials, key=lambda t: t.user_attrs.get(SEED_INDEX, 0))
    return Candidate(
        key=key,
        schedule=schedule_of(space, first.params),
        trial_numbers=tuple(sorted(t.number for t in trials)),
        searched=tuple(float(t.value) for t in by_seed if t.value is not None),
        confirmed=tuple(confirmed),
        standard=next((t.user_attrs[BASELINE] for t in trials if BASELINE in t.user_attrs), None),
        params=other_params(first.params),
    )
