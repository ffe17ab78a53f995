"""What a study comes to once its search has ended: estimates, the pairs that tell two apart, the answer."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from optuna.trial import FrozenTrial

from search.results.candidate import Candidate, candidates
from search.results.confirmation import Confirmation, plan_confirmation
from search.results.evidence import evidence_lines
from search.results.kept_estimates import expectations, model_of, sensitivity_of, to_json, with_expectations
from search.results.lead import LEAD
from search.results.lead import to_json as lead_json
from search.results.status import study_lead
from search.results.told_apart import (
    LEAST_PAIRS,
    PAIRS_AT_ONCE,
    is_quick,
    is_quick_anywhere,
    pair_budget,
    told_apart,
)
from search.storage.study_attributes import ESTIMATES, SENSITIVITY
from search.storage.study_record import StudyRecord
from search.storage.trial_queue import TrialQueue
from search.strategy.study_model import Answer, StudyModel

RECENT = 40
"""Trials by which the time of a run is told."""


class Conclusion:
    """Works out what one study has found, and keeps it with the study.

    Args:
        record: the study.
        trials: where its trials come from.
        slots: how many runs train at once here.
    """

    def __init__(self, record: StudyRecord, trials: TrialQueue, slots: int) -> None:
        self._record, self._trials, self._slots = record, trials, slots
        self._spec, self._rounds = record.spec, record.attributes.rounds
        self._searched: tuple[int, StudyModel | None] | None = None

    def candidates(self) -> list[Candidate]:
        trials = self._trials.completed()
        attributes = self._record.attributes
        found = candidates(trials, self._spec.parsed_space, attributes.confirmation)
        return with_expectations(found, attributes.estimates, trials)

    def plan(self) -> Confirmation:
        stored = self._record.attributes.confirmation
        return plan_confirmation(
            self.candidates(), self._spec.direction, stored, self._spec.confirmation_size
        )

    def expect(self, *, final: bool) -> Answer | None:
        """Work out what is expected of every schedule and what leads; `final`: with what the confirmation
        has measured."""
        trials = self._trials.all()
        found = self.candidates()
        model = self._searched_model(trials, found)
        at_last = model_of(self._spec, trials, found, confirmed=True) if final else model
        answer = None if at_last is None else at_last.answer()
        lead = {} if answer is None else {LEAD: lead_json(answer, found)}
        stored = to_json(trials, expectations(model, found), expectations(at_last, found), **lead)
        self._record.set_attribute(ESTIMATES, stored)
        return answer

    def _searched_model(self, trials: Sequence[FrozenTrial], found: Sequence[Candidate]) -> StudyModel | None:
        """The model of the search alone, which the confirmation does not change."""
        if self._searched is None or self._searched[0] != len(trials):
            self._searched = (len(trials), model_of(self._spec, trials, found, confirmed=False))
        return self._searched[1]

    def more_pairs(self, plan: Confirmation, answer: Answer | None) -> bool:
        """Whether leader and baseline are trained on more seeds; then `plan` has them."""
        if answer is None or answer.difference is None or not plan.values:
            return False
        by_number = {number: c for c in self.candidates() for number in c.trial_numbers}
        assert answer.leader is not None, "a difference is of two"
        assert answer.baseline is not None, "a difference is of two"
        pair = [by_number[answer.leader.number], by_number[answer.baseline.number]]
        have = min(len(plan.values.get(candidate.key, ())) for candidate in pair)
        if have >= LEAST_PAIRS and told_apart(answer):
            return False
        budget = pair_budget(self._spec, quick=self._trains_quickly())
        at_once = max(1, self._slots // 2) if self._rounds is None else PAIRS_AT_ONCE
        more = min(at_once, budget.pairs - have, (budget.runs - plan.n_runs) // 2)
        if more > 0:
            plan.extend(pair, have + more)
        return more > 0

    def _trains_quickly(self) -> bool:
        """By the last trials, the runs that trained beside each of them counted off; where a study is the
        same every time, by what does not depend on the machine."""
        if self._rounds is not None:
            return is_quick_anywhere(self._record.attributes.proxy, self._spec.horizon_steps)
        seconds = [t.duration.total_seconds() for t in self._trials.completed()[-RECENT:] if t.duration]
        return is_quick(median(seconds) / self._slots if seconds else None)

    def conclude(self) -> None:
        """Note what the study has found, for everybody who looks at it."""
        lead, found = study_lead(self._record)
        assert lead is not None, "a study with a confirmation has a schedule"
        trials = self._trials.all()
        self._record.set_attribute(SENSITIVITY, sensitivity_of(self._spec, trials, lead.subject, found))
        lines = evidence_lines(self._spec, lead.chosen, lead)
        self._record.set_answer("; ".join(" ".join(line.split()) for line in lines))
