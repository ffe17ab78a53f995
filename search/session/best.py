"""`Best`: the answer of a study, and how sure that is, for Python."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from search.results.evidence import evidence, evidence_lines
from search.results.headline import claim, headline
from search.results.lead import Lead
from search.results.status import StudyStatus
from warmboot.schedule import WarmbootSchedule


@dataclass(frozen=True, repr=False)
class Best:
    """The answer of a study.

    Attributes:
        schedule: the one to use, with its peak lr: the best searched one, or the baseline that nothing beat.
        params: the other hyperparameters that were searched, by name.
        is_baseline: whether it is one of the schedules in common use.
        headline: what to use and how sure that is, in one sentence.
        claim: after a verdict its outcome; before, "better", "a little better" or "not shown".
        gain: of the best searched schedule over the best baseline, in the objective's unit, better is
            positive; None where it is not known.
        probability: that it is better at all, in [0, 1]; None where it is not known.
        seed_sd: the standard deviation of the objective between two seeds; None where it is not known.
        values: what it reached, seed by seed: in the search, then on fresh seeds.
        baseline: the best schedule in common use, with its peak lr; None where there is none.
        evidence: all that is known, as an exported file has it.
    """

    schedule: WarmbootSchedule
    params: Mapping[str, Any]
    is_baseline: bool
    headline: str
    claim: str
    gain: float | None
    probability: float | None
    seed_sd: float | None
    values: tuple[float, ...]
    baseline: WarmbootSchedule | None
    evidence: Mapping[str, Any]
    _lines: tuple[str, ...] = field(default=())

    def __repr__(self) -> str:
        return "\n".join(self._lines)


def best_of(status: StudyStatus, lead: Lead) -> Best:
    """The answer of a study that has results."""
    spec, chosen = status.spec, lead.chosen
    return Best(
        schedule=chosen.schedule,
        params=dict(chosen.params),
        is_baseline=chosen is not lead.leader,
        headline=headline(spec, lead),
        claim=claim(spec, lead) if lead.verdict is None else lead.verdict.outcome,
        gain=lead.gain,
        probability=lead.probability,
        seed_sd=lead.noise_sd,
        values=chosen.values,
        baseline=None if lead.baseline is None else lead.baseline.schedule,
        evidence=evidence(spec, chosen, lead, status.transfer),
        _lines=tuple(evidence_lines(spec, chosen, lead, status.transfer)),
    )
