"""`make_plan`: everything about a study that can be known before it is launched. Stores nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from search.errors import UsageError
from search.launch.checks import CheckedStudy, check, located_from, resolve_device, wanted
from search.launch.engine import LaunchOptions
from search.launch.placement import placements_for
from search.launch.way import chosen_way
from search.plan.estimate import Estimate, Pace, estimate
from search.population.choice import Choice
from search.population.make import trains_together
from search.spec.population import AUTO, Way
from search.spec.study import StudySpec
from search.storage.address import shown
from search.strategy.baselines_first import baselines_first
from search.strategy.lr_bracket import most_runs
from search.training.trainers import slots_for
from search.worker.trial_runs import report_steps
from warmboot.space import FloatRange


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a launch with these options would do, and what it would take."""

    spec: StudySpec
    workers: int
    slots: int
    together: bool
    """Whether the runs of a process are trained in the same operations."""
    choice: Choice | None
    """The way in which a model's runs would be trained; None where its proxy needs none."""
    device: str
    storage: str
    """Without its password."""
    pace: Pace | None
    """None where only a training of the user's own would tell."""
    estimate: Estimate | None
    n_standards: int
    """How many of the first trials are standard schedules, at most."""
    peak_lr_runs: int
    """About how many full runs go to the peak lr of one shape before others are tried; 0 where the sampler
    does not begin so or the lr is no range."""
    confirmation_runs: int
    """Trainings on fresh seeds after the search, at most."""
    confirmation_seeds: int

    def to_json(self) -> dict[str, Any]:
        """Plain data for programs; seconds are estimates."""
        pace, cost = self.pace, self.estimate
        return {
            "study": self.spec.name,
            "proxy": {"kind": self.spec.proxy_kind, "name": self.spec.proxy.name},
            "limit": self.spec.limit.to_control(),
            "total_steps": self.spec.horizon_steps,
            "device": self.device,
            "workers": self.workers,
            "slots": self.slots,
            "way": None if self.choice is None else self.choice.way,
            "gain_of_way": None if self.choice is None else self.choice.gain,
            "storage": self.storage,
            "seconds_per_run": None if pace is None else pace.seconds_per_run,
            "runs_per_second": None if pace is None else pace.runs_per_second * self.workers,
            "n_trials": self.spec.limit.n_trials if cost is None else cost.n_trials,
            "search_seconds": self.spec.limit.budget_seconds if cost is None else cost.search_seconds,
            "confirmation_seconds": None if cost is None else cost.confirmation_seconds,
            "standards": self.n_standards,
            "confirmation": {"runs": self.confirmation_runs, "seeds": self.confirmation_seeds},
        }


def make_plan(
    study: str,
    options: LaunchOptions,
    *,
    seconds_per_run: float | None = None,
    time_scripts: bool = False,
) -> Plan:
    """Check a study file, measure a few steps here, and add up.

    Args:
        study: a packaged one, or a study file.
        options: of the launch.
        seconds_per_run: what the user knows of a run's time; nothing is measured then.
        time_scripts: whether a script or function of the user's own may be run to measure it.

    Raises:
        UsageError: what a launch would refuse is refused here, in the same words.
        RunError: the user's own training failed while it was timed.
    """
    want = wanted(study, options.limit)
    spec = want.spec
    device = "cuda" if options.gpus is not None else resolve_device(options.device)
    checked = check(located_from(spec, want.home), want.named)
    spec = checked.spec
    workers = len(placements_for(spec, device=device, gpus=options.gpus, workers=options.workers))
    choice = chosen_way(spec, checked.proxy, want.named, device)
    way = AUTO if choice is None else choice.way
    slots = slots_for(spec, device) if choice is None else choice.slots
    pace = _pace(checked, slots, device, way, seconds_per_run=seconds_per_run, time_scripts=time_scripts)
    size = spec.confirmation_size
    runs = size.most_runs
    cost = None if pace is None else estimate(spec.limit, pace, workers=workers, confirmation_runs=runs)
    return Plan(
        spec=spec,
        workers=workers,
        slots=slots,
        together=trains_together(checked.proxy, way),
        choice=choice,
        device=device,
        storage=shown(options.storage),
        pace=pace,
        estimate=cost,
        n_standards=_n_standards(spec, spec.limit.most_full_runs if cost is None else cost.n_trials),
        peak_lr_runs=_peak_lr_runs(spec),
        confirmation_runs=runs,
        confirmation_seeds=size.seeds,
    )


def _peak_lr_runs(spec: StudySpec) -> int:
    known = spec.with_own_lr(1.0)
    if spec.sampler.name != "warmboot" or not isinstance(known.peak_lr, FloatRange):
        return 0
    return most_runs(spec.limit.most_full_runs)


def _n_standards(spec: StudySpec, n_trials: int | None) -> int:
    if spec.sampler.name == "warmboot":
        return 0  # its first trials are decided as it goes
    known = spec.with_own_lr(1.0)  # how many there are does not depend on the script's own lr
    first = baselines_first(known, spec.limit.most_full_runs)  # as the launch does
    if n_trials is None:
        return len(first.trials)
    return sum(first(number) is not None for number in range(min(n_trials, len(first.trials) * first.every)))


def _check_timeable(spec: StudySpec) -> None:
    """A script that can't be told a short horizon can't be timed on one."""
    if not spec.can_change_horizon:
        raise UsageError(
            "--time runs the command on a short horizon, and this one has no {total_steps}; give the "
            "time of one training with --run-takes 10m, or add {total_steps} to the command."
        )


def _pace(
    checked: CheckedStudy,
    slots: int,
    device: str,
    way: Way,
    *,
    seconds_per_run: float | None,
    time_scripts: bool,
) -> Pace | None:
    if checked.proxy is not None:
        if time_scripts or seconds_per_run is not None:
            raise UsageError(
                "--time and --run-takes are for commands and functions; this proxy is timed anyway."
            )
        import torch

        from search.plan.measurement import measure_pace

        torch.set_num_threads(1)  # as in a worker
        n_reports = len(report_steps(checked.spec.horizon_steps))
        spec = checked.spec.with_way(way)
        return measure_pace(spec, checked.proxy, slots=slots, n_reports=n_reports, device=device)
    if seconds_per_run is not None:
        return Pace(slots=1, seconds_per_run=seconds_per_run)
    if time_scripts:
        _check_timeable(checked.spec)
        from search.plan.script_timing import time_script

        return time_script(checked.spec, device)
    return None
