"""What leads a study: one rule for every command that names a schedule.

The **leader** is the best schedule that is no baseline, the **baseline** the best of the schedules in common
use. The answer is the leader if it is likely enough to be better, otherwise the baseline:

- after a verdict on it, by that: *win* makes it the answer, *lose* and *equivalent* the tuned baseline it
  was compared with, *not settled* leaves it to the probability that the pairs give;
- before, by the model of all runs (`search.strategy.study_model`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import stdev
from typing import TYPE_CHECKING, Any

from search.direction import Direction
from search.results.candidate import Candidate, best_standard, ranked
from search.results.kept_estimates import is_fresh
from search.results.verdict import VerdictResult
from search.runs.trial import Trial
from search.spec.study import StudySpec
from search.statistics.sequential import MARGIN_IN_SEED_SDS
from search.strategy.sureness import SURE_ENOUGH, is_enough, probability_of

if TYPE_CHECKING:
    from search.strategy.study_model import Answer

PLAIN_COSINES = ("cosine", "cosine_warmup")
"""Names of cosine to zero, without and with a warm-up."""
LEAD = "lead"
"""Entry of the study's attribute `expected`: what `to_json` gives."""


@dataclass(frozen=True)
class Lead:
    """What leads, and how sure that is.

    Attributes:
        leader: the best schedule that is no baseline; None where only baselines were tried.
        baseline: the best baseline, tuned by the verdict where there is one; None where the space holds none.
        gain: of leader over baseline, in the objective's unit, better is positive; None where it is not
            known.
        probability: that the leader is better; None where it is not known.
        probability_of_margin: that it is better by more than the margin below which a verdict calls two
            schedules equivalent; None where it is not known.
        noise_sd: standard deviation between two seeds of one schedule; None where it is not known.
        verdict: on the leader, where there is one.
        ahead: whether the leader is first by the means over the runs, where nothing more is known.
        cosine: plain cosine where it did best so far; None where it was not tried.
    """

    leader: Candidate | None
    baseline: Candidate | None
    gain: float | None = None
    probability: float | None = None
    noise_sd: float | None = None
    probability_of_margin: float | None = None
    verdict: VerdictResult | None = None
    ahead: bool = False
    cosine: Candidate | None = None

    @property
    def chosen(self) -> Candidate:
        """The answer."""
        if self.leader is None or (self.baseline is not None and not self.leader_is_better):
            assert self.baseline is not None, "a lead is of a schedule"
            return self.baseline
        return self.leader

    @property
    def other(self) -> Candidate | None:
        """What the answer is compared with: the baseline, or the leader where a baseline is the answer; None
        where there is no other schedule."""
        other = self.baseline if self.chosen is self.leader else self.leader
        return None if other is None or other.key == self.chosen.key else other

    @property
    def subject(self) -> Candidate:
        """What a verdict is about: the leader, or the baseline where there is no other."""
        if self.leader is not None:
            return self.leader
        assert self.baseline is not None, "a lead is of a schedule"
        return self.baseline

    @property
    def leader_is_better(self) -> bool:
        """Whether the leader is likely enough to be better than the baseline."""
        outcome = None if self.verdict is None else self.verdict.outcome
        if outcome in ("win", "lose", "equivalent", "standard"):
            return bool(outcome == "win")
        if self.probability is None or self.leader is None or self.baseline is None:
            return self.ahead
        if self.verdict is not None:  # of pairs
            return self.probability >= SURE_ENOUGH
        return is_enough(self.probability, len(self.leader.values), len(self.baseline.values))


def lead_of(
    found: Sequence[Candidate],
    expected: Mapping[str, Any] | None,
    trials: Sequence[Trial],
    verdict: VerdictResult | None,
    direction: Direction,
) -> Lead | None:
    """What leads by what is kept on the study; None where nothing was tried, or what is kept is older than
    the last complete trial.

    Args:
        found: the study's candidates, with what is expected of them.
        expected: the study's attribute of that name.
        trials: of the study.
        verdict: the last that is kept on the study.
        direction: of its objective.
    """
    if not found or expected is None or LEAD not in expected or not is_fresh(expected, trials):
        return None
    return _judged(_from_json(expected[LEAD], found, direction), verdict)


