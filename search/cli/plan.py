"""`warmboot plan`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from search.cli.options import (
    BudgetOption,
    DeviceOption,
    GpusOption,
    JsonOption,
    NRunsOption,
    NTrialsOption,
    StorageOption,
    StudyArgument,
    WorkersOption,
    address,
    gpu_list,
)
from search.cli.terminal import show

if TYPE_CHECKING:
    from search.plan.plan import Plan

NAME = "plan"


def command(
    study: StudyArgument,
    n_trials: NTrialsOption = None,
    n_runs: NRunsOption = None,
    budget: BudgetOption = None,
    storage: StorageOption = None,
    workers: WorkersOption = None,
    device: DeviceOption = "auto",
    gpus: GpusOption = None,
    seconds_per_run: Annotated[
        str | None,
        typer.Option("--run-takes", help="Duration of one training of your own, as 40s, 10m or 2h."),
    ] = None,
    time_scripts: Annotated[
        bool,
        typer.Option(
            "--time",
            help="Time two short trainings of your own; together they take an eighth of one. A horizon too "
            "short for that is trained once.",
        ),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Estimate how long a study will take here.

    Checks the file and times a few steps; stores nothing.

    Example: warmboot plan char_lm
    """
    from search.durations import parse_duration
    from search.errors import UsageError
    from search.launch.asked_limit import asked_limit
    from search.launch.engine import LaunchOptions
    from search.plan.plan import make_plan

    try:
        seconds = None if seconds_per_run is None else parse_duration(seconds_per_run)
    except ValueError as error:
        raise UsageError(f"--run-takes: got {seconds_per_run!r}; {error}.") from error
    options = LaunchOptions(
        storage=address(storage),
        limit=asked_limit(n_trials=n_trials, n_runs=n_runs, budget=budget),
        workers=workers,
        device=device,
        gpus=gpu_list(gpus),
    )
    plan = make_plan(study, options, seconds_per_run=seconds, time_scripts=time_scripts)
    if as_json:
        print(json.dumps(plan.to_json()))
    else:
        show(plan_lines(plan))


def plan_lines(plan: Plan) -> list[str]:
    """A plan on the screen."""
    from search.launch.placement import processes_text

    spec = plan.spec
    return [
        f"{spec.name}: {spec.limit_text}, each to {spec.horizon_steps} steps on {spec.proxy.name}",
        f"machine   {processes_text(plan.workers, plan.slots, together=plan.together)} on {plan.device}",
        *_way_lines(plan),
        *_lr_lines(plan),
        *_cost_lines(plan),
        *_order_lines(plan),
        _confirmation_line(plan),
        f"storage   {plan.storage}",
    ]


def _way_lines(plan: Plan) -> list[str]:
    """How the runs of one process are trained; of a script the machine's line says that it trains one."""
    return [] if plan.choice is None else [f"trained   {plan.choice.text(plan.spec.proxy.name)}"]


def _lr_lines(plan: Plan) -> list[str]:
    if not plan.spec.lr_is_auto:
        return []
    return ["lr        searched around the script's own, which is read by starting the script once"]


def _order_lines(plan: Plan) -> list[str]:
    if plan.spec.sampler.name != "warmboot":
        return [f"baselines {plan.n_standards} of the first trials at most are baselines"]
    end = "; ends early when no more can be gained" if plan.spec.early_stopping.plateau else ""
    lines = [f"order     the peak lr, then known shapes, then new ones{end}"]
    runs, for_lr = plan.spec.limit.most_full_runs, plan.peak_lr_runs
    if runs is not None and 2 * for_lr >= runs:
        of = f"the search's {runs}" if runs != plan.spec.n_runs else runs
        lines.append(f"          about {for_lr} of {of} runs go to the peak lr; few or none to new shapes")
    return lines


def _confirmation_line(plan: Plan) -> str:
    if plan.confirmation_runs:
        return (
            f"confirm   up to {plan.confirmation_runs} more trainings: {plan.confirmation_seeds} fresh seeds "
            "for each of the best schedules and the best baseline"
        )
    if plan.spec.confirmation.leaders == 0:
        return "confirm   none: the study file has 0 leaders to confirm"
    return f"confirm   none: {plan.spec.n_runs} runs leave no room"


def _cost_lines(plan: Plan) -> list[str]:
    from search.durations import duration_text

    pace, cost = plan.pace, plan.estimate
    if pace is None or cost is None:
        return [
            "time      unknown: the first trial will show it. Measure it with --time, or give what one "
            "training takes with --run-takes",
        ]
    rate = pace.runs_per_second * plan.workers
    an_hour = rate * 3600
    hourly = f"{an_hour:.3g}" if an_hour < 1000 else f"{an_hour:,.0f}"
    speed = f"{rate:.3g} runs a second" if rate >= 1 else f"{hourly} runs an hour"
    counted = plan.spec.limit.budget_seconds is None
    trials = plan.spec.limit.describe() if counted else f"the {cost.n_trials} trials that fit in"
    confirming = f", then up to {duration_text(cost.confirmation_seconds)} to confirm the best"
    return [
        f"time      about {duration_text(cost.search_seconds)} for {trials} ({speed})"
        f"{confirming if plan.confirmation_runs else ''}"
    ]
