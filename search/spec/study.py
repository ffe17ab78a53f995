"""A study as data: what is searched, on which proxy, to which horizon, and how much of it.

`StudySpec` is the parsed study file. It is stored with the study, so that every later command works from
the database alone. `comparable_part` is what makes trials comparable; two launches under one name must agree
on it, while the limit, the sampler and the population may change from one launch to the next.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, StringConstraints, field_validator, model_validator

from search.direction import Direction
from search.spec.budget import Budget
from search.spec.checkpoints import CheckpointsSpec
from search.spec.confirmation import ConfirmationSize, confirmation_size
from search.spec.early_stopping import EarlyStoppingSpec
from search.spec.own_lr import AUTO, range_around, without_auto
from search.spec.params import ParamSpace
from search.spec.population import PopulationSpec, Way
from search.spec.proxy import CommandProxy, Duration, ProxyKind, ProxySpec, Strict, kind_of
from search.spec.report import ReportSpec
from search.spec.rounds import Rounds
from search.spec.rules import rule_problems
from search.spec.rungs import squeezed_horizons
from search.spec.slurm import SlurmSpec
from search.spec.verdict import VerdictSpec
from warmboot.space import FloatRange, Space

LAW = "law"
"""Option of the sampler `warmboot`: whether it learns from the curves of the runs, by a law of the loss."""
Name = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[\w .+-]+$")]
PositiveInt = Annotated[int, Field(ge=1, le=10**9)]


class SamplerSpec(Strict):
    """What proposes schedules: `warmboot` (see `search.strategy`), or one of Optuna's samplers with the
    arguments passed on to it."""

    model_config = ConfigDict(extra="allow", strict=True, frozen=True)

    name: Literal["warmboot", "tpe", "gp", "random", "qmc"] = "warmboot"

    @property
    def arguments(self) -> dict[str, Any]:
        return dict(self.model_extra or {})

    @property
    def uses_law(self) -> bool:
        """Whether `warmboot` learns from whole loss curves (`search.strategy.study_law`)."""
        return self.name == "warmboot" and self.arguments.get(LAW) is True


class ConfirmationSpec(Strict):
    """How many of the best are trained again, on how many fresh seeds; None: see `confirmation_size`."""

    leaders: Annotated[int, Field(ge=0, le=100)] | None = None
    seeds: Annotated[int, Field(ge=1, le=100)] | None = None


class StudySpec(Strict):
    """The parsed study file; see `studies/` for examples.

    `total_steps` is the horizon in optimizer steps; a file may give `epochs` instead, which
    `resolve_epochs` turns into steps once the proxy is known. `objective` is by default `val_loss` of a
    declared proxy and `val` of a command or a free one. One of `n_trials`, `n_runs` (what so many trainings
    to the full horizon cost, in steps, the confirmation included) and `budget` (seconds) limits the study:
    see `limit`. An lr of "auto", which a command has where its space gives none, stands for a range around
    the lr of the script's own optimizer: see `with_own_lr`.
    """

    name: Name
    proxy: ProxySpec
    total_steps: PositiveInt | None = None
    epochs: PositiveInt | None = None
    objective: Annotated[str, StringConstraints(min_length=1, max_length=100)]
    direction: Direction = "minimize"
    n_trials: PositiveInt | None = None
    n_runs: PositiveInt | None = None
    budget: Duration | None = None
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    space: dict[str, Any]
    params: dict[str, Any] = Field(default_factory=dict)
    sampler: SamplerSpec = SamplerSpec()
    population: PopulationSpec = PopulationSpec()
    confirmation: ConfirmationSpec = ConfirmationSpec()
    early_stopping: EarlyStoppingSpec = EarlyStoppingSpec()
    verdict: VerdictSpec = VerdictSpec()
    report: ReportSpec = ReportSpec()
    slurm: SlurmSpec = Field(default_factory=dict)
    checkpoints: CheckpointsSpec = CheckpointsSpec()

    @model_validator(mode="before")
    @classmethod
    def _objective_of_the_kind(cls, data: Any) -> Any:
        if not isinstance(data, Mapping) or "objective" in data:
            return data
        declared = kind_of(data.get("proxy")) == "declared"
        return {**data, "objective": "val_loss" if declared else "val"}

    @model_validator(mode="before")
    @classmethod
    def _lr_of_a_command(cls, data: Any) -> Any:
        space = data.get("space") if isinstance(data, Mapping) else None
        if not isinstance(space, Mapping) or "lr" in space or kind_of(data.get("proxy")) != "command":
            return data
        return {**data, "space": {"lr": AUTO, **space}}

    @field_validator("name")
    @classmethod
    def _name_is_trimmed(cls, name: str) -> str:
        if name != name.strip():
            raise ValueError("a name neither starts nor ends with a space")
        return name

    @model_validator(mode="after")
    def _rules(self) -> StudySpec:
        problems = rule_problems(self.model_dump())
        if problems:
            raise ValueError("; ".join(problems))
        return self

    @property
    def proxy_kind(self) -> ProxyKind:
        """How a trial reaches its training."""
        return self.proxy.kind

    @property
    def trains_own_model(self) -> bool:
        """Whether the user's own training is searched, rather than a built-in one that stands in for it."""
        return self.proxy_kind != "declared" or ":" in self.proxy.name

    @property
    def can_change_horizon(self) -> bool:
        """Whether its training can be told another horizon than the study's."""
        return not isinstance(self.proxy, CommandProxy) or "{total_steps}" in self.proxy.command

    @property
    def limit(self) -> Budget:
        """How many trials the study may start, its confirmation left aside."""
        if self.n_runs is None:
            return Budget(n_trials=self.n_trials, budget_seconds=self.budget)
        search_runs = self.n_runs - self.confirmation_size.most_runs
        rungs = () if self.total_steps is None else self.rung_horizons
        steps = sum(rungs) + self.horizon_steps if rungs else None
        return Budget(n_runs=search_runs, total_steps=self.total_steps, steps_per_trial=steps)

    @property
    def rounds(self) -> Rounds | None:
        """How it proposes its trials from its creation on; None where it need not be the same every time."""
        return self.population.rounds(self.limit.most_full_runs, together=self.proxy_kind == "declared")

    @property
    def limit_text(self) -> str:
        """The limit as the study file has it, and what of it the confirmation takes."""
        if self.n_runs is None or not self.confirmation_size.most_runs:
            return self.limit.describe()
        return f"{self.n_runs} full runs, {self.confirmation_size.most_runs} of them to confirm the best"

    @property
    def confirmation_size(self) -> ConfirmationSize:
        """How much of it is trained again on fresh seeds."""
        return confirmation_size(
            declared=self.proxy_kind == "declared",
            leaders=self.confirmation.leaders,
            seeds=self.confirmation.seeds,
            n_runs=self.n_runs,
        )

    @property
    def rung_horizons(self) -> tuple[int, ...]:
        """Horizons of a trial's trainings before the full one, in steps; none unless it is squeezed."""
        if self.early_stopping.name != "squeezed":
            return ()
        return squeezed_horizons(self.horizon_steps, self.parsed_space.min_total_steps)

    @cached_property
    def parsed_params(self) -> ParamSpace:
        """The other hyperparameters that are searched."""
        return ParamSpace.from_dict(self.params)

    @property
    def lr_is_auto(self) -> bool:
        """Whether the lr is to be searched around the script's own, which is not known yet."""
        return self.space.get("lr") == AUTO

    def with_own_lr(self, own_lr: float) -> StudySpec:
        """The same study where the script's own lr is known, as `search.spec.own_lr` says: an lr of
        "auto" becomes a range around it; any other stays."""
        if not self.lr_is_auto:
            return self
        return self.model_copy(update={"space": {**self.space, "lr": range_around(own_lr)}})

    def with_way(self, way: Way, measured_slots: tuple[str, int] | None = None) -> StudySpec:
        """The same study with its runs trained in one way, so many at once as were measured on a kind of
        device."""
        return self.model_copy(update={"population": self.population.trained(way, measured_slots)})

    @cached_property
    def parsed_space(self) -> Space:
        """The space as the schedule package knows it; without an lr where that is not known yet."""
        return Space.from_dict(without_auto(self.space))

    @property
    def peak_lr(self) -> float | FloatRange:
        """Which peak lrs are searched, or the one that is fixed; an lr of "auto" must be known by now."""
        assert self.parsed_space.lr is not None, "the script's own lr is not known yet"
        return self.parsed_space.lr

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """As pydantic's, but what was parsed from the original's entries is parsed anew from the copy's."""
        copied = super().model_copy(update=update, deep=deep)
        for name in ("parsed_params", "parsed_space"):
            copied.__dict__.pop(name, None)
        return copied

    @property
    def horizon_steps(self) -> int:
        """The horizon in optimizer steps; `resolve_epochs` must have been called."""
        assert self.total_steps is not None, "epochs were not resolved"
        return self.total_steps

    @property
    def example_steps(self) -> int:
        """A horizon for examples of an export. That of one's own training is known; that of the model which a
        built-in proxy stands in for is not, so it is one within reach of a transfer."""
        return self.horizon_steps * (1 if self.trains_own_model else 25)

    def resolve_epochs(self, steps_per_epoch: int) -> StudySpec:
        """The same study with its horizon in steps."""
        if self.epochs is None:
            return self
        changes = {"total_steps": self.epochs * steps_per_epoch, "epochs": None}
        return self.model_copy(update=changes)

    def comparable_part(self) -> dict[str, Any]:
        """What must be equal for two trials to be comparable, as plain data for a diff.

        What a command or a function is made of is not in it: that may change, where a person says so; see
        `search.storage.study_change`.
        """
        return {
            "proxy": self.proxy.comparable_part(),
            "total_steps": self.total_steps,
            "objective": self.objective,
            "direction": self.direction,
            "seed": self.seed,
            "space": self.space,
            "params": self.params,
        }

    def to_json(self) -> dict[str, Any]:
        """Plain data for the database; `from_json` reads it back."""
        return self.model_dump(mode="json")

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> StudySpec:
        return cls.model_validate(data)


def differences(stored: Mapping[str, Any], given: Mapping[str, Any], place: str = "") -> list[str]:
    """One line for each entry in which two nested tables differ.

    >>> differences({"space": {"lr": 0.1}, "seed": 0}, {"space": {"lr": 0.2}, "seed": 0})
    ['space.lr: the study has 0.1, the file has 0.2']
    """
    lines: list[str] = []
    for key in sorted({*stored, *given}):
        here = f"{place}{key}"
        a, b = stored.get(key, "nothing"), given.get(key, "nothing")
        if isinstance(a, Mapping) and isinstance(b, Mapping):
            lines += differences(a, b, f"{here}.")
        elif a != b:
            lines.append(f"{here}: the study has {_plain(a)}, the file has {_plain(b)}")
    return lines


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)