def lead_by_model(
    found: Sequence[Candidate], answer: Answer, verdict: VerdictResult | None, direction: Direction
) -> Lead:
    """The same worked out anew; what `answer` names is among `found`."""
    return _judged(_from_json(to_json(answer, found), found, direction), verdict)


def lead_by_means(found: Sequence[Candidate], spec: StudySpec) -> Lead | None:
    """The lead by the mean over the runs, for a study without estimates; None without a candidate."""
    if not found:
        return None
    order = ranked(found, spec.direction)
    leader = next((c for c in order if c.standard is None), None)
    baseline, cosine = best_standard(found, spec.direction), _best_cosine(found, spec.direction)
    return Lead(leader, baseline, ahead=order[0] is leader, cosine=cosine)


def _best_cosine(found: Sequence[Candidate], direction: Direction) -> Candidate | None:
    known = ranked([c for c in found if c.standard in PLAIN_COSINES], direction)
    return replace(known[0], siblings=len(known)) if known else None


def to_json(answer: Answer, found: Sequence[Candidate]) -> dict[str, Any]:
    """What of an answer is kept on the study."""
    keys = {number: candidate.key for candidate in found for number in candidate.trial_numbers}
    difference = answer.difference
    return {
        "leader": None if answer.leader is None else keys[answer.leader.number],
        "baseline": None if answer.baseline is None else keys[answer.baseline.number],
        "gain": None if difference is None else difference.gain,
        "probability": None if difference is None else difference.probability,
        "probability_of_margin": None
        if difference is None
        else difference.probability_above(MARGIN_IN_SEED_SDS * answer.noise_sd),
        "noise_sd": answer.noise_sd,
    }


def _from_json(stored: Mapping[str, Any], found: Sequence[Candidate], direction: Direction) -> Lead:
    by_key = {candidate.key: candidate for candidate in found}
    baseline = by_key.get(stored["baseline"])
    if baseline is not None:
        baseline = replace(baseline, siblings=sum(c.standard == baseline.standard for c in found))
    return Lead(
        by_key.get(stored["leader"]),
        baseline,
        gain=stored["gain"],
        probability=stored["probability"],
        noise_sd=stored["noise_sd"],
        probability_of_margin=stored.get("probability_of_margin"),
        cosine=_best_cosine(found, direction),
    )


def _judged(lead: Lead, verdict: VerdictResult | None) -> Lead:
    """With the verdict on it, where there is one."""
    if verdict is None or verdict.key != lead.subject.key:
        return lead
    tuned = verdict.standard.schedule
    if tuned is None:
        return replace(lead, verdict=verdict)
    baseline = Candidate(
        key="",
        schedule=tuned,
        trial_numbers=(),
        searched=(),
        confirmed=verdict.standard.values,
        standard=verdict.standard.name,
        params=lead.subject.params,
    )
    leader = lead.leader or lead.subject
    gain, probability = _of_pairs(verdict)
    return Lead(leader, baseline, gain, probability, verdict.seed_sd, verdict=verdict, cosine=lead.cosine)


def _of_pairs(verdict: VerdictResult) -> tuple[float | None, float | None]:
    """Mean gain of a verdict's pairs, and the probability that it is above 0."""
    gains = [a - b for a, b in zip(verdict.standard_values, verdict.candidate_values, strict=True)]
    if len(gains) < 2 or not verdict.looks:
        return None, None
    gain = verdict.looks[-1].mean  # in the direction of the objective
    return gain, probability_of(gain, stdev(gains) / math.sqrt(len(gains)), len(gains) - 1)
