"""The methods that `search_quality.py` compares, each as somebody would use it.

All of them get the same budget of model-steps and the same range of peak lrs. A grid of peak lrs has its
offset drawn anew for each search: where the cells of a grid lie is luck, and luck is averaged over.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.trial import TrialState
from quality_pool import Training

from search.results.confirmation import to_confirm
from search.spec.confirmation import confirmation_size
from search.spec.rounds import chosen_rounds
from search.spec.study import StudySpec
from search.strategy.proposal import Proposal
from search.strategy.rounds import knowledge
from search.strategy.strategy import Strategy
from search.strategy.study_model import CONFIRMATION_SEEDS, StudyModel, study_model
from warmboot.baseline_schedules import baselines
from warmboot.schedule import WarmbootSchedule
from warmboot.space import FloatRange

REPORTS = 9
"""Measurements of a run for those who prune."""


@dataclass(frozen=True)
class Task:
    """What is searched: the study's space on one proxy, at one horizon."""

    spec: StudySpec
    epoch_steps: int

    @property
    def total_steps(self) -> int:
        return self.spec.horizon_steps

    def training(
        self, schedule: WarmbootSchedule, *, seed: int = 0, steps: int = 0, reports: bool = False
    ) -> Training:
        steps = steps or self.total_steps
        parts = range(1, REPORTS + 1) if reports else range(REPORTS, REPORTS + 1)
        return Training(schedule, steps, seed, tuple(sorted({max(1, steps * i // REPORTS) for i in parts})))


class Budgeted:
    """Counts what is spent; `total` is in full runs."""

    def __init__(self, task: Task, total: float, in_flight: int) -> None:
        self.task, self.in_flight = task, in_flight
        self.left = round(total * task.total_steps)
        self.spent = 0

    def affords(self, steps: int) -> bool:
        return self.left >= steps

    def reported(self, training: Training) -> bool:
        return False

    def answer(self) -> WarmbootSchedule:
        raise NotImplementedError

    def next(self) -> Training | None:
        raise NotImplementedError

    def charge(self, training: Training) -> Training:
        """Take the whole run from the budget; what is not trained comes back when it ends."""
        self.left -= training.total_steps
        return training

    def ended(self, training: Training) -> None:
        trained = training.n_steps if training.n_steps < training.total_steps else training.total_steps
        self.left += training.total_steps - trained
        self.spent += trained


class Sweep(Budgeted):
    """Shapes everybody knows, each at `k` peak lrs, on `n_seeds` seeds; the best mean wins."""

    def __init__(
        self,
        task: Task,
        total: float,
        rng: np.random.Generator,
        *,
        shapes: Sequence[str],
        k: int,
        n_seeds: int,
    ) -> None:
        super().__init__(task, total, in_flight=8)
        assert len(shapes) * k * n_seeds <= total, "the sweep costs more than its budget"
        lrs = jittered_grid(task, k, rng)
        self.losses: dict[WarmbootSchedule, list[float]] = {}
        self.waiting = [
            task.training(baselines()[name].replace(lr=lr), seed=seed)
            for seed in range(n_seeds)
            for name in shapes
            for lr in lrs
        ]

    def next(self) -> Training | None:
        return self.charge(self.waiting.pop(0)) if self.waiting else None

    def ended(self, training: Training) -> None:
        super().ended(training)
        self.losses.setdefault(training.schedule, []).append(training.value)

    def answer(self) -> WarmbootSchedule:
        return min(self.losses, key=lambda schedule: float(np.mean(self.losses[schedule])))


class HalvedSweep(Budgeted):
    """Successive halving over linear and cosine at many peak lrs: a ninth of the training, a third, all.

    A third of each rung goes on. Rungs are restarted trainings squeezed into the shorter horizon.
    """

    def __init__(self, task: Task, total: float, rng: np.random.Generator) -> None:
        super().__init__(task, total, in_flight=8)
        n = 3
        while self._cost(n + 1) <= total + 1e-9:
            n += 1
        half = max(1, n // 2)
        schedules = [
            baselines()[name].replace(lr=lr)
            for name, count in (("linear", n - half), ("cosine", half))
            for lr in jittered_grid(task, count, rng)
        ]
        self.rungs = [max(1, task.total_steps // 9), max(1, task.total_steps // 3), task.total_steps]
        self.rung = 0
        self.waiting = [task.training(s, steps=self.rungs[0]) for s in schedules]
        self.out = 0
        self.finished: list[Training] = []

    @staticmethod
    def _cost(n: int) -> float:
        return n / 9 + math.ceil(n / 3) / 3 + math.ceil(n / 9)

    def next(self) -> Training | None:
        if not self.waiting and not self.out and self.rung < 2:
            self._promote()
        if not self.waiting:
            return None
        self.out += 1
        return self.charge(self.waiting.pop(0))

    def _promote(self) -> None:
        self.finished.sort(key=lambda training: training.value)
        best = self.finished[: math.ceil(len(self.finished) / 3)]
        self.rung += 1
        self.finished = []
        self.waiting = [self.task.training(t.schedule, steps=self.rungs[self.rung]) for t in best]

    def ended(self, training: Training) -> None:
        super().ended(training)
        self.out -= 1
        self.finished.append(training)

    def answer(self) -> WarmbootSchedule:
        return min(self.finished, key=lambda training: training.value).schedule


class OneEpoch(Budgeted):
    """As many random schedules as the budget has room for, each for one epoch; the best is trained on.

    Egele et al., arXiv 2307.15422.
    """

    def __init__(self, task: Task, total: float, rng: np.random.Generator) -> None:
        super().__init__(task, total, in_flight=8)
        self.study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=_seed32(rng)))
        self.best: Training | None = None
        self.n = int((self.left - task.total_steps) // task.epoch_steps) + 1

    def next(self) -> Training | None:
        if self.n == 0:
            return None
        self.n -= 1
        schedule = self.task.spec.parsed_space.sample(self.study.ask())
        epoch, total = self.task.epoch_steps, self.task.total_steps
        return self.charge(Training(schedule, total, 0, (epoch, total)))

    def reported(self, training: Training) -> bool:
        return (
            True  # the winner's remaining epochs are charged without being trained: nothing is chosen by them
        )

    def ended(self, training: Training) -> None:
        super().ended(training)
        if self.best is None or training.value < self.best.value:
            self.best = training

    def answer(self) -> WarmbootSchedule:
        assert self.best is not None
        return self.best.schedule


class Plain(Budgeted):
    """Optuna as it comes: a sampler, and a pruner or none, over the study's space; `best_trial` wins."""

    def __init__(
        self,
        task: Task,
        total: float,
        sampler: optuna.samplers.BaseSampler,
        pruner: optuna.pruners.BasePruner | None = None,
    ) -> None:
        super().__init__(task, total, in_flight=max(2, round(total) // 8))
        self.prunes = pruner is not None
        self.stopped: set[int] = set()
        self.study = optuna.create_study(sampler=sampler, pruner=pruner or optuna.pruners.NopPruner())
        self.completed: list[tuple[int, float, dict[str, Any]]] = []
        """Steps spent until then, value and parameters of each complete trial."""

    def next(self) -> Training | None:
        if not self.affords(self.task.total_steps):
            return None
        trial = self.study.ask()
        training = self.task.training(self.task.spec.parsed_space.sample(trial), reports=self.prunes)
        training.note = trial
        return self.charge(training)

    def reported(self, training: Training) -> bool:
        if not self.prunes:
            return False
        training.note.report(training.value, training.n_steps)
        if not training.note.should_prune():
            return False
        self.stopped.add(training.note.number)
        return True

    def ended(self, training: Training) -> None:
        super().ended(training)
        if training.n_steps < training.total_steps and training.note.number in self.stopped:
            self.study.tell(training.note, state=TrialState.PRUNED)
            return
        self.study.tell(training.note, training.value)
        self.completed.append((self.spent, training.value, training.note.params))

    def answer(self) -> WarmbootSchedule:
        return self.answer_after(math.inf)

    def answer_after(self, runs: float) -> WarmbootSchedule:
        """What it would have answered after so many full runs."""
        within = [entry for entry in self.completed if entry[0] <= runs * self.task.total_steps]
        _, _, params = min(within or self.completed[:1], key=lambda entry: entry[1])
        return self.task.spec.parsed_space.sample(optuna.trial.FixedTrial(params))


class Warmboot(Budgeted):
    """The product's own strategy on an Optuna study in memory, and its confirmation of the leaders.

    As in a study limited to `n_runs`: the confirmation is part of the budget.
    """

    def __init__(self, task: Task, total: float, rng: np.random.Generator) -> None:
        super().__init__(task, total, in_flight=16)  # the strategy waits by itself
        self.size = confirmation_size(declared=True, leaders=None, seeds=None, n_runs=round(total))
        self.search_steps = self.left - self.size.most_runs * task.total_steps
        self.study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
        search_runs = round(total) - self.size.most_runs
        self.rounds = chosen_rounds(search_runs)
        self.strategy = Strategy(task.spec, seed=_seed32(rng), n_runs=search_runs, may_shorten=True)
        self.waiting: list[Training] = []
        self.seeds: dict[str, int] = {}
        self.out = 0
        self.to_confirm: list[Training] | None = None
        self.confirmed: dict[int, list[float]] = {}
        self.learns_from_curves = task.spec.sampler.uses_law

    def next(self) -> Training | None:
        if self.to_confirm is None and self._charged + self.task.total_steps > self.search_steps:
            if self.out:
                return None
            self.to_confirm = self._leaders()
        if self.to_confirm is not None:
            return self._begin(self.to_confirm.pop()) if self.to_confirm else None
        if not self.waiting:
            self.waiting = [self._trial(proposal) for proposal in self._round()]
        return self._begin(self.waiting.pop(0)) if self.waiting else None

    def _round(self) -> list[Proposal]:
        """As in a study: the next round, from what it may know."""
        for known in knowledge(self.study.get_trials(deepcopy=False), self.rounds):
            found = list(islice(self.strategy.round(known, self.rounds.size), self.rounds.size))
            if found:
                return found
        return []

    @property
    def _charged(self) -> int:
        return self.search_steps + self.size.most_runs * self.task.total_steps - self.left

    def _begin(self, training: Training) -> Training:
        self.out += 1
        return self.charge(training)

    def _trial(self, proposal: Proposal) -> Training:
        params = dict(proposal.params)
        self.study.enqueue_trial(params, user_attrs={"proposal": params, "purpose": proposal.purpose})
        trial = self.study.ask()
        schedule = self.task.spec.parsed_space.sample(trial)
        key = f"{sorted(params.items())} {proposal.horizon_steps}"
        seed = self.seeds.get(key, 0)
        self.seeds[key] = seed + 1
        trial.set_user_attr("seed", seed)
        steps = proposal.horizon_steps
        training = self.task.training(schedule, seed=seed, steps=steps, reports=self.learns_from_curves)
        training.note = trial
        return training

    def _leaders(self) -> list[Training]:
        """The runs that confirm: the leaders and the best standard, on seeds of their own."""
        found = self.model().estimates()
        chosen = to_confirm(found, lambda estimate: estimate.is_baseline, self.size.leaders)
        runs = []
        for estimate in dict.fromkeys(chosen):
            for seed in range(self.size.seeds):
                run = self.task.training(estimate.schedule, seed=CONFIRMATION_SEEDS + seed)
                run.note = estimate.number
                runs.append(run)
        return runs

    def ended(self, training: Training) -> None:
        super().ended(training)
        self.out -= 1
        if self.to_confirm is not None:
            self.confirmed.setdefault(training.note, []).append(training.value)
            return
        if self.learns_from_curves and training.n_steps == training.total_steps:  # it did not diverge
            for step in training.report_steps[:-1]:
                training.note.report(training.curve[step], step)
        training.note.report(training.value, training.total_steps)
        if training.total_steps < self.task.total_steps:
            self.study.tell(training.note, state=TrialState.PRUNED)
        else:
            self.study.tell(training.note, training.value)

    def answer(self) -> WarmbootSchedule:
        return self.model().answer().chosen.schedule

    def model(self) -> StudyModel:
        """Of everything that it has measured."""
        model = study_model(self.task.spec, self.study.get_trials(deepcopy=False), self.confirmed)
        assert model is not None, "a search has a full run"
        return model


def jittered_grid(task: Task, k: int, rng: np.random.Generator) -> list[float]:
    """`k` peak lrs at equal distances in log lr over the study's range, their offset drawn."""
    field = task.spec.parsed_space.lr
    assert isinstance(field, FloatRange)
    low, high = math.log(field.low), math.log(field.high)
    offset = float(rng.random())
    return [math.exp(low + (high - low) * (i + offset) / k) for i in range(k)]


def plain_tpe(rng: np.random.Generator) -> optuna.samplers.BaseSampler:
    """`TPESampler` with Optuna's own defaults."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        return optuna.samplers.TPESampler(seed=_seed32(rng))


def _seed32(rng: np.random.Generator) -> int:
    return int(rng.integers(2**32))
