"""Other projects' tuners, each as its own introduction uses it: what `search_peers.py` compares.

They search the same space as everybody and are told nothing about lr schedules: a log scale for the lr, and
which parameters count only beside which others, where they can be told. Each is asked for one training at a
time, which suits them best. None of their packages is needed by Warmboot; they are imported when they are
used, and `unavailable` says why one can't be.
"""

from __future__ import annotations

import logging
import math
import tempfile
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.exceptions import ExperimentalWarning
from quality_methods import Budgeted, Plain, Task
from quality_pool import Training

from warmboot.schedule import WarmbootSchedule
from warmboot.space import FloatRange, IntRange, Space

Make = Callable[[Task, float, np.random.Generator], Budgeted]
PACKAGES: Mapping[str, tuple[str, ...]] = {
    "GPSampler": ("optuna", "torch"),
    "AutoSampler": ("optunahub", "cmaes"),
    "SMAC3": ("smac", "ConfigSpace"),
    "Ax": ("ax-platform", "botorch"),
}
"""What each peer needs, whose versions a record names."""


def unavailable(peer: str, registry: Path | None) -> str | None:
    """Why a peer can't be compared here; None where it can.

    Args:
        peer: a key of `PACKAGES`.
        registry: a checkout of github.com/optuna/optunahub-registry.
    """
    missing = [name for name, found in versions(peer).items() if found is None]
    if missing:
        return f"not installed: {', '.join(missing)}"
    if peer == "AutoSampler" and (registry is None or not (registry / "package" / AUTO_SAMPLER).is_dir()):
        return "no checkout of github.com/optuna/optunahub-registry was named with --registry"
    return None


def versions(peer: str) -> dict[str, str | None]:
    return {name: _version(name) for name in PACKAGES[peer]}


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def make(peer: str, registry: Path | None) -> Make:
    """How a search by a peer begins."""
    if peer == "GPSampler":
        return lambda task, total, rng: OneAtATime(task, total, gp_sampler(_seed(rng)))
    if peer == "AutoSampler":
        assert registry is not None, "see `unavailable`"
        return lambda task, total, rng: OneAtATime(task, total, auto_sampler(registry, _seed(rng)))
    return {"SMAC3": Smac, "Ax": AxClient}[peer]


class OneAtATime(Plain):
    """One of Optuna's samplers, asked again when it knows what it asked for.

    It is asked for every parameter every time, whether it has an effect or not: `GPSampler` draws what is not
    in all trials at random.
    """

    def __init__(self, task: Task, total: float, sampler: optuna.samplers.BaseSampler) -> None:
        super().__init__(task, total, sampler)
        self.in_flight = 1
        self._distributions = {each.name: _distribution(each) for each in dimensions(task.spec.parsed_space)}

    def next(self) -> Training | None:
        if not self.affords(self.task.total_steps):
            return None
        trial = self.study.ask(self._distributions)
        schedule = self.task.spec.parsed_space.sample(optuna.trial.FixedTrial(trial.params))
        training = self.task.training(schedule)
        training.note = trial
        return self.charge(training)


def _distribution(each: Dimension) -> BaseDistribution:
    if each.bounds is None:
        return CategoricalDistribution(each.choices)
    low, high = each.bounds
    if isinstance(low, int):
        return IntDistribution(low, int(high))
    return FloatDistribution(low, high, log=each.log)


def gp_sampler(seed: int) -> optuna.samplers.BaseSampler:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        return optuna.samplers.GPSampler(seed=seed)


AUTO_SAMPLER = "samplers/auto_sampler"


def auto_sampler(registry: Path, seed: int) -> optuna.samplers.BaseSampler:
    import optunahub

    module = optunahub.load_local_module(AUTO_SAMPLER, registry_root=str(registry / "package"))
    sampler: optuna.samplers.BaseSampler = module.AutoSampler(seed=seed)
    return sampler


@dataclass(frozen=True)
class Dimension:
    """A parameter of a space: a range, or a choice.

    Attributes:
        counts_with: the parameter beside which alone it has an effect, and the values of that.
    """

    name: str
    bounds: tuple[float, float] | tuple[int, int] | None = None
    log: bool = False
    choices: tuple[str, ...] = ()
    counts_with: tuple[str, tuple[int | str, ...]] | None = None


def dimensions(space: Space) -> list[Dimension]:
    """The parameters that `space.sample` may ask for, those first beside which others count."""
    found = [_range(space, name) for name in ("lr", "warmup", "hold", "eta_min")]
    if isinstance(space.n_restarts, IntRange):
        low, high = space.n_restarts.low, space.n_restarts.high
        found.append(Dimension("n_restarts", (low, high)))
        for j in range(1, high + 1):
            found.append(
                Dimension(f"u{j}", (0.0, 1.0), counts_with=("n_restarts", tuple(range(j, high + 1))))
            )
        found.append(_range(space, "step_scale", counts_with=("n_restarts", tuple(range(1, high + 1)))))
    if isinstance(space.curve, tuple):
        found.append(Dimension("curve", choices=space.curve))
        found.append(_range(space, "power", counts_with=("curve", ("polynomial",))))
    return found


def _range(
    space: Space, name: str, counts_with: tuple[str, tuple[int | str, ...]] | None = None
) -> Dimension:
    field = getattr(space, name)
    assert isinstance(field, FloatRange), f"{name} is searched in these tasks"
    return Dimension(name, (field.low, field.high), field.log, counts_with=counts_with)


