"""`VerdictResult`: what a verdict has found, as it is kept on the study.

Numbers are kept; the sentences are made of them when they are told. A verdict that an earlier version kept
with its sentences has those instead of what they name (`Told`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from search.results.tuned_standard import TunedStandard
from search.statistics import wording
from search.statistics.holm import OtherStandard
from search.statistics.sequential import STATED_PLAN, Look
from search.statistics.steps_gain import StepsGain
from search.storage.study_attributes import StudyAttributes


@dataclass(frozen=True, kw_only=True)
class Named:
    """What the sentences of a verdict name besides its numbers.

    Attributes:
        study: for commands.
        candidate: the leader in words, with its peak lr.
        search_runs: full runs that the search has used.
        pairs_wanted: seeds in all that would settle it; None where it is settled, or none would.
        candidate_diverged, standard_diverged: how many runs of each diverged.
    """

    study: str
    candidate: str
    search_runs: float
    pairs_wanted: int | None = None
    candidate_diverged: int = 0
    standard_diverged: int = 0

    def to_json(self) -> dict[str, Any]:
        """Its entries among those of the verdict."""
        return asdict(self)


@dataclass(frozen=True)
class Told:
    """The sentences of a verdict as an earlier version kept them."""

    sentence: str
    lines: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Its entries among those of the verdict."""
        return {"sentence": self.sentence, "lines": list(self.lines)}


@dataclass(frozen=True, kw_only=True)
class VerdictResult:
    """What `warmboot verdict` has found.

    Attributes:
        outcome: win, lose, equivalent, not settled; or "standard" where the leader is the strongest standard.
        key: of the leader.
        objective: what was compared, as "test_loss".
        margin: of equivalence, in the objective's unit.
        seed_sd: standard deviation between seeds of the strongest standard.
        standard: the strongest.
        tuned: all that were tuned, the strongest first.
        tuning_runs: trainings that took.
        tuning_seeds: that the best of them share; None where an earlier version kept it.
        looks: those taken.
        candidate_values, standard_values: by pair of runs.
        others: the standards compared besides.
        steps: the gain in steps, where it was measured.
        trained: trainings in all.
        about: what the sentences name.
    """

    outcome: str
    key: str
    objective: str
    margin: float
    seed_sd: float
    standard: TunedStandard
    tuned: tuple[TunedStandard, ...]
    tuning_runs: int
    tuning_seeds: int | None = None
    looks: tuple[Look, ...] = ()
    candidate_values: tuple[float, ...] = ()
    standard_values: tuple[float, ...] = ()
    others: tuple[OtherStandard, ...] = ()
    steps: StepsGain | None = None
    trained: int = 0
    about: Named | Told = field(default=Told(""))

    @property
    def sentence(self) -> str:
        """The verdict in one sentence."""
        if isinstance(self.about, Told):
            return self.about.sentence
        if self.looks:
            return wording.sentence(self._worded(self.about))
        return (
            f"{self.about.candidate} is itself the strongest baseline here, {self.standard.shape}: use it; "
            f"tuning it apart from the search found the peak lr {self.standard.peak_lr:.4g}."
        )

    @property
    def lines(self) -> tuple[str, ...]:
        """What belongs beside the sentence."""
        if isinstance(self.about, Told):
            return self.about.lines
        return (*(wording.lines(self._worded(self.about)) if self.looks else ()), *self._steps_lines())

    def told(self) -> list[str]:
        """What a person reads: the verdict first."""
        rows = [
            f"{other.name}: gain {other.gain:.4g} (95% {other.low:.4g} to {other.high:.4g}; Holm's p "
            f"{other.p_holm:.2g})"
            for other in self.others
        ]
        beside = ["Beside the other baselines, for information:"] if rows else []
        return [self.sentence, *self.lines, *beside, *rows]

    def _worded(self, about: Named) -> wording.Verdict:
        searched = f"the search had {about.search_runs:.3g}"
        return wording.Verdict(
            study=about.study,
            candidate=about.candidate,
            standard=self.standard.words,
            tuning=f"baselines tuned with {self.tuning_runs} runs, {searched}",
            advice=self.standard.words,
            objective=self.objective,
            looks=self.looks,
            plan=STATED_PLAN,
            margin=self.margin,
            seed_sd=self.seed_sd,
            pairs_wanted=about.pairs_wanted,
            candidate_diverged=about.candidate_diverged,
            standard_diverged=about.standard_diverged,
        )

    def _steps_lines(self) -> list[str]:
        if self.steps is None:
            return []
        text = wording.steps_sentence(self.steps, candidate="it", standard=self.standard.words)
        return [text[0].upper() + text[1:]]

    def for_programs(self) -> dict[str, Any]:
        """As it is kept, and its sentences."""
        return {
            "outcome": self.outcome,
            "sentence": self.sentence,
            "lines": list(self.lines),
            **self.to_json(),
        }

    def to_json(self) -> dict[str, Any]:
        """Plain data for the database; `from_json` reads it back."""
        return {
            "outcome": self.outcome,
            **self.about.to_json(),
            "key": self.key,
            "objective": self.objective,
            "margin": self.margin,
            "seed_sd": self.seed_sd,
            "standard": self.standard.to_json(),
            "tuned": [each.to_json() for each in self.tuned],
            "tuning_seeds": self.tuning_seeds,
            "tuning_runs": self.tuning_runs,
            "looks": [look.to_json() for look in self.looks],
            "candidate_values": list(self.candidate_values),
            "standard_values": list(self.standard_values),
            "others": [_finite(asdict(other)) for other in self.others],
            "steps": None if self.steps is None else _finite(asdict(self.steps)),
            "trained": self.trained,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> VerdictResult:
        """What `to_json` made, now or earlier."""
        return cls(
            outcome=data["outcome"],
            key=data["key"],
            objective=data["objective"],
            margin=data["margin"],
            seed_sd=data["seed_sd"],
            standard=TunedStandard.from_json(data["standard"]),
            tuned=tuple(TunedStandard.from_json(each) for each in data["tuned"]),
            tuning_seeds=data.get("tuning_seeds"),
            tuning_runs=data["tuning_runs"],
            looks=tuple(Look(**_bounded(look)) for look in data["looks"]),
            candidate_values=tuple(data["candidate_values"]),
            standard_values=tuple(data["standard_values"]),
            others=tuple(OtherStandard(**_bounded(other)) for other in data["others"]),
            steps=None if data["steps"] is None else StepsGain(**_bounded(data["steps"])),
            trained=data["trained"],
            about=_about(data),
        )


def stored_verdict(attributes: StudyAttributes) -> VerdictResult | None:
    """The last verdict that is kept on a study, on whichever schedule led then."""
    return None if attributes.verdict is None else VerdictResult.from_json(attributes.verdict)


def _about(data: Mapping[str, Any]) -> Named | Told:
    if "sentence" in data:
        return Told(data["sentence"], tuple(data["lines"]))
    return Named(**{name: data[name] for name in Named.__dataclass_fields__})


def _finite(data: Mapping[str, Any]) -> dict[str, Any]:
    """JSON has no infinity: a bound that is not known is None."""
    return {
        key: None if isinstance(value, float) and math.isinf(value) else value for key, value in data.items()
    }


def _bounded(data: Mapping[str, Any]) -> dict[str, Any]:
    """The opposite: a bound that is None is infinite."""
    ends = {"low": -math.inf, "high": math.inf}
    return {**data, **{name: end for name, end in ends.items() if data[name] is None}}
