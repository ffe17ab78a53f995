"""The user's other hyperparameters: the `[params]` table, sampled after the schedule.

A table `{ low, high, log?, step? }` is a range, of whole numbers where all its numbers are whole; a list is
a choice. The names are those of the user's own settings, so they share a trial with the names of the
schedule's parameters and may not be any of them: what a trial holds can always be told apart.
"""

from __future__ import annotations

import decimal
import keyword
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Annotated, Any, Protocol, TypeVar

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Discriminator,
    RootModel,
    Tag,
    TypeAdapter,
    ValidationError,
    model_validator,
)
from pydantic_core import PydanticCustomError

from search.spec.proxy import Strict
from warmboot.checks import show
from warmboot.errors import ScheduleError
from warmboot.space_checks import is_number

Choice = str | int | float | bool
RangeParam = TypeVar("RangeParam", "FloatParam", "IntParam")

_SCHEDULE_NAME = re.compile(
    r"lr|warmup|n_restarts|restarts|u\d+|step_scale|hold|eta_min|curve|power|min_cycle"
)
# What a training is told besides its parameters; one name, one meaning.
_TOLD_NAMES = ("total_steps", "seed", "trial", "study", "schedule")
_LONGEST_NAME, _MOST_PARAMS, _MOST_CHOICES = 100, 50, 1000


class ParamsError(ScheduleError):
    """What is wrong with a table of parameters, all of it; see `ScheduleError`."""


class SuggestsParams(Protocol):
    """The three methods of `optuna.trial.BaseTrial` that a `ParamSpace` calls."""

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float: ...

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1, log: bool = False) -> int: ...

    def suggest_categorical(self, name: str, choices: Sequence[Choice]) -> Any: ...


def _refused(*problems: str) -> PydanticCustomError:
    """Each problem as it follows the name of the parameter, as ".step: got 0; ..."."""
    return PydanticCustomError("params", "refused", {"problems": list(problems)})


def _number(value: object) -> object:
    if not is_number(value):
        raise _refused(f": got {show(value)}; accepted is a finite number")
    return value


def _float(value: object) -> float:
    return float(_number(value))  # type: ignore[arg-type]


Float = Annotated[float, BeforeValidator(_float)]
Int = Annotated[int, BeforeValidator(_number)]


class FloatParam(Strict):
    """A real number: uniform, log-uniform, or one of `low, low + step, ..., high`."""

    low: Float
    high: Float
    log: bool = False
    step: Annotated[float | None, BeforeValidator(_float)] = None

    @model_validator(mode="after")
    def _rules(self) -> FloatParam:
        return _obeyed(self)

    @property
    def extremes(self) -> tuple[float, ...]:
        """The values that a rule about the parameter has to admit."""
        return (self.low, self.high)

    def draw(self, trial: SuggestsParams, name: str) -> float:
        return trial.suggest_float(name, self.low, self.high, step=self.step, log=self.log)


class IntParam(Strict):
    """A whole number: uniform, log-uniform, or one of `low, low + step, ..., high`."""

    low: Int
    high: Int
    log: bool = False
    step: Int = 1

    @model_validator(mode="after")
    def _rules(self) -> IntParam:
        return _obeyed(self)

    @property
    def extremes(self) -> tuple[int, ...]:
        return (self.low, self.high)

    def draw(self, trial: SuggestsParams, name: str) -> int:
        return trial.suggest_int(name, self.low, self.high, step=self.step, log=self.log)


