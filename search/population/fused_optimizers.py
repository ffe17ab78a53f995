"""The optimizers of `flat_optimizers.py` on a CPU: torch's own fused steps, a slot at a time.

A fused step reads and writes each weight once, where the same as operations on the whole stack goes over
the memory five to nine times; it takes one lr, and so is started for each slot, and shares nothing between
slots.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from search.population.flat_optimizers import FlatAdamW, FlatOptimizer, FlatSGD, slot_norms
from search.population.moments import Moments
from search.population.settings import StackKind
from search.proxies.proxy import SGD, AdamW, Optimizer

FUSED_DEVICES = ("cpu",)
"""Kinds of devices on which a fused step for each slot is faster than operations on all; on a GPU it would
be a kernel for each slot."""


def flat_optimizer(
    settings: Optimizer, kind: StackKind, *, weights: Sequence[Tensor], gradients: Sequence[Tensor]
) -> FlatOptimizer:
    """The optimizer of a proxy, for runs of one kind.

    Args:
        settings: the proxy's own; what a slot has of its own comes with `load`.
        kind: of the runs.
        weights: all that is trained, in blocks of `K x P_i`.
        gradients: like the weights.
    """
    fused = weights[0].device.type in FUSED_DEVICES
    if isinstance(settings, AdamW):
        return (FusedAdamW if fused else FlatAdamW)(settings, weights=weights, gradients=gradients)
    if fused:
        return FusedSGD(settings, weights=weights, gradients=gradients)
    decays = kind.own_weight_decay or settings.weight_decay > 0
    return FlatSGD(settings, weights=weights, gradients=gradients, decays=decays)


class FusedSGD:
    """See `FlatSGD`."""

    def __init__(self, settings: SGD, *, weights: Sequence[Tensor], gradients: Sequence[Tensor]) -> None:
        self._clip_norm, self._gradients = settings.clip_norm, gradients
        self._moments = Moments(weights, "moments")
        self._rows = [_rows(blocks) for blocks in (weights, gradients, *self._moments.of.values())]
        self._settings = [settings] * len(weights[0])

    def load(self, slot: int, settings: Optimizer) -> None:
        assert isinstance(settings, SGD)
        self._moments.clear(slot)
        self._settings[slot] = settings

    def move(self, source: int, target: int) -> None:
        self._moments.move(source, target)
        self._settings[target] = self._settings[source]

    def state(self, slot: int) -> dict[str, Any]:
        return self._moments.state(slot)

    def restore(self, slot: int, state: Mapping[str, Any]) -> None:
        self._moments.restore(slot, state)

    @property
    def changed(self) -> list[Tensor]:
        return self._moments.blocks

    def plan(self, lrs: NDArray[np.float64]) -> Tensor:
        """`T x K`, float64."""
        return torch.tensor(lrs)

    def step(self, n_slots: int, planned: Tensor) -> None:
        divisors = clip_divisors(self._gradients, n_slots, self._clip_norm)
        for slot, lr in enumerate(planned.tolist()):
            weights, gradients, moments = (rows[slot] for rows in self._rows)
            settings = self._settings[slot]
            torch._fused_sgd_(
                weights,
                gradients,
                moments if settings.momentum else [],
                weight_decay=settings.weight_decay,
                momentum=settings.momentum,
                lr=lr,
                dampening=0.0,
                nesterov=settings.nesterov and settings.momentum > 0,
                maximize=False,
                is_first_step=False,  # moments of zero give what a first step would
                grad_scale=divisors[slot],
            )


class FusedAdamW:
    """See `FlatAdamW`."""

    def __init__(self, settings: AdamW, *, weights: Sequence[Tensor], gradients: Sequence[Tensor]) -> None:
        n_slots = len(weights[0])
        self._clip_norm, self._gradients = settings.clip_norm, gradients
        self._moments = Moments(weights, "first", "second")
        self._rows = [_rows(blocks) for blocks in (weights, gradients, *self._moments.of.values())]
        self._n_steps = torch.zeros(n_slots)
        """As torch counts steps: in float32."""
        self._counts = [[count] * len(weights) for count in self._n_steps]
        self._settings = [settings] * n_slots

    def load(self, slot: int, settings: Optimizer) -> None:
        assert isinstance(settings, AdamW)
        self._moments.clear(slot)
        self._settings[slot], self._n_steps[slot] = settings, 0

    def move(self, source: int, target: int) -> None:
        self._moments.move(source, target)
        self._settings[target] = self._settings[source]
        self._n_steps[target].copy_(self._n_steps[source])

    def state(self, slot: int) -> dict[str, Any]:
        return {**self._moments.state(slot), "n_steps": int(self._n_steps[slot])}

    def restore(self, slot: int, state: Mapping[str, Any]) -> None:
        self._moments.restore(slot, state)
        self._n_steps[slot] = state["n_steps"]

    @property
    def changed(self) -> list[Tensor]:
        return [*self._moments.blocks, self._n_steps]

    def plan(self, lrs: NDArray[np.float64]) -> Tensor:
        """`T x K`, float64."""
        return torch.tensor(lrs)

    def step(self, n_slots: int, planned: Tensor) -> None:
        divisors = clip_divisors(self._gradients, n_slots, self._clip_norm)
        self._n_steps[:n_slots] += 1.0
        for slot, lr in enumerate(planned.tolist()):
            weights, gradients, first, second = (rows[slot] for rows in self._rows)
            settings = self._settings[slot]
            torch._fused_adamw_(
                weights,
                gradients,
                first,
                second,
                [],
                self._counts[slot],
                lr=lr,
                beta1=settings.beta1,
                beta2=settings.beta2,
                weight_decay=settings.weight_decay,
                eps=settings.eps,
                amsgrad=False,
                maximize=False,
                grad_scale=divisors[slot],
            )


def clip_divisors(
    gradients: Sequence[Tensor], n_slots: int, longest: float | None
) -> Sequence[Tensor | None]:
    """What each slot's gradient is divided by so that it is no longer than that; None: it is left."""
    if longest is None:
        return [None] * n_slots
    norms = slot_norms([block[:n_slots] for block in gradients])
    return ((norms + 1e-6) / longest).clamp_(min=1.0)[:, 0].unbind()


def _rows(blocks: Sequence[Tensor]) -> list[list[Tensor]]:
    """Of each slot its rows of all blocks; not copies."""
    return [[block[slot] for block in blocks] for slot in range(len(blocks[0]))]
