"""One look at a model before it is trained: what is wrong with it is said at once, and how it can be
trained."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from search.population.dropout import CounterDropout
from search.population.layers import LANES
from search.proxies.proxy import Proxy, Split

VECTOR = 2 * LANES
"""Floats that torch handles in one turn of a vectorised loop, at most; what is left over it takes one by
one."""


@dataclass(frozen=True)
class Look:
    """What was seen in one forward of a batch."""

    drops_out: bool
    """Whether it calls dropout."""
    fills_vectors: bool
    """Whether all tensors on the way are whole vectors long, so that nothing is left over at their ends."""
    output_bytes: int
    """What all functions on the way gave, views too: no less than what a backward needs."""


def look(proxy: Proxy, train: Split) -> Look:
    """Forward of the untrained model on its first samples, judging and training.

    Args:
        proxy: the task.
        train: its training samples, on the device.

    Raises:
        ValueError: its output does not fit the targets.
        Exception: whatever else the model raises.
    """
    model = proxy.build_model(0).to(train.inputs.device)
    watch = _Watch()
    with torch.no_grad():
        if why := misfit(model.eval()(train.inputs[:2]), tuple(train.targets[:2].shape)):
            raise ValueError(f"the model of {proxy.name} {why}.")
        watch.begin(torch.zeros((), dtype=torch.int32, device=train.inputs.device))
        with watch:
            model.train()(train.inputs[: proxy.batch_size])
    return Look(watch.drops_out, watch.fills_vectors, watch.output_bytes)


class _Watch(CounterDropout):
    """Sees what a forward calls."""

    def __init__(self) -> None:
        super().__init__()
        self.drops_out, self.fills_vectors, self.output_bytes = False, True, 0

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        result = super().__torch_function__(func, types, args, kwargs)
        self.drops_out |= func is functional.dropout
        if isinstance(result, Tensor) and result.is_floating_point():
            self.output_bytes += result.numel() * result.element_size()
            self.fills_vectors &= result.numel() % VECTOR == 0
        return result


def misfit(logits: Tensor, wanted: tuple[int, ...]) -> str:
    """What a model gives that does not fit targets of a shape; empty where it does."""
    if tuple(logits.shape[:-1]) == wanted:
        return ""
    return (
        f"gives logits of shape {tuple(logits.shape)} for targets of {wanted}; it must give {wanted} and the "
        "number of classes"
    )