class Peer(Budgeted):
    """A tuner outside Optuna, asked for one training at a time; what it would answer is kept as it goes."""

    def __init__(self, task: Task, total: float) -> None:
        super().__init__(task, total, in_flight=1)
        self.answers: dict[int, WarmbootSchedule] = {}
        """By the number of full runs that it may have spent."""

    def next(self) -> Training | None:
        if not self.affords(self.task.total_steps):
            return None
        params, seed, note = self.asked()
        training = self.task.training(self._schedule(params), seed=seed)
        training.note = note
        return self.charge(training)

    def ended(self, training: Training) -> None:
        super().ended(training)
        self.tell(training.note, training.value)
        full_runs = self.spent / self.task.total_steps
        for budget in BUDGETS:
            if full_runs > budget - 1 and budget not in self.answers:  # there is no room for another
                self.answers[budget] = self._schedule(self.best())

    def answer(self) -> WarmbootSchedule:
        return self.answers[max(self.answers)]

    def _schedule(self, params: Mapping[str, Any]) -> WarmbootSchedule:
        return self.task.spec.parsed_space.sample(optuna.trial.FixedTrial(dict(params)))

    def asked(self) -> tuple[Mapping[str, Any], int, Any]:
        """Parameters, number of the seed, and what `tell` is handed."""
        raise NotImplementedError

    def tell(self, note: Any, value: float) -> None:
        raise NotImplementedError

    def best(self) -> Mapping[str, Any]:
        raise NotImplementedError


BUDGETS = (8, 24, 64)
"""Full runs after which an answer is read off."""


class Smac(Peer):
    """SMAC3's facade for hyperparameters: random forest, and more seeds for challengers of the incumbent."""

    def __init__(self, task: Task, total: float, rng: np.random.Generator) -> None:
        super().__init__(task, total)
        from smac import HyperparameterOptimizationFacade, Scenario

        seed = _seed(rng)
        self._folder = tempfile.TemporaryDirectory(prefix="smac")
        scenario = Scenario(
            config_space(task.spec.parsed_space, seed),
            n_trials=round(total),
            seed=seed,
            output_directory=Path(self._folder.name),
        )
        self._facade = HyperparameterOptimizationFacade(
            scenario, lambda config, seed=0: math.nan, logging_level=False, overwrite=True
        )
        self._seeds: dict[int | None, int] = {}

    def asked(self) -> tuple[Mapping[str, Any], int, Any]:
        info = self._facade.ask()
        return dict(info.config), self._seeds.setdefault(info.seed, len(self._seeds)), info

    def tell(self, note: Any, value: float) -> None:
        from smac.runhistory.dataclasses import TrialValue

        self._facade.tell(note, TrialValue(cost=value))

    def best(self) -> Mapping[str, Any]:
        return dict(self._facade.intensifier.get_incumbent())


def config_space(space: Space, seed: int) -> Any:
    from ConfigSpace import Categorical, ConfigurationSpace, Float, InCondition, Integer

    found = ConfigurationSpace(seed=seed)
    for each in dimensions(space):
        if each.bounds is None:
            found.add(Categorical(each.name, list(each.choices)))
        elif isinstance(each.bounds[0], int):
            found.add(Integer(each.name, each.bounds))
        else:
            found.add(Float(each.name, each.bounds, log=each.log))
    for each in dimensions(space):
        if each.counts_with is not None:
            parent, values = each.counts_with
            found.add(InCondition(found[each.name], found[parent], list(values)))
    return found


class AxClient(Peer):
    """Ax's client with its own choice of methods, and its own choice of the best."""

    def __init__(self, task: Task, total: float, rng: np.random.Generator) -> None:
        super().__init__(task, total)
        from ax.api.client import Client
        from ax.api.configs import ChoiceParameterConfig, RangeParameterConfig

        _silence("ax")
        parameters: list[Any] = []
        for each in dimensions(task.spec.parsed_space):
            if each.bounds is None:
                choice = ChoiceParameterConfig(
                    name=each.name, values=list(each.choices), parameter_type="str", is_ordered=False
                )
                parameters.append(choice)
                continue
            parameters.append(
                RangeParameterConfig(
                    name=each.name,
                    bounds=each.bounds,
                    parameter_type="int" if isinstance(each.bounds[0], int) else "float",
                    scaling="log" if each.log else "linear",
                )
            )
        self._client = Client(random_seed=_seed(rng))
        self._client.configure_experiment(parameters=parameters)
        self._client.configure_optimization(objective="-loss")

    def asked(self) -> tuple[Mapping[str, Any], int, Any]:
        ((number, params),) = self._client.get_next_trials(max_trials=1).items()
        return params, 0, number

    def tell(self, note: Any, value: float) -> None:
        self._client.complete_trial(note, raw_data={"loss": value})

    def best(self) -> Mapping[str, Any]:
        params: Mapping[str, Any] = self._client.get_best_parameterization()[0]
        return params


def _silence(package: str) -> None:
    """Errors alone; each of its modules has a level of its own."""
    for name in list(logging.root.manager.loggerDict):
        if name.split(".")[0] == package:
            logging.getLogger(name).setLevel(logging.ERROR)


def _seed(rng: np.random.Generator) -> int:
    return int(rng.integers(2**31))
