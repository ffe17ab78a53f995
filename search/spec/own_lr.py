"""`lr = "auto"` in a study file: the search starts from the lr that the script's own optimizer has.

That lr is unknown before the script has run, so a worker starts the script once to read it
(`search.worker.own_lr`) and the study keeps it. From then on the study has a range like any other.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal

AUTO = "auto"
SPAN = 1e4
"""The range reaches this factor below and above the script's own lr."""
_REASONS: Mapping[str, str] = {
    "declared": "a built-in proxy has no lr of its own to start from",
    "free": "only a command is started to learn the lr of its optimizer, a function is not",
}
_GIVE = "give a number or a range, such as { low = 1e-3, high = 1.0, log = true }"


def range_around(own_lr: float) -> dict[str, Any]:
    """The lr's entry of `[space]` once the script's own lr is known.

    >>> range_around(0.001)
    {'low': 1e-07, 'high': 10.0, 'log': True, 'start': 0.001}
    """
    return {"low": own_lr / SPAN, "high": own_lr * SPAN, "log": True, "start": own_lr}


def can_start_from(own_lr: float) -> bool:
    """Whether there is a range around an lr: it has to be finite and above 0.

    >>> [can_start_from(lr) for lr in (0.001, 0.0, -1.0, float("inf"), float("nan"))]
    [True, False, False, False, False]
    """
    return own_lr / SPAN > 0 and math.isfinite(own_lr * SPAN)


def without_auto(space: Mapping[str, Any]) -> dict[str, Any]:
    """A `[space]` table as `warmboot.Space` knows it: "auto" is no lr at all, the optimizer decides."""
    return {name: value for name, value in space.items() if name != "lr" or not isinstance(value, str)}


def lr_problems(space: Mapping[str, Any], kind: Literal["declared", "command", "free"]) -> list[str]:
    """What is wrong with the lr of a `[space]` table, besides what `Space.from_dict` says of numbers.

    >>> lr_problems({}, "free")
    ['space.lr: missing; only a command is started to learn the lr of its optimizer, a function is not; \
give a number or a range, such as { low = 1e-3, high = 1.0, log = true }']
    >>> lr_problems({"lr": "auto"}, "command")
    []
    """
    lr = space.get("lr", AUTO)
    if isinstance(lr, str) and lr != AUTO:
        return [f"space.lr: got {lr!r}; accepted are a number, a range, and for a command {AUTO!r}"]
    if lr != AUTO or kind == "command":
        return []
    got = f"got {AUTO!r}" if "lr" in space else "missing"
    return [f"space.lr: {got}; {_REASONS[kind]}; {_GIVE}"]
