"""A stand-in for a trial whose parameters are known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


class GivenParams:
    """Suggests what a trial had; Optuna's `FixedTrial` does too, but importing it takes a while, and so does
    what it checks where there are thousands of trials.

    Args:
        params: by name; where one is missing that is asked for, KeyError is raised.
    """

    def __init__(self, params: Mapping[str, Any]) -> None:
        self._params = params

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        return float(self._params[name])

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1, log: bool = False) -> int:
        return int(self._params[name])

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        return self._params[name]
