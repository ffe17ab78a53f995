"""The `proxy` entry of a study file: which of three kinds it is, and what belongs to each.

- declared: a built-in proxy or `package.module:factory`; its runs train together in a population.
- command: the user's own script, a process for each run.
- free: the user's own function, in a process that goes on from run to run.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    StringConstraints,
    Tag,
    field_validator,
)

from search.durations import parse_duration
from search.spec.permission import is_handed

ProxyKind = Literal["declared", "command", "free"]
Text = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Duration = Annotated[float, BeforeValidator(parse_duration)]
"""Seconds; a file may write "10m"."""
TUNABLE = ("weight_decay", "momentum", "batch_size")
"""Hyperparameters of a declared proxy that a study may search besides the schedule."""
DEFAULT_SILENCE_SECONDS = 1800.0
_KEY_OF_KIND: Mapping[ProxyKind, str] = {"declared": "name", "command": "command", "free": "train"}
_REFERENCE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*", re.ASCII)


def is_reference(text: str) -> bool:
    """Whether it names something of a module, as `package.module:name`.

    >>> is_reference("mylab.tracking:send"), is_reference("mlflow")
    (True, False)
    """
    return _REFERENCE.fullmatch(text) is not None


class Strict(BaseModel):
    """A table of a study file: nothing unknown in it, nothing converted, never changed."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class DeclaredProxy(Strict):
    """A built-in proxy by name, or one's own as `package.module:factory`, and its arguments."""

    model_config = ConfigDict(extra="allow", strict=True, frozen=True)

    name: Text

    @property
    def kind(self) -> ProxyKind:
        return "declared"

    @property
    def arguments(self) -> dict[str, Any]:
        return dict(self.model_extra or {})

    @property
    def has_weights(self) -> bool:
        """Whether a model is trained; else the loss is computed."""
        return self.name != "noisy_quadratic"

    def comparable_part(self) -> dict[str, Any]:
        """The settings that two studies must share to be comparable."""
        return self.model_dump()


class _OneByOne(Strict):
    """Settings of the two kinds that train one run at a time."""

    time_limit: Duration | None = None
    """Seconds that a run may take; None: as long as it likes."""
    silence_limit: Duration = DEFAULT_SILENCE_SECONDS
    """Seconds without a report or any output after which a run counts as hanging."""
    stop_grace: Duration | None = None
    """Seconds from SIGTERM to SIGKILL where a worker ends; None: see `search.scripts.script_run.Limits`."""


class CommandProxy(_OneByOne):
    """A command line with places such as `{total_steps}`, `{seed}` and `{weight_decay}`."""

    command: Annotated[str, StringConstraints(min_length=1, max_length=10_000, pattern=r"\S")]
    gpus_per_trial: Annotated[int, Field(ge=1, le=64)] = 1
    working_directory: Annotated[str, StringConstraints(min_length=1, max_length=4096)] | None = None
    """Where the command runs; None: where the worker does."""

    @property
    def kind(self) -> ProxyKind:
        return "command"

    @property
    def name(self) -> str:
        """For a person: the first line of the command, shortened."""
        line = self.command.strip().splitlines()[0]
        return line if len(line) <= 60 else f"{line[:57]}..."

    @property
    def folder(self) -> Path | None:
        """Where the command runs; None: where the worker does."""
        return None if self.working_directory is None else Path(self.working_directory)

    def comparable_part(self) -> dict[str, Any]:
        """The command; limits, devices and folders are the machine's affair."""
        return {"command": self.command}


class FreeProxy(_OneByOne):
    """A function `train(schedule, context)`, as `package.module:function`."""

    train: Text

    @field_validator("train")
    @classmethod
    def _is_a_reference(cls, train: str) -> str:
        if not is_reference(train):
            raise ValueError('accepted is "package.module:function"')
        return train

    @property
    def kind(self) -> ProxyKind:
        return "free"

    @property
    def name(self) -> str:
        """For a person."""
        return f"your function {self.train.partition(':')[2]}" if is_handed(self.train) else self.train

    def comparable_part(self) -> dict[str, Any]:
        return {"train": self.train}


def kind_of(value: object) -> ProxyKind:
    """The kind of a `proxy` entry as it stands in a file; `declared` where it is none at all.

    >>> kind_of("char_lm_mlp"), kind_of({"command": "python train.py"}), kind_of({"train": "a:b"})
    ('declared', 'command', 'free')
    """
    if isinstance(value, CommandProxy | FreeProxy):
        return value.kind
    if isinstance(value, Mapping):
        for kind, key in _KEY_OF_KIND.items():
            if key in value and kind != "declared":
                return kind
    return "declared"


def _as_table(value: object) -> object:
    if isinstance(value, str):
        return {"name": value}
    if isinstance(value, Mapping):
        given = [key for key in _KEY_OF_KIND.values() if key in value]
        if len(given) != 1:
            got = " and ".join(given or (str(key) or "''" for key in value)) or "nothing"
            raise ValueError(f"give one of name, command and train; got {got}")
    return value


ProxySpec = Annotated[
    Annotated[DeclaredProxy, Tag("declared")]
    | Annotated[CommandProxy, Tag("command")]
    | Annotated[FreeProxy, Tag("free")],
    Discriminator(kind_of),
    BeforeValidator(_as_table),
]
