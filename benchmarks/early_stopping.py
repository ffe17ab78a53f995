"""Would stopping trials early have helped: every rule on the trials that the search really proposed.

    python benchmarks/early_stopping.py [--searches 20]

Searches of 64 full runs propose; then everything they proposed is trained to its end, and as each rule would
have looked at it on the way: squeezed into a ninth and a third of the horizon, half-way with averaged
weights, at its reports. So what a rule kills is known to its end. Each rule walks through the same
proposals in their order with what it would have known by then, and is charged the steps it would have
trained. One file, `benchmarks/records/early_stopping.json`: the share of the best tenth of all proposals that
it kills, the steps it saves, and what its answer (the best that it saw through within 24 and 48 full runs)
reaches on fresh seeds and test data.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
import optuna
import torch
from machine import describe_machine
from numpy.typing import NDArray
from optuna.exceptions import ExperimentalWarning
from optuna.trial import TrialState
from quality_methods import REPORTS, Task, Warmboot
from quality_pool import Training, run_searches, test_losses
from quality_tasks import load_task
from search_quality import FIRST_SEARCH, SLOTS, summary

from search.early_stopping.rung_rule import decide
from search.population import Run
from search.population.make import make_population
from search.proxies.registry import AnyProxy
from search.runs.trial_attributes import PURPOSE, SHAPE
from search.strategy.lr_sweep import lr_at_horizon
from warmboot.schedule import WarmbootSchedule

RECORD = Path(__file__).parent / "records" / "early_stopping.json"
TASKS = ("char_lm_mlp", "mnist1d_mlp")
RUNS, BUDGETS, FRESH_SEEDS = 64, (24, 48), 4
BEST_SHARE = 0.1


@dataclass
class Proposed:
    """One trial of a search, and all that is known of it."""

    schedule: WarmbootSchedule
    seed: tuple[int, ...]
    judged: bool
    """Whether a rule may stop it: not the runs that find the peak lr, nor further seeds."""
    sweep_share: float
    """Of a full run, where it is a short one of the sweep; else 0."""
    values: dict[str, float] = field(default_factory=dict)


class Watched(Warmboot):
    """The search without its confirmation; remembers what it proposed."""

    def __init__(self, task: Task, number: int, rng: np.random.Generator) -> None:
        super().__init__(task, RUNS + 15, rng)  # 15 of the 79 would be the confirmation's
        self.number = number
        self.proposed: list[Proposed] = []

    def ended(self, training: Training) -> None:
        if self.to_confirm is None:
            full = training.total_steps == self.task.total_steps
            purpose = training.note.user_attrs.get(PURPOSE, SHAPE)
            share = 0.0 if full else training.total_steps / self.task.total_steps
            seed = (self.number, 1, training.seed)
            self.proposed.append(Proposed(training.schedule, seed, full and purpose == SHAPE, share))
        super().ended(training)

    def _leaders(self) -> list[Training]:
        return []


Rule = Callable[[Proposed, Sequence[Proposed]], tuple[bool, float]]
"""A trial and those completed before -> whether it goes on to its end, and its cost in full runs."""


def by_rungs(rungs: Sequence[tuple[str, float]], *, extra: bool) -> Rule:
    """The package's rule at rungs (name of the value, what was trained until there); `extra`: on top."""

    def rule(trial: Proposed, done: Sequence[Proposed]) -> tuple[bool, float]:
        for name, cost in rungs:
            pairs = [(other.values[name], other.values["end"]) for other in done if other.judged]
            found = decide(trial.values[name], pairs, direction="minimize", rung=name)
            if found is not None and found.stop:
                return False, cost
        return True, 1.0 + (rungs[-1][1] if extra else 0.0)

    return rule


def never(trial: Proposed, done: Sequence[Proposed]) -> tuple[bool, float]:
    return True, 1.0


class ByPruner:
    """One of Optuna's pruners, fed with the reports on the way."""

    def __init__(self, pruner: optuna.pruners.BasePruner) -> None:
        self.study = optuna.create_study(pruner=pruner)

    def __call__(self, trial: Proposed, done: Sequence[Proposed]) -> tuple[bool, float]:
        asked = self.study.ask()
        for part in range(1, REPORTS):
            asked.report(trial.values[f"report {part}"], part)
            if asked.should_prune():
                self.study.tell(asked, state=TrialState.PRUNED)
                return False, part / REPORTS
        asked.report(trial.values["end"], REPORTS)
        self.study.tell(asked, trial.values["end"])
        return True, 1.0


