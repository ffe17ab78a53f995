"""From a study to a schedule for the user's own training, with its provenance."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from search.errors import RunError, UsageError, nearest
from search.export.horizon import HorizonForecast, at_horizon
from search.results.candidate import Candidate, ranked
from search.results.evidence import evidence
from search.results.lead import Lead
from search.results.status import study_lead
from search.results.study_hash import study_hash
from search.results.transfer import TransferResult, stored_transfer, transfer_of
from search.spec.proxy import TUNABLE
from search.spec.study import StudySpec
from search.storage.live_leases import live_leases
from search.storage.study_change import accepted_changes
from search.storage.study_record import StudyRecord
from warmboot.errors import ScheduleError
from warmboot.exporters import EXPORTERS, LARGEST_MEAN_DEVIATION, cawb_export
from warmboot.schedule_file import Horizon, ScheduleFile


@dataclass(frozen=True)
class Export:
    """A schedule ready to be written: `text` is the file, `candidate` what it was made from."""

    text: str
    file: ScheduleFile
    """The same as a schedule, whatever the format."""
    candidate: Candidate
    lead: Lead
    """The lead of the study, to compare it with."""
    at_horizon: Sequence[str]
    """Forecast for the schedule at the exported horizon, in words."""
    optunas_best: int | None
    """The number of Optuna's best trial where that is another schedule."""
    deviation: str | None = None
    """How far what is exported is from the schedule, in words, where that is not exact."""


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Which schedule of a study: its answer, or with one of these another one.

    Attributes:
        trial: that of this trial.
        leader: the best schedule that is no baseline, whatever the answer is.
        baseline: the baseline of this name, at its best peak lr.
    """

    trial: int | None = None
    leader: bool = False
    baseline: str | None = None

    def __post_init__(self) -> None:
        if (self.trial is not None) + self.leader + (self.baseline is not None) > 1:
            raise UsageError("give one of --trial, --leader and --baseline; each names a schedule.")

    def of(self, spec: StudySpec, lead: Lead, found: Sequence[Candidate]) -> Candidate:
        """The schedule.

        Raises:
            UsageError: the study has none like that.
        """
        if self.trial is not None:
            for candidate in found:
                if self.trial in candidate.trial_numbers:
                    return candidate
            raise UsageError(f"--trial {self.trial}: not a complete trial of study {spec.name!r}.")
        if self.baseline is not None:
            return _baseline(self.baseline, spec, lead, found)
        if self.leader and lead.leader is None:
            raise UsageError(f"--leader: study {spec.name!r} has tried only baselines.")
        return lead.leader if self.leader and lead.leader is not None else lead.chosen


ANSWER = Choice()


def _baseline(name: str, spec: StudySpec, lead: Lead, found: Sequence[Candidate]) -> Candidate:
    """As the verdict has tuned it, else as the search has it."""
    if lead.baseline is not None and lead.baseline.standard == name:
        return lead.baseline
    tried = [candidate for candidate in found if candidate.standard == name]
    if not tried:
        names = sorted({candidate.standard for candidate in found if candidate.standard})
        raise UsageError(f"--baseline {name}: not tried in study {spec.name!r}; {nearest(name, names)}")
    return ranked(tried, spec.direction)[0]


def horizon_from(total_steps: int | None, epochs: int | None, steps_per_epoch: int | None) -> Horizon | None:
    """The horizon that the options of `warmboot export` ask for; None where they ask for none.

    Raises:
        UsageError: options that exclude or need each other, or a count below 1.

    >>> horizon_from(None, 10, 500).total_steps
    5000
    """
    problems = [
        f"--{name}: got {value}; accepted is a whole number of 1 or more."
        for name, value in (
            ("total-steps", total_steps),
            ("epochs", epochs),
            ("steps-per-epoch", steps_per_epoch),
        )
        if value is not None and value < 1
    ]
    if (epochs is None) != (steps_per_epoch is None):
        problems.append("--epochs and --steps-per-epoch go together: their product is the horizon.")
    if total_steps is not None and (epochs is not None or steps_per_epoch is not None):
        problems.append("give --total-steps, or --epochs with --steps-per-epoch, not both.")
    if problems:
        raise UsageError("\n".join(problems))
    if epochs is not None and steps_per_epoch is not None:
        return Horizon(epochs * steps_per_epoch, epochs, steps_per_epoch)
    return None if total_steps is None else Horizon(total_steps)


def export(
    record: StudyRecord,
    *,
    format: str,
    horizon: Horizon | None,
    choice: Choice = ANSWER,
    with_lr: bool | None = None,
    however_far: bool = False,
    max_deviation: float | None = None,
) -> Export:
    """Make the file of a study's answer, or of another of its schedules.

    Args:
        record: the study.
        format: for which program, one of `warmboot.exporters.EXPORTERS`.
        horizon: the user's own training; the shape is rescaled to it.
        choice: another schedule than the answer.
        with_lr: keep the peak lr; None: that of the user's own training, not that of a built-in proxy, which
            seldom suits another model. It is the one that the study's transfer gives at the horizon, where
            there is one.
        however_far: extrapolate it beyond 30 times the longest horizon that was trained, or a third of the
            shortest.
        max_deviation: how far, in the mean and in units of the peak lr, a `cawb` export may be from the
            schedule; None: 0.1.

    Raises:
        RunError: no trial is complete yet; says how many run or failed.
        UsageError: no such format or schedule, the horizon has no room for the schedule or is too far for
            its peak lr.
    """
    if format not in EXPORTERS:
        raise UsageError(f"--format {format}: no such format; {nearest(format, EXPORTERS)}")
    lead, found = study_lead(record, also=choice.trial)
    if lead is None:
        raise _nothing_yet(record)
    candidate = choice.of(record.spec, lead, found)
    with_lr = record.spec.trains_own_model if with_lr is None else with_lr
    transfer = transfer_of(stored_transfer(record.attributes, lead.subject), candidate)
    there = at_horizon(record.spec, candidate, horizon, transfer, with_lr=with_lr, however_far=however_far)
    try:
        file = ScheduleFile(
            candidate.schedule.replace(lr=there.lr),
            horizon,
            _origin(record, candidate, lead, there, transfer),
        )
        text, deviation = _rendered(file, format, max_deviation)
    except ScheduleError as error:
        raise UsageError(f"export: {error}") from error
    best = _optunas_best(record, candidate)
    return Export(text, file, candidate, lead, there.lines, best, deviation)


def _rendered(file: ScheduleFile, format: str, max_deviation: float | None) -> tuple[str, str | None]:
    """The text, and how far it is from the schedule where that is not exact."""
    target, horizon = EXPORTERS[format], file.horizon
    if max_deviation is not None and format != "cawb":
        raise UsageError(f"--max-deviation is for --format cawb; {format} follows the schedule exactly.")
    if target.horizon == "steps" and horizon is None:
        raise UsageError(f"--format {format}: needs --total-steps, or --epochs with --steps-per-epoch.")
    if target.horizon == "epochs" and (horizon is None or horizon.epochs is None):
        raise UsageError(f"--format {format}: needs --epochs with --steps-per-epoch.")
    if format != "cawb":
        return target.render(file), None
    return _cawb(file, LARGEST_MEAN_DEVIATION if max_deviation is None else max_deviation)


def _cawb(file: ScheduleFile, max_deviation: float) -> tuple[str, str]:
    horizon = file.horizon
    assert horizon is not None
    assert horizon.epochs is not None
    assert horizon.steps_per_epoch is not None
    text, deviation = cawb_export(
        file.schedule,
        epochs=horizon.epochs,
        steps_per_epoch=horizon.steps_per_epoch,
        origin=file.origin,
        max_deviation=max_deviation,
    )
    if deviation is None:
        return text, "none: the class can't express it, so the file holds a table of numbers and says why"
    return text, deviation.words(file.schedule.lr).replace("\n", " ")


def _nothing_yet(record: StudyRecord) -> RunError:
    trials = record.reader().trials()
    leases = live_leases(record)
    running = sum(t.state.name == "RUNNING" and t.number in leases for t in trials)
    failed = sum(t.state.name == "FAIL" for t in trials)
    return RunError(
        f"study {record.name!r} has no completed trial yet ({running} running, {failed} failed); "
        f"nothing to export."
    )


def _optunas_best(record: StudyRecord, candidate: Candidate) -> int | None:
    best = record.load().best_trial.number
    return None if best in candidate.trial_numbers else best


def _hash(record: StudyRecord) -> str:
    reader = record.reader()
    return study_hash(reader.with_params(reader.trials()))


def _origin(
    record: StudyRecord,
    candidate: Candidate,
    lead: Lead,
    there: HorizonForecast,
    transfer: TransferResult | None,
) -> dict[str, Any]:
    """Provenance of the schedule: everything needed to judge it a year later."""
    spec, attributes = record.spec, record.attributes
    facts, changes = attributes.proxy, accepted_changes(attributes)
    own = {name: value for name, value in candidate.params.items() if name in TUNABLE and name in facts}
    return {
        "study": record.name,
        "trials": list(candidate.trial_numbers),
        "schedule": candidate.schedule.describe(),
        "params": dict(candidate.params),
        # The facts are those of the launch: building the proxy here would run code that a database names.
        "proxy": {
            **facts,
            **own,
            "total_steps": spec.horizon_steps,
            "peak_lr": candidate.schedule.lr,
        },
        "lr_kept": there.lr is not None,
        **there.to_json(),
        "study_seed": spec.seed,
        **({"study_hash": _hash(record)} if attributes.is_same_every_time else {}),
        **({"accepted_changes": [change.to_json() for change in changes]} if changes else {}),
        "evidence": evidence(spec, candidate, lead, transfer),
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in ("warmboot", "torch", "optuna", "numpy")},
        },
    }
