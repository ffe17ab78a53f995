"""Optimizers of a stack of models, on rows of weights: lr and settings of each row its own.

The steps are those of `torch.optim.SGD` and `torch.optim.AdamW`, which can't hold an lr for each slot. `K`
slots; their weights lie in one or more blocks of `P_i` floats each, a row a slot. What is one number for a
slot is `K x 1`, so that an operation's vector loop begins and ends with the slot and no slot's last elements
depend on where the stack ends. On a CPU `fused_optimizers.py` does the same in one pass over the memory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from search.population.moments import Moments
from search.population.slot_optimizer import SlotOptimizer
from search.proxies.proxy import SGD, AdamW, Optimizer


class FlatOptimizer(SlotOptimizer, Protocol):
    """One for all slots of a stack, made for its weights and gradients, which stay where they are."""

    def step(self, n_slots: int, planned: Tensor) -> None:
        """One step of the first slots, in place; the gradients are overwritten.

        Args:
            n_slots: how many.
            planned: of this step.
        """
        ...


class FlatSGD:
    """`g <- g + weight_decay * p`, `m <- momentum * m + g`, `p <- p - lr * m`, or with Nesterov's
    `p <- p - lr * (g + momentum * m)`."""

    def __init__(
        self, settings: SGD, *, weights: Sequence[Tensor], gradients: Sequence[Tensor], decays: bool
    ) -> None:
        """`decays`: whether there is weight decay in any slot."""
        self._nesterov, self._clip_norm, self._decays = settings.nesterov, settings.clip_norm, decays
        self._weights, self._gradients, self._moments = weights, gradients, Moments(weights, "moments")
        n_slots, self._device = len(weights[0]), weights[0].device
        self._momentum = torch.zeros(n_slots, 1, device=self._device)
        self._weight_decay = torch.zeros(n_slots, 1, device=self._device)

    def load(self, slot: int, settings: Optimizer) -> None:
        assert isinstance(settings, SGD)
        self._moments.clear(slot)
        self._momentum[slot] = settings.momentum
        self._weight_decay[slot] = settings.weight_decay

    def move(self, source: int, target: int) -> None:
        self._moments.move(source, target)
        for numbers in (self._momentum, self._weight_decay):
            numbers[target].copy_(numbers[source])

    def state(self, slot: int) -> dict[str, Any]:
        return self._moments.state(slot)

    def restore(self, slot: int, state: Mapping[str, Any]) -> None:
        self._moments.restore(slot, state)

    @property
    def changed(self) -> list[Tensor]:
        return self._moments.blocks

    def plan(self, lrs: NDArray[np.float64]) -> Tensor:
        return torch.tensor(-lrs, dtype=torch.float32, device=self._device)[..., None]

    def step(self, n_slots: int, planned: Tensor) -> None:
        momentum, weight_decay = self._momentum[:n_slots], self._weight_decay[:n_slots]
        gradients = [block[:n_slots] for block in self._gradients]
        clip(gradients, self._clip_norm)
        blocks = zip(self._weights, gradients, self._moments.of["moments"], strict=True)
        for whole, gradient, moment in blocks:
            weights, moments = whole[:n_slots], moment[:n_slots]
            if self._decays:
                gradient.addcmul_(weights, weight_decay)
            moments.mul_(momentum).add_(gradient)
            direction = gradient.addcmul_(moments, momentum) if self._nesterov else moments
            weights.addcmul_(direction, planned)


class FlatAdamW:
    """Adam with decoupled weight decay (Loshchilov, Hutter, arXiv 1711.05101), as torch computes it:
    `p <- p (1 - lr * weight_decay)`, then `p <- p - lr / c1 * m / (sqrt(v) / sqrt(c2) + eps)` with the bias
    corrections `c = 1 - beta^t`."""

    def __init__(self, settings: AdamW, *, weights: Sequence[Tensor], gradients: Sequence[Tensor]) -> None:
        self._beta1, self._beta2, self._eps = settings.beta1, settings.beta2, settings.eps
        self._clip_norm = settings.clip_norm
        self._weights, self._gradients = weights, gradients
        self._moments = Moments(weights, "first", "second")
        n_slots, self._device = len(weights[0]), weights[0].device
        self._weight_decay = np.zeros(n_slots)
        self._n_steps = np.zeros(n_slots, dtype=np.int64)

    def load(self, slot: int, settings: Optimizer) -> None:
        assert isinstance(settings, AdamW)
        self._moments.clear(slot)
        self._weight_decay[slot], self._n_steps[slot] = settings.weight_decay, 0

    def move(self, source: int, target: int) -> None:
        self._moments.move(source, target)
        for numbers in (self._weight_decay, self._n_steps):
            numbers[target] = numbers[source]

    def state(self, slot: int) -> dict[str, Any]:
        return {**self._moments.state(slot), "n_steps": int(self._n_steps[slot])}

    def restore(self, slot: int, state: Mapping[str, Any]) -> None:
        self._moments.restore(slot, state)
        self._n_steps[slot] = state["n_steps"]

    @property
    def changed(self) -> list[Tensor]:
        return self._moments.blocks

    def plan(self, lrs: NDArray[np.float64]) -> Tensor:
        """Of each step `3 x K x 1`: what is left of the weights, the step's size, the scale of `sqrt(v)`."""
        n_steps, k = lrs.shape
        counts = np.arange(1, n_steps + 1)[:, None] + self._n_steps[:k]
        self._n_steps[:k] += n_steps
        kept = 1.0 - lrs * self._weight_decay[:k]
        sizes = -lrs / (1.0 - self._beta1**counts)
        scales = 1.0 / np.sqrt(1.0 - self._beta2**counts)
        planned = np.stack([kept, sizes, scales], axis=1)
        return torch.tensor(planned, dtype=torch.float32, device=self._device)[..., None]

    def step(self, n_slots: int, planned: Tensor) -> None:
        kept, size, scale = planned
        gradients = [block[:n_slots] for block in self._gradients]
        clip(gradients, self._clip_norm)
        blocks = zip(self._weights, gradients, *self._moments.of.values(), strict=True)
        for whole, gradient, first, second in blocks:
            weights, first, second = whole[:n_slots], first[:n_slots], second[:n_slots]
            first.lerp_(gradient, 1.0 - self._beta1)
            second.mul_(self._beta2).addcmul_(gradient, gradient, value=1.0 - self._beta2)
            divisor = torch.sqrt(second, out=gradient).mul_(scale).add_(self._eps)
            weights.mul_(kept).addcmul_(torch.div(first, divisor, out=gradient), size)


def slot_norms(gradients: Sequence[Tensor]) -> Tensor:
    """Euclidean norm of each slot's gradient over all blocks (`K x P_i` each): `K x 1`."""
    norms: list[Tensor] = [torch.linalg.vector_norm(block, dim=1, keepdim=True) for block in gradients]
    if len(norms) > 1:
        norms = [torch.linalg.vector_norm(torch.cat(norms, dim=1), dim=1, keepdim=True)]
    return norms[0]


def clip(gradients: Sequence[Tensor], longest: float | None) -> None:
    """Shorten each slot's gradient as `torch.nn.utils.clip_grad_norm_` does; None: leave it."""
    if longest is None:
        return
    factors = (longest / (slot_norms(gradients) + 1e-6)).clamp_(max=1.0)
    for block in gradients:
        block.mul_(factors)
