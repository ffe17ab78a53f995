"""A study as data: what is searched, on which proxy, to which horizon, and how much of it.

`StudySpec` is the parsed study file. It is stored with the study, so that every later command works from
the database alone. `fingerprint` covers what makes trials comparable; two launches under one name must agree
on it, while `n_trials`, the sampler and the population may change from one launch to the next.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)

from warmboot.space import Space

Name = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[\w .+-]+$")]
PositiveInt = Annotated[int, Field(ge=1, le=10**9)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class ProxySpec(_Strict):
    """Which proxy, by the name of a built-in one or as `package.module:factory`, and its arguments."""

    model_config = ConfigDict(extra="allow", strict=True, frozen=True)

    name: Annotated[str, StringConstraints(min_length=1, max_length=200)]

    @property
    def arguments(self) -> dict[str, Any]:
        return dict(self.model_extra or {})


class SamplerSpec(_Strict):
    """Which Optuna sampler proposes schedules, and the arguments passed on to it."""

    model_config = ConfigDict(extra="allow", strict=True, frozen=True)

    name: Literal["tpe", "gp", "random", "qmc"] = "tpe"

    @property
    def arguments(self) -> dict[str, Any]:
        return dict(self.model_extra or {})


class PopulationSpec(_Strict):
    """How many runs train together in one process."""

    slots: Literal["auto"] | Annotated[int, Field(ge=1, le=4096)] = "auto"


def _proxy_from_name(value: object) -> object:
    return {"name": value} if isinstance(value, str) else value


class StudySpec(_Strict):
    """The parsed study file; see `studies/` for examples.

    `total_steps` is the horizon in optimizer steps; a file may give `epochs` instead, which
    `resolve_epochs` turns into steps once the proxy is known.
    """

    name: Name
    proxy: Annotated[ProxySpec, BeforeValidator(_proxy_from_name)]
    total_steps: PositiveInt | None = None
    epochs: PositiveInt | None = None
    objective: Annotated[str, StringConstraints(min_length=1, max_length=100)] = "val_loss"
    direction: Literal["minimize", "maximize"] = "minimize"
    n_trials: PositiveInt
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    space: dict[str, Any]
    sampler: SamplerSpec = SamplerSpec()
    population: PopulationSpec = PopulationSpec()

    @field_validator("name")
    @classmethod
    def _name_is_trimmed(cls, name: str) -> str:
        if name != name.strip():
            raise ValueError("a name neither starts nor ends with a space")
        return name

    @model_validator(mode="after")
    def _one_horizon(self) -> StudySpec:
        if (self.total_steps is None) == (self.epochs is None):
            given = "both" if self.epochs is not None else "neither"
            raise ValueError(f"give one of total_steps and epochs; got {given}")
        return self

    @property
    def parsed_space(self) -> Space:
        """The space as the schedule package knows it."""
        return Space.from_dict(self.space)

    @property
    def horizon_steps(self) -> int:
        """The horizon in optimizer steps; `resolve_epochs` must have been called."""
        assert self.total_steps is not None, "epochs were not resolved"
        return self.total_steps

    def resolve_epochs(self, steps_per_epoch: int) -> StudySpec:
        """The same study with its horizon in steps."""
        if self.epochs is None:
            return self
        changes = {"total_steps": self.epochs * steps_per_epoch, "epochs": None}
        return self.model_copy(update=changes)

    def comparable_part(self, proxy_fingerprint: str) -> dict[str, Any]:
        """What must be equal for two trials to be comparable, as plain data for a diff."""
        return {
            "proxy": self.proxy.model_dump(),
            "proxy fingerprint": proxy_fingerprint,
            "total_steps": self.total_steps,
            "objective": self.objective,
            "direction": self.direction,
            "seed": self.seed,
            "space": self.space,
        }

    def to_json(self) -> dict[str, Any]:
        """Plain data for the database; `from_json` reads it back."""
        return self.model_dump(mode="json")

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> StudySpec:
        return cls.model_validate(data)


def fingerprint(comparable: Mapping[str, Any]) -> str:
    """SHA-256 of the comparable part of a study, key order aside."""
    return hashlib.sha256(json.dumps(comparable, sort_keys=True).encode()).hexdigest()


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