class ChoiceParam(RootModel[tuple[Choice, ...]]):
    """One of several values, without an order."""

    model_config = ConfigDict(frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _rules(cls, values: Any) -> Any:
        problems = []
        if not values or len(values) > _MOST_CHOICES:
            problems.append(f": got {len(values)} choices; accepted are 1 to {_MOST_CHOICES}")
        wrong = [value for value in values if not (isinstance(value, str | bool) or is_number(value))]
        problems += [
            f": got the choice {show(value)}; accepted are text, finite numbers, true and false"
            for value in wrong
        ]
        # In Python 1 == 1.0 == True, and Optuna finds a choice again by `==`.
        if not wrong and len(set(values)) < len(values):
            problems.append(f": got {show(list(values))}; name each choice once (1, 1.0 and true are one)")
        if problems:
            raise _refused(*problems)
        return values

    @property
    def choices(self) -> tuple[Choice, ...]:
        """In the order of the file."""
        return self.root

    @property
    def extremes(self) -> tuple[Choice, ...]:
        return self.root

    def draw(self, trial: SuggestsParams, name: str) -> Choice:
        return trial.suggest_categorical(name, self.root)  # type: ignore[no-any-return]


Param = FloatParam | IntParam | ChoiceParam


def _kind(value: object) -> str | None:
    if isinstance(value, list | tuple):
        return "choice"
    if not isinstance(value, Mapping):
        return None
    numbers = [value[key] for key in ("low", "high", "step") if key in value]
    return "int" if all(isinstance(number, int) for number in numbers) else "float"


_PARAM: TypeAdapter[Param] = TypeAdapter(
    Annotated[
        Annotated[FloatParam, Tag("float")]
        | Annotated[IntParam, Tag("int")]
        | Annotated[ChoiceParam, Tag("choice")],
        Discriminator(_kind),
    ]
)


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
        problems: list[str] = []
        if len(table) > _MOST_PARAMS:
            problems.append(f"[params]: {len(table)} parameters; accepted are up to {_MOST_PARAMS}.")
        params: dict[str, Param] = {}
        for name, value in table.items():
            problems += _name_problems(name)
            try:
                params[name] = _PARAM.validate_python(value)
            except ValidationError as error:
                problems += [line for found in error.errors() for line in _told(name, dict(found))]
        if problems:
            raise ParamsError("params", problems)
        return cls(params)

    def sample(self, trial: SuggestsParams) -> dict[str, Choice]:
        """Draw a value for each; call it after the schedule was drawn from the same trial."""
        return {name: param.draw(trial, name) for name, param in self.params.items()}


def is_schedule_name(name: str) -> bool:
    """Whether a parameter of a trial belongs to its schedule.

    >>> is_schedule_name("u12"), is_schedule_name("units")
    (True, False)
    """
    return _SCHEDULE_NAME.fullmatch(name) is not None


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


def _obeyed(found: RangeParam) -> RangeParam:
    """A range whose entries are right by themselves, if they fit together."""
    low, high, step = found.low, found.high, found.step if "step" in found.model_fields_set else None
    problems = [f": got low = {low!r} above high = {high!r}; swap them"] if low > high else []
    if found.log and low <= 0:
        problems.append(f": got low = {low!r} with log = true; accepted is low above 0")
    if found.log and step is not None:
        problems.append(": got step with log = true; accepted is one of them")
    elif step is not None and low <= high:
        problems += _step_problems(low, high, step)
    if problems:
        raise _refused(*problems)
    return found


def _step_problems(low: float, high: float, step: float) -> list[str]:
    if step <= 0:
        return [f".step: got {step!r}; accepted is a number above 0"]
    # In decimals, as they stand in the file: 0.3 is three times 0.1 there, but not in binary.
    width = decimal.Decimal(str(high)) - decimal.Decimal(str(low))
    if width % decimal.Decimal(str(step)) != 0:
        return [f".step: steps of {step!r} from {low!r} do not meet high = {high!r}"]
    return []


def _name_problems(name: str) -> list[str]:
    if not (name.isascii() and name.isidentifier()) or keyword.iskeyword(name) or len(name) > _LONGEST_NAME:
        return [
            f"{show(name)}: not a name for a parameter; accepted are letters, digits and _, not beginning "
            f"with a digit, up to {_LONGEST_NAME} of them."
        ]
    if is_schedule_name(name):
        return [f"{name}: belongs to the schedule; search it in [space], or give this another name."]
    if name in _TOLD_NAMES:
        return [f"{name}: every training is told its {name} anyway; give this another name."]
    return []


def _told(name: str, found: Mapping[str, Any]) -> list[str]:
    """One of pydantic's findings about a parameter, in lines."""
    place = ".".join([name, *(str(part) for part in found["loc"][1:])])
    if found["type"] == "params":
        return [f"{place}{problem}." for problem in found["ctx"]["problems"]]
    if found["type"] == "missing":
        return [f"{place}: missing; a range needs low and high."]
    if found["type"] == "extra_forbidden":
        return [f"{place}: unknown key; known in a range: {', '.join(FloatParam.model_fields)}."]
    if found["type"] == "bool_type":
        return [f"{place}: got {show(found['input'])}; accepted are true and false."]
    return [
        f"{place}: got {show(found['input'])}; accepted are a range such as {{ low = ..., high = ... }}, or "
        "a list to choose from (of one value, to fix it)."
    ]
