"""How a study stands at one moment, read from the database: what `launch` and `status` show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from search.results.candidate import Candidate
from search.results.candidates_that_matter import known_candidates
from search.results.confirmation import is_confirmed
from search.results.extended import Extended, extended_runs
from search.results.kept_estimates import model_of, stored_sensitivity
from search.results.lead import Lead, lead_by_means, lead_by_model, lead_of
from search.results.pace import Training, in_training, pace, seconds_left
from search.results.run_count import RunCount, run_count
from search.results.settled import is_settled
from search.results.study_hash import study_hash
from search.results.transfer import TransferResult, stored_transfer
from search.results.verdict import VerdictResult, stored_verdict
from search.runs.trial import Trial
from search.runs.trial_attributes import DIVERGED, FAILURE, REMARK
from search.spec.budget import counts, is_held
from search.spec.study import StudySpec
from search.spec.training_spans import trained_seconds
from search.storage.live_leases import live_leases
from search.storage.study_attributes import StudyAttributes
from search.storage.study_change import Change, accepted_changes
from search.storage.study_reader import KnownTrials, StudyReader
from search.storage.study_record import StudyRecord
from search.strategy.sensitivity import Sensitivity


@dataclass(frozen=True)
class StudyStatus:
    """One look at a study.

    Attributes:
        n_trials: how many it is to have in total; None where its time is limited instead.
        counts: trials by state name ("complete", "running", "waiting", "fail", "pruned"); one whose worker is
            gone waits to be taken up again, and one whose training has failed is no longer running.
        diverged: how many of the complete ones diverged.
        lead: what leads, or None before the first result.
        trials_per_second: over the last of them, pauses left aside; None where too few have ended.
        confirmed: whether the leaders were trained again on fresh seeds.
        stopped: whether the study was told to stop.
        failures: how many trials failed for which reason, those among them that are to be tried again.
        uncounted: how many failed before they had trained, which takes none of the study's trials.
        remarks: what a person should know of a training that did not fail of it, by the trial's number.
        budget_seconds: how long it may train, where that is its limit; see `search.spec.budget`.
        trained_seconds: how long it has trained.
        runs: how many full runs it has used, where their number is its limit.
        plateau: why its search ended before its limit; None where it did not.
        knobs: which parameters matter at the best schedule; empty before the study has ended.
        transfer: what is known of its best schedule at other horizons; None where nothing is.
        changes: what changed of its training and was accepted, the oldest first.
        extended: runs of it that were continued to a longer horizon, the oldest first.
        at_work: whether a worker trains a trial, confirms the best, or reads the script's own lr.
        search_is_over: whether no trial is left to begin or to end.
        settled: whether the best are confirmed and the answer is worked out.
        seconds_left: until the search ends if nothing ends it early; None where that is not known.
        training: what trains now, with what it has reported last.
        hash: of all its trials, see `study_hash`; None where it need not be the same every time, or its
            search goes on.
    """

    spec: StudySpec
    n_trials: int | None
    counts: dict[str, int]
    diverged: int
    lead: Lead | None
    trials_per_second: float | None
    confirmed: bool
    stopped: bool
    failures: Mapping[str, int] = field(default_factory=dict)
    uncounted: int = 0
    remarks: Mapping[int, str] = field(default_factory=dict)
    budget_seconds: float | None = None
    trained_seconds: float = 0.0
    runs: RunCount | None = None
    plateau: str | None = None
    knobs: Sequence[Sensitivity] = ()
    transfer: TransferResult | None = None
    changes: Sequence[Change] = ()
    extended: Sequence[Extended] = ()
    at_work: bool = False
    search_is_over: bool = False
    settled: bool = False
    seconds_left: float | None = None
    training: Sequence[Training] = ()
    hash: str | None = None

    @property
    def best(self) -> Candidate | None:
        """The answer so far, or None before the first result."""
        return None if self.lead is None else self.lead.chosen

    @property
    def other(self) -> Candidate | None:
        """What the answer is compared with so far, or None."""
        return None if self.lead is None else self.lead.other

    @property
    def verdict(self) -> VerdictResult | None:
        """On the leader; None where there is none."""
        return None if self.lead is None else self.lead.verdict

    @property
    def finished(self) -> int:
        return sum(self.counts.get(state, 0) for state in ("complete", "pruned", "fail"))

    @property
    def used(self) -> int:
        """How many of its trials are used up."""
        return self.finished - self.uncounted

    @property
    def results(self) -> int:
        """How many trials ended with something to learn from."""
        return self.counts.get("complete", 0) + self.counts.get("pruned", 0)

    @property
    def mostly_failed(self) -> bool:
        """Whether more of the trials that trained have failed than have not."""
        return self.used - self.results > self.results

    @property
    def done(self) -> bool:
        """Whether nothing is left to train."""
        return self.search_is_over and self.settled

    @property
    def share_done(self) -> float:
        """How much of the search's limit is used up, in [0, 1]."""
        if self.search_is_over or self.plateau is not None:
            return 1.0
        if self.n_trials is not None:
            return min(1.0, self.used / self.n_trials)
        if self.runs is not None:
            return self.runs.share_searched
        assert self.budget_seconds is not None, "a study has one limit"
        return min(1.0, self.trained_seconds / self.budget_seconds)

    @property
    def state(self) -> Literal["done", "stopped", "running", "paused"]:
        """How the study stands; confirming the best and learning the script's lr count as running."""
        if self.done:
            return "done"
        if self.stopped:
            return "stopped"
        return "running" if self.running or self.at_work else "paused"

    @property
    def wants_verdict(self) -> bool:
        """Whether a verdict is the next thing to do: all is searched, and none has settled it."""
        return self.done and (self.verdict is None or self.verdict.outcome == "not settled")

    @property
    def running(self) -> int:
        return self.counts.get("running", 0)

    @property
    def may_end_early(self) -> bool:
        """Whether `seconds_left` is an upper bound: trials may be stopped, or the search may end before its
        limit."""
        stopping = self.spec.early_stopping
        return stopping.name != "none" or (stopping.plateau and self.spec.sampler.name == "warmboot")


