"""The user's other hyperparameters: the `[params]` table, sampled after the schedule.

A table `{ low, high, log?, step? }` is a range, of whole numbers where all its numbers are whole; a list is
a choice. The names are those of the user's own settings, so they share a trial with the names of the
schedule's parameters and may not be any of them: what a trial holds can always be told apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Protocol

from search.spec.param_checks import is_schedule_name, read_params

Choice = str | int | float | bool


class SuggestsParams(Protocol):
    """The three methods of `optuna.trial.BaseTrial` that a `ParamSpace` calls."""

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float: ...

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1, log: bool = False) -> int: ...

    def suggest_categorical(self, name: str, choices: Sequence[Choice]) -> Any: ...


@dataclass(frozen=True, kw_only=True)
class FloatParam:
    """A real number: uniform, log-uniform, or one of `low, low + step, ..., high`."""

    low: float
    high: float
    log: bool = False
    step: float | None = None

    @property
    def extremes(self) -> tuple[float, ...]:
        """The values that a rule about the parameter has to admit."""
        return (self.low, self.high)

    def draw(self, trial: SuggestsParams, name: str) -> float:
        return trial.suggest_float(name, self.low, self.high, step=self.step, log=self.log)


@dataclass(frozen=True, kw_only=True)
class IntParam:
    """A whole number: uniform, log-uniform, or one of `low, low + step, ..., high`."""

    low: int
    high: int
    log: bool = False
    step: int = 1

    @property
    def extremes(self) -> tuple[int, ...]:
        return (self.low, self.high)

    def draw(self, trial: SuggestsParams, name: str) -> int:
        return trial.suggest_int(name, self.low, self.high, step=self.step, log=self.log)


@dataclass(frozen=True)
class ChoiceParam:
    """One of several values, without an order."""

    choices: tuple[Choice, ...]

    @property
    def extremes(self) -> tuple[Choice, ...]:
        return self.choices

    def draw(self, trial: SuggestsParams, name: str) -> Choice:
        return trial.suggest_categorical(name, self.choices)  # type: ignore[no-any-return]


Param = FloatParam | IntParam | ChoiceParam


@dataclass(frozen=True)
class ParamSpace:
    """Which values the other hyperparameters may take, by name and in the order of the file."""

    params: Mapping[str, Param] = field(default_factory=lambda: MappingProxyType({}))

    @classmethod
    def from_dict(cls, table: Mapping[str, Any]) -> ParamSpace:
        """Read the `[params]` table of a study file.

        Raises:
            ParamsError: naming every problem at once.

        >>> space = ParamSpace.from_dict({"weight_decay": {"low": 1e-5, "high": 0.1, "log": True}})
        >>> space.params["weight_decay"]
        FloatParam(low=1e-05, high=0.1, log=True, step=None)
        """
        return cls(read_params(table, FloatParam, IntParam, ChoiceParam))

    def sample(self, trial: SuggestsParams) -> dict[str, Choice]:
        """Draw a value for each; call it after the schedule was drawn from the same trial."""
        return {name: param.draw(trial, name) for name, param in self.params.items()}


def other_params(params: Mapping[str, Any]) -> dict[str, Any]:
    """Of all parameters of a trial, those that are not the schedule's, by name.

    >>> other_params({"lr": 0.1, "u1": 0.5, "weight_decay": 0.01})
    {'weight_decay': 0.01}
    """
    return {name: params[name] for name in sorted(params) if not is_schedule_name(name)}


def params_text(params: Mapping[str, Any]) -> str:
    """
    >>> params_text({"weight_decay": 0.0123456, "batch_size": 64})
    'weight_decay 0.01235, batch_size 64'
    """
    shown = {k: f"{v:.4g}" if isinstance(v, float) else str(v) for k, v in params.items()}
    return ", ".join(f"{name} {value}" for name, value in shown.items())
