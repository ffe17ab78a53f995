"""How a study stands at one moment, read from the database: what `launch` and `status` show."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any, Literal

import optuna
from optuna.trial import FrozenTrial, TrialState

from search.confirmation import is_confirmed
from search.expectations import model_of, stored_knobs, with_expectations
from search.lead import VERDICT, Lead, lead_by_means, lead_by_model, lead_of
from search.pace import Training, in_training, pace, seconds_left
from search.results import REMARK, Contender, contenders
from search.settled import is_settled
from search.storage.live_leases import live_leases
from search.storage.study_change import Change, accepted_changes
from search.storage.study_record import StudyRecord, spec_of
from search.strategy.knobs import Knob
from search.study_spec import StudySpec
from search.training_spans import trained_seconds
from search.transferred import Transferred, stored_transfer
from search.trial_limit import FAILURE, TrialLimit, counts, is_held

_LEADING = 8  # schedules that are looked at at least


@dataclass(frozen=True)
class Snapshot:
    """One look at a study.

    Attributes:
        n_trials: how many it is to have in total; None where its time is limited instead.
        counts: trials by state name ("complete", "running", "waiting", "fail", "pruned"); one whose worker is
            gone waits to be taken up again, and one whose training has failed is no longer running.
        diverged: how many of the complete ones diverged.
        lead: what leads, or None before the first result.
        trials_per_second: over the last of them, pauses left aside; None where too few have ended.
        confirmed: whether the leaders were trained again on fresh seeds.
        stopped: whether somebody asked the study to end.
        failures: how many trials failed for which reason, those among them that are to be tried again.
        uncounted: how many failed before they had trained, which takes none of the study's trials.
        remarks: what a person should know of a training that did not fail of it, by the trial's number.
        budget_seconds: how long it may train, where that is its limit; see `search.trial_limit`.
        trained_seconds: how long it has trained.
        n_runs: how many full runs its search may take, where that is its limit.
        runs_used: how many its trials have taken, those in training counted whole, those that wait or
            are to be tried again not at all.
        plateau: why its search ended before its limit; None where it did not.
        knobs: which parameters matter at the best schedule; empty before the study has ended.
        transfer: what is known of its best schedule at other horizons; None where nothing is.
        changes: what changed of its training and was accepted, the oldest first.
        at_work: whether somebody works on it: trains a trial, confirms the best, learns the script's own lr.
        search_is_over: whether no trial is left to begin or to end.
        settled: whether the best are confirmed and the answer is worked out.
        seconds_left: until the search ends if nothing ends it early; None where that is not known.
        training: what trains now, with what it has reported last.
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
    n_runs: int | None = None
    runs_used: float = 0.0
    plateau: str | None = None
    knobs: Sequence[Knob] = ()
    transfer: Transferred | None = None
    changes: Sequence[Change] = ()
    at_work: bool = False
    search_is_over: bool = False
    settled: bool = False
    seconds_left: float | None = None
    training: Sequence[Training] = ()

    @property
    def best(self) -> Contender | None:
        """The answer so far, or None before the first result."""
        return None if self.lead is None else self.lead.chosen

    @property
    def other(self) -> Contender | None:
        """What the answer is compared with so far, or None."""
        return None if self.lead is None else self.lead.other

    @property
    def verdict(self) -> Mapping[str, Any] | None:
        """On the leader, as `search.contest` keeps it; None where there is none."""
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
        """How much of the limit is used up, in [0, 1]."""
        if self.search_is_over or self.plateau is not None:
            return 1.0
        if self.n_trials is not None:
            return min(1.0, self.used / self.n_trials)
        if self.n_runs is not None:
            return min(1.0, self.runs_used / self.n_runs)
        assert self.budget_seconds is not None, "a study has one limit"
        return min(1.0, self.trained_seconds / self.budget_seconds)

    @property
    def state(self) -> Literal["done", "stopped", "running", "resting"]:
        """What a person would call it; it runs too where its best are confirmed, or its own lr is learnt."""
        if self.done:
            return "done"
        if self.stopped:
            return "stopped"
        return "running" if self.running or self.at_work else "resting"

    @property
    def running(self) -> int:
        return self.counts.get("running", 0)

    @property
    def may_end_early(self) -> bool:
        """Whether `seconds_left` is an upper bound: trials may be stopped, or the search may end before its
        limit."""
        stopping = self.spec.early_stopping
        return stopping.name != "none" or (stopping.plateau and self.spec.sampler.name == "warmboot")