def rules() -> dict[str, Rule]:
    return {
        "none": never,
        "squeezed": by_rungs((("ninth", 1 / 9), ("third", 4 / 9)), extra=True),
        "squeezed, a third only": by_rungs((("third", 1 / 3),), extra=True),
        "averaged": by_rungs((("averaged", 5 / REPORTS),), extra=False),
        "MedianPruner": ByPruner(optuna.pruners.MedianPruner()),
        "HyperbandPruner": ByPruner(optuna.pruners.HyperbandPruner()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--searches", type=int, default=20)
    searches = parser.parse_args().searches
    torch.set_num_threads(1)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    warnings.simplefilter("ignore", ExperimentalWarning)
    record = {
        "command": " ".join(["python", *sys.argv]),
        **describe_machine(),
        "searches": searches,
        "tasks": {name: measure(name, searches) for name in TASKS},
    }
    RECORD.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    for name, rows in record["tasks"].items():
        for rule, row in rows["rules"].items():
            print(f"{name:14s} {rule:24s} {json.dumps(row)}")


def measure(name: str, n_searches: int) -> dict[str, Any]:
    proxy, task, _ = load_task(name)
    searches = [Watched(task, FIRST_SEARCH + i, np.random.default_rng([i, RUNS])) for i in range(n_searches)]
    run_searches(make_population(proxy, slots=SLOTS), [(search.number, search) for search in searches])
    print(f"{name}: proposed", file=sys.stderr, flush=True)
    see_through(proxy, task, [trial for search in searches for trial in search.proposed])
    print(f"{name}: seen through", file=sys.stderr, flush=True)
    rows: dict[str, Any] = {}
    for rule in rules():
        walks = [walk(search.proposed, rules()[rule]) for search in searches]
        rows[rule] = {
            "killed_of_the_best_tenth": round(float(np.mean([killed for killed, _, _ in walks])), 3),
            "steps_saved": round(float(np.mean([saved for _, saved, _ in walks])), 3),
            **{
                f"test_loss_at_{budget}": answers_worth(
                    proxy, task, [answers[budget] for _, _, answers in walks]
                )
                for budget in BUDGETS
            },
        }
    one_epoch = {
        f"test_loss_at_{budget}": answers_worth(
            proxy, task, [best_after_epoch(search.proposed, budget, task) for search in searches]
        )
        for budget in BUDGETS
    }
    return {"rules": {**rows, "best after one epoch": one_epoch}}


def see_through(proxy: AnyProxy, task: Task, trials: Sequence[Proposed]) -> None:
    """Train every proposal to its end and as each rule looks at it."""
    total = task.total_steps
    reports = sorted({total * part // REPORTS for part in range(1, REPORTS + 1)} | {task.epoch_steps})
    middle = total * 5 // REPORTS
    waiting: list[tuple[Proposed, str, int]] = []
    for trial in trials:
        if trial.sweep_share:
            continue
        shorter = [("ninth", total // 9), ("third", total // 3)] if trial.judged else []
        waiting += [(trial, name, steps) for name, steps in [("end", total), *shorter]]
    population = make_population(proxy, slots=SLOTS)
    live: dict[int, tuple[Proposed, str]] = {}
    for number, (trial, name, steps) in enumerate(waiting):
        while not population.free_slots:
            take_in(proxy, population, live, reports)
        lr = lr_at_horizon(cast(float, trial.schedule.lr), total, steps)
        table = trial.schedule.replace(lr=lr).lr_table(steps)
        at = tuple(reports) if name == "end" else (steps,)
        averaged = (middle,) if name == "end" and trial.judged else ()
        population.admit(
            Run(key=number, lr_table=table, seed=trial.seed, report_steps=at, averaged_steps=averaged)
        )
        live[number] = (trial, name)
    while population.active:
        take_in(proxy, population, live, reports)


def take_in(
    proxy: AnyProxy, population: Any, live: dict[int, tuple[Proposed, str]], reports: list[int]
) -> None:
    for measured in population.advance():
        trial, name = live[measured.key]
        untrained = population.untrained(trial.seed)["val_loss"]
        value = min(measured.metrics.get("val_loss", untrained), untrained)
        if name != "end":
            trial.values[name] = value
            continue
        steps = [step for step in reports if step >= measured.step] if measured.last else [measured.step]
        for step in steps:
            part = step * REPORTS / reports[-1]
            trial.values["epoch" if abs(part - round(part)) > 0.05 else f"report {round(part)}"] = value
        if "averaged_val_loss" in measured.metrics:
            trial.values["averaged"] = min(measured.metrics["averaged_val_loss"], untrained)
        if measured.last:
            trial.values["end"] = value
            trial.values.setdefault("averaged", value)
            trial.values.setdefault("epoch", trial.values["report 1"])


def walk(trials: Sequence[Proposed], rule: Rule) -> tuple[float, float, dict[int, WarmbootSchedule]]:
    """Killed share of the best, saved share of the steps, and the answer at each budget."""
    judged = sorted((t for t in trials if t.judged), key=lambda t: t.values["end"])
    best = {id(t) for t in judged[: math.ceil(BEST_SHARE * len(judged))]}
    done: list[Proposed] = []
    spent, killed, answers, full = 0.0, 0, {}, 0.0
    for trial in trials:
        goes_on, cost = rule(trial, done) if trial.judged else (True, trial.sweep_share or 1.0)
        for budget in BUDGETS:
            if spent + cost > budget and budget not in answers and done:
                answers[budget] = min(done, key=lambda t: t.values["end"]).schedule
        spent, full = spent + cost, full + (trial.sweep_share or 1.0)
        if goes_on and not trial.sweep_share:
            done.append(trial)
        killed += not goes_on and id(trial) in best
    for budget in BUDGETS:
        answers.setdefault(budget, min(done, key=lambda t: t.values["end"]).schedule)
    return killed / len(best), 1.0 - spent / full, answers


def best_after_epoch(trials: Sequence[Proposed], budget: float, task: Task) -> WarmbootSchedule:
    """As many of the proposals as fit into the budget, an epoch each; the best of them goes on."""
    proposals = [trial for trial in trials if trial.judged]
    count = max(1, int((budget - 1) * task.total_steps // task.epoch_steps))
    return min(proposals[:count], key=lambda trial: trial.values["epoch"]).schedule


def answers_worth(proxy: AnyProxy, task: Task, answers: Sequence[WarmbootSchedule]) -> dict[str, Any]:
    different = list(dict.fromkeys(answers))
    losses: NDArray[np.float64] = test_losses(
        make_population(proxy, slots=SLOTS), different, task.total_steps, FRESH_SEEDS
    )
    return summary(np.array([losses[different.index(answer)].mean() for answer in answers]))


if __name__ == "__main__":
    main()
