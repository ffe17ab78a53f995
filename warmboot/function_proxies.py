"""Functions as proxies: one of the user's trains as it likes, in a process that lives on.

    import warmboot

    @warmboot.function_proxy
    def train(schedule, context):
        ...
        context.report(step, val=loss)

What the module keeps between calls (data, compiled code) stays there for the next run.
"""

from __future__ import annotations

import importlib
import inspect
import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from warmboot.checkpoints import checkpoint_dir_of
from warmboot.reporting import report_to
from warmboot.schedule import WarmbootSchedule
from warmboot.trial_files import TrialFile

Train = Callable[[WarmbootSchedule, "Context"], object]
_Function = TypeVar("_Function", bound=Callable[..., object])
_MARK = "__warmboot_function_proxy__"


@dataclass(frozen=True)
class Context:
    """What a function that is a proxy is told about one run, and how it tells how that goes."""

    trial: TrialFile
    device: str
    """The torch device to train on, `cpu` or `cuda` for example."""

    @property
    def seed(self) -> int:
        """For weights and data order, in [0, 2**32 - 1]."""
        return self.trial.seed

    @property
    def total_steps(self) -> int:
        """The horizon, in optimizer steps."""
        return self.trial.total_steps

    @property
    def params(self) -> Mapping[str, Any]:
        """The trial's other hyperparameters, by name."""
        return self.trial.params

    def report(self, step: int, **metrics: Any) -> None:
        """Report metrics after `step` optimizer steps, as `warmboot.report` does; raises `StopTraining`."""
        report_to(self.trial, step, metrics)

    def checkpoint_dir(self) -> Path | None:
        """The folder of this run that outlives its process, see `warmboot.checkpoint_dir`."""
        return checkpoint_dir_of(self.trial)


def function_proxy(function: _Function) -> _Function:
    """Mark `train(schedule, context)` as one that a study may name: `{ train = "package.module:train" }`.

    The function stays as it is. It trains `context.total_steps` steps with the schedule, calls
    `context.report`, and lets `warmboot.StopTraining` pass.

    Raises:
        TypeError: if it can't be called with two arguments.
    """
    try:
        inspect.signature(function).bind("schedule", "context")
    except TypeError as error:
        raise TypeError(f"a function proxy is called as train(schedule, context), but: {error}.") from None
    setattr(function, _MARK, True)
    return function


def is_marked(function: object) -> bool:
    """Whether `function_proxy` has marked a function."""
    return hasattr(function, _MARK)


def unpickled(path: str) -> Train:
    """A function that another process of ours has pickled by value, see `warmboot.launch`."""
    with open(path, "rb") as stream:
        function: Train = pickle.load(stream)
    return function


def load_function_proxy(reference: str) -> Train:
    """The function that `package.module:function` names; importing it runs its module.

    Raises:
        ValueError: there is none, or it is not marked with `function_proxy`. What the module itself raises
            while it is imported passes, but for `ImportError`.
    """
    contract = "write it as 'package.module:function'"
    function = named_function(reference, way_out=_way_out, contract=contract)
    if not is_marked(function):
        raise ValueError(
            f"proxy {reference}: the function is not marked; put @warmboot.function_proxy above it."
        )
    return function


def named_function(
    reference: str, *, way_out: Callable[[ImportError], str], contract: str, what: str = "proxy"
) -> Callable[..., Any]:
    """What is at `package.module:function`; importing it runs its module.

    Args:
        reference: of somebody's own code.
        way_out: what to do where the module can't be imported.
        contract: what a reference has to be, for errors.
        what: is named by the reference, for errors.

    Raises:
        ValueError: there is no such module or function. Other errors of the module pass.
    """
    module_name, _, name = reference.partition(":")
    if not module_name or not name:
        raise ValueError(f"{what} {reference}: {contract}.")
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise ValueError(
            f"{what} {reference}: module {module_name!r} can't be imported ({error}); {way_out(error)}."
        ) from error
    function = getattr(module, name, None)
    if not callable(function):
        raise ValueError(f"{what} {reference}: module {module_name!r} has no function {name!r}; {contract}.")
    return function  # type: ignore[no-any-return]


def _way_out(error: ImportError) -> str:
    if error.name in ("search.scripts", "search.scripts.free"):
        return "write `from warmboot import function_proxy`: here `search` is a package of your own"
    return "it must be installed where this command runs"