def take_snapshot(record: StudyRecord, study: optuna.Study, *, settle: bool = False) -> Snapshot:
    """Look at a study; `study` is passed in because it caches the trials it has read.

    `settle`: work out what leads where trials have ended since that was done last, which takes a moment;
    else the means over the runs tell.
    """
    attributes = record.attributes
    spec = spec_of(attributes)
    limit = TrialLimit.from_control(attributes["control"])
    leases = live_leases(record)  # before the trials, for those that end in between
    trials = record.trials(study)
    left = {t.number for t in trials if t.state == TrialState.RUNNING} - leases.keys()
    if left:
        left -= live_leases(record).keys()  # and after them, for those that have begun
    known = [trial for trial in trials if trial.number not in left]
    now = record.now()
    speed = pace(known, spec.horizon_steps, now.local)
    confirmation = attributes.get("confirmation")
    looked_at = trials if settle else _candidates(trials, spec, attributes)
    found = contenders(looked_at, spec.parsed_space, confirmation)
    found = with_expectations(found, attributes.get("expected"), trials)
    lead = _lead(found, spec, trials, attributes, settle=settle)
    subject = None if lead is None else lead.subject
    return Snapshot(
        spec=spec,
        n_trials=limit.n_trials,
        counts=dict(Counter(_state(trial, left) for trial in trials)),
        diverged=sum("diverged" in trial.user_attrs for trial in trials),
        lead=lead,
        trials_per_second=None if speed is None else speed.trials_per_second,
        confirmed=_is_confirmed(found, spec, confirmation),
        stopped=bool(attributes["control"]["stop"]),
        failures=_failures(trials),
        uncounted=sum(is_held(trial) or not counts(trial) for trial in trials),
        remarks={t.number: str(t.user_attrs[REMARK]) for t in trials if REMARK in t.user_attrs},
        budget_seconds=limit.budget_seconds,
        trained_seconds=trained_seconds(known, now),
        n_runs=limit.n_runs,
        runs_used=0.0 if limit.n_runs is None else limit.runs_used(_begun(known)),
        plateau=limit.plateau,
        transfer=stored_transfer(attributes, subject),
        changes=accepted_changes(attributes),
        knobs=stored_knobs(attributes.get("knobs"), subject),
        at_work=bool(leases),
        search_is_over=limit.is_over(trials, now),
        settled=is_settled(spec, found, trials, attributes),
        seconds_left=seconds_left(limit, known, spec.horizon_steps, now),
        training=in_training(_begun(known), spec.horizon_steps),
    )


def _state(trial: FrozenTrial, left: Container[int]) -> str:
    """What a person calls it; `left`: the numbers of trials whose worker is gone."""
    if trial.number in left:
        return "waiting"
    return "fail" if is_held(trial) else trial.state.name.lower()


def _begun(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """Those that train or have ended."""
    return [trial for trial in trials if trial.state != TrialState.WAITING and not is_held(trial)]


def _is_confirmed(
    found: Sequence[Contender], spec: StudySpec, confirmation: Mapping[str, Any] | None
) -> bool:
    """Whether anything is to be confirmed, and is."""
    size = spec.confirmation_size
    return bool(found) and size.most_runs > 0 and is_confirmed(found, spec.direction, confirmation, size)


def study_lead(record: StudyRecord) -> tuple[Lead | None, list[Contender]]:
    """What leads a study, worked out anew where trials have ended since, and all its contenders."""
    spec, attributes = record.spec, record.attributes
    trials = record.load().get_trials(deepcopy=False)
    found = contenders(trials, spec.parsed_space, attributes.get("confirmation"))
    found = with_expectations(found, attributes.get("expected"), trials)
    return _lead(found, spec, trials, attributes, settle=True), found


def _lead(
    found: Sequence[Contender],
    spec: StudySpec,
    trials: Sequence[FrozenTrial],
    attributes: Mapping[str, Any],
    *,
    settle: bool,
) -> Lead | None:
    if not found:
        return None
    verdict = attributes.get(VERDICT)
    stored = lead_of(found, attributes.get("expected"), trials, verdict)
    if stored is not None:
        return stored
    if not settle:
        return lead_by_means(found, spec)
    model = model_of(spec, trials, found, confirmed=True)
    assert model is not None, "a study with a contender has a full run"
    return lead_by_model(found, model, verdict)


def _candidates(
    trials: Sequence[FrozenTrial], spec: StudySpec, attributes: Mapping[str, Any]
) -> list[FrozenTrial]:
    """The trials that can matter for best and standard; to rebuild every schedule each second is too slow."""
    complete = [t for t in trials if t.state == TrialState.COMPLETE and "schedule_key" in t.user_attrs]
    standards = {t.user_attrs["schedule_key"] for t in complete if "standard" in t.user_attrs}
    values: dict[str, list[float]] = defaultdict(list)
    for trial in complete:
        if trial.user_attrs["schedule_key"] not in standards:
            values[trial.user_attrs["schedule_key"]].append(trial.value or 0.0)
    sign = 1.0 if spec.direction == "minimize" else -1.0
    most = max(_LEADING, spec.confirmation_size.leaders + 1)  # all that can be confirmed are among them
    keys = set(sorted(values, key=lambda key: sign * fmean(values[key]))[:most])
    keys |= standards
    keys |= set(attributes.get("confirmation", {}).get("values", {}))
    keys |= set(attributes.get("expected", {}).get("searched", {}))
    return [t for t in complete if t.user_attrs["schedule_key"] in keys]


def _failures(trials: Sequence[FrozenTrial]) -> dict[str, int]:
    """The reasons of failed trials, the most frequent first; a reason is the last line of what was kept.

    One that was tried again and is finished otherwise, or in training, has not failed.
    """
    failed = [t for t in trials if t.state in (TrialState.FAIL, TrialState.WAITING) or is_held(t)]
    texts = [str(trial.user_attrs.get(FAILURE, "")).strip() for trial in failed]
    return dict(Counter(text.splitlines()[-1] for text in texts if text).most_common())