def read_status(
    record: StudyRecord, reader: StudyReader | KnownTrials, *, settle: bool = False
) -> StudyStatus:
    """Look at a study.

    Args:
        record: the study.
        reader: of it; passed in because it remembers the finished trials that it has read.
        settle: work out what leads where trials have ended since that was done last, which takes a moment;
            else the means over the runs tell.
    """
    attributes = record.attributes
    spec = attributes.spec
    limit = attributes.limit
    leases = live_leases(record)  # before the trials, for those that end in between
    trials = reader.trials()
    left = {t.number for t in trials if t.state.name == "RUNNING"} - leases.keys()
    if left:
        left -= live_leases(record).keys()  # and after them, for those that have begun
    known = [trial for trial in trials if trial.number not in left]
    now = record.now()
    speed = pace(known, spec.horizon_steps, now.local)
    found = known_candidates(reader, trials, spec, attributes)
    lead = _stored_lead(found, trials, attributes)
    if lead is None and settle:
        lead, found = _worked_out(reader, trials, attributes, found)
    elif lead is None:
        lead = lead_by_means(found, spec)
    subject = None if lead is None else lead.subject
    search_is_over = limit.is_over(trials, now)
    return StudyStatus(
        spec=spec,
        n_trials=limit.n_trials,
        counts=dict(Counter(_state(trial, left) for trial in trials)),
        diverged=sum(DIVERGED in trial.user_attrs for trial in trials),
        lead=lead,
        trials_per_second=None if speed is None else speed.trials_per_second,
        confirmed=_is_confirmed(found, spec, attributes.confirmation),
        stopped=attributes.is_stopped,
        failures=_failures(trials),
        uncounted=sum(is_held(trial) or not counts(trial) for trial in trials),
        remarks={t.number: str(t.user_attrs[REMARK]) for t in trials if REMARK in t.user_attrs},
        budget_seconds=limit.budget_seconds,
        trained_seconds=trained_seconds(known, now),
        runs=run_count(attributes, _begun(known)),
        plateau=limit.plateau,
        transfer=stored_transfer(attributes, subject),
        changes=accepted_changes(attributes),
        extended=extended_runs(attributes),
        knobs=stored_sensitivity(attributes.sensitivity, subject),
        at_work=bool(leases),
        search_is_over=search_is_over,
        settled=is_settled(spec, found, trials, attributes),
        seconds_left=seconds_left(limit, known, spec.horizon_steps, now),
        training=in_training(_begun(known), spec.horizon_steps),
        hash=study_hash(reader.with_params(trials))
        if search_is_over and attributes.is_same_every_time
        else None,
    )


