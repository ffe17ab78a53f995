"""A function of the user's, called with each report: a hook of a few lines for any other tracker."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from search.trackers.tracked import TrackedRun
from warmboot.function_proxies import named_function


class ToFunction:
    """Calls `function(run, step, metrics)`: with `run.study`, `name`, `trial`, `lrs`, `params`.

    It is called with step 0 and no metrics as a run begins, and with step None as it ends.

    Raises:
        ValueError: there is no such module or function.
    """

    def __init__(self, reference: str) -> None:
        self._function: Callable[..., Any] = named_function(
            reference,
            way_out=lambda _error: "install it where this command runs, or name its folder in PYTHONPATH",
            contract="write it as 'package.module:function'",
            what="report.to",
        )

    def begin(self, run: TrackedRun) -> None:
        self._function(run, 0, {})

    def report(self, run: TrackedRun, step: int, metrics: Mapping[str, float]) -> None:
        self._function(run, step, dict(metrics))

    def end(self, run: TrackedRun, outcome: str) -> None:
        self._function(run, None, {"outcome": outcome})

    def close(self) -> None:
        pass
