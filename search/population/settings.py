"""Hyperparameters of one run of a declared proxy, besides lr and seed: `Run.params`, checked.

Runs that differ in batch size can't share a stack, and those with a momentum or weight decay of their own
are trained by other operations than those with the proxy's (see `stacked_sgd.py`). `StackKind` is all
that decides where a run is trained; it is a function of the run alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from search.proxies.proxy import SGD, Optimizer, Proxy, ShuffledEpochs
from search.spec.params import ChoiceParam, FloatParam, ParamSpace
from search.spec.proxy import TUNABLE
from warmboot.checks import nearest

LARGEST_BATCH = 65_536


class StackKind(NamedTuple):
    """Settings that the runs of one stack share."""

    batch_size: int
    own_momentum: bool
    own_weight_decay: bool
    averaged: bool = False
    """Whether the averages of the weights are kept."""


def stack_kind(params: Mapping[str, Any], proxy: Proxy, *, averaged: bool = False) -> StackKind:
    """The stack in which a run with these parameters is trained; `averaged`: one that has averaged steps.

    Raises:
        ValueError: a parameter that no run can have, or a value out of its range; all are named.
    """
    problems = [line for name, value in params.items() for line in value_problems(name, value, proxy)]
    if problems:
        raise ValueError(" ".join(problems))
    batch_size = int(params.get("batch_size", proxy.batch_size))
    return StackKind(batch_size, "momentum" in params, "weight_decay" in params, averaged)


def optimizer_of(params: Mapping[str, Any], proxy: Proxy) -> Optimizer:
    """The proxy's optimizer with what a run has of its own."""
    own = {name: float(params[name]) for name in ("weight_decay", "momentum") if name in params}
    return replace(proxy.optimizer, **own)  # type: ignore[arg-type]


def with_batch_size(proxy: Proxy, batch_size: int) -> Proxy:
    """The same task in batches of another size; an epoch that shuffles has as many as its data fill."""
    if batch_size == proxy.batch_size:
        return proxy
    steps = proxy.steps_per_epoch
    if isinstance(proxy.batches, ShuffledEpochs):
        steps = len(proxy.train) // batch_size
    return replace(proxy, batch_size=batch_size, steps_per_epoch=steps)


def param_problems(space: ParamSpace, proxy: Proxy) -> list[str]:
    """One line for each thing in a study's [params] that no run of this proxy can have."""
    problems = []
    for name, param in space.params.items():
        found = [line for value in param.extremes for line in value_problems(name, value, proxy)]
        whole = not isinstance(param, FloatParam | ChoiceParam)
        if not found and whole and name in ("weight_decay", "momentum") and len({*param.extremes}) > 1:
            found = [f"{name}: a range of whole numbers; write low = {float(param.extremes[0])!r} for all."]
        problems += [f"params.{line}" for line in dict.fromkeys(found)]
    return problems


def value_problems(name: str, value: object, proxy: Proxy) -> list[str]:
    """Why a run of `proxy` can't have `value` for `name`; at most one line."""
    known = [n for n in TUNABLE if n != "momentum" or isinstance(proxy.optimizer, SGD)]
    if name not in known:
        hint = f"{nearest(name, known)} Other settings are arguments of the proxy."
        return [f"{name}: not a setting of {proxy.name}'s runs; {hint}"]
    if name == "batch_size":
        most = _largest_batch(proxy)
        fits = isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= most
        return [] if fits else [f"batch_size: got {value!r}; accepted is a whole number in [1, {most}]."]
    number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if name == "momentum":
        fits = number and 0 <= value < 1  # type: ignore[operator]
        return [] if fits else [f"momentum: got {value!r}; accepted is a number in [0, 1)."]
    fits = number and value >= 0  # type: ignore[operator]
    return [] if fits else [f"weight_decay: got {value!r}; accepted is a number of 0 or more."]


def _largest_batch(proxy: Proxy) -> int:
    """Shuffled epochs draw without replacement; random batches are bounded by what memory holds."""
    return len(proxy.train) if isinstance(proxy.batches, ShuffledEpochs) else LARGEST_BATCH