def _state(trial: Trial, left: Container[int]) -> str:
    """What a person calls it; `left`: the numbers of trials whose worker is gone."""
    if trial.number in left:
        return "waiting"
    return "fail" if is_held(trial) else trial.state.name.lower()


def _begun(trials: Sequence[Trial]) -> list[Trial]:
    """Those that train or have ended."""
    return [trial for trial in trials if trial.state.name != "WAITING" and not is_held(trial)]


def _is_confirmed(
    found: Sequence[Candidate], spec: StudySpec, confirmation: Mapping[str, Any] | None
) -> bool:
    """Whether anything is to be confirmed, and is."""
    size = spec.confirmation_size
    return bool(found) and size.most_runs > 0 and is_confirmed(found, spec.direction, confirmation, size)


def study_lead(record: StudyRecord, *, also: int | None = None) -> tuple[Lead | None, list[Candidate]]:
    """What leads a study, worked out anew where trials have ended since, and its candidates: those that can
    matter, and the schedule of trial `also`."""
    attributes, reader = record.attributes, record.reader()
    spec, trials = attributes.spec, reader.trials()
    wanted = () if also is None else (also,)
    found = known_candidates(reader, trials, spec, attributes, also=wanted)
    stored = _stored_lead(found, trials, attributes)
    return (stored, found) if stored is not None else _worked_out(reader, trials, attributes, found, wanted)


def _stored_lead(
    found: Sequence[Candidate], trials: Sequence[Trial], attributes: StudyAttributes
) -> Lead | None:
    """What leads by what is kept on the study; None where that is older than the last complete trial."""
    if not found:
        return None
    return lead_of(found, attributes.estimates, trials, stored_verdict(attributes), attributes.spec.direction)


def _worked_out(
    reader: StudyReader | KnownTrials,
    trials: Sequence[Trial],
    attributes: StudyAttributes,
    found: list[Candidate],
    also: Sequence[int] = (),
) -> tuple[Lead | None, list[Candidate]]:
    """What leads by the model of all runs, and the candidates that can matter: `found` and those that lead.
    `also`: trials whose schedules are to be among them."""
    if not found:
        return None, found
    spec = attributes.spec
    model = model_of(spec, reader.to_learn(trials, curves=spec.sampler.uses_law), found, confirmed=True)
    assert model is not None, "a study with a candidate has a full run"
    answer = model.answer()
    named = [each.number for each in (answer.leader, answer.baseline) if each is not None]
    if not set(named) <= {number for candidate in found for number in candidate.trial_numbers}:
        found = known_candidates(reader, trials, spec, attributes, also=[*named, *also])
    return lead_by_model(found, answer, stored_verdict(attributes), spec.direction), found


def _failures(trials: Sequence[Trial]) -> dict[str, int]:
    """The reasons of failed trials, the most frequent first; a reason is the last line of what was kept.

    One that was tried again and is finished otherwise, or in training, has not failed.
    """
    failed = [t for t in trials if t.state.name in ("FAIL", "WAITING") or is_held(t)]
    texts = [str(trial.user_attrs.get(FAILURE, "")).strip() for trial in failed]
    return dict(Counter(text.splitlines()[-1] for text in texts if text).most_common())
