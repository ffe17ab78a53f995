"""Optimizers of a stack of models, on rows of weights: lr and settings of each row its own.

The steps are those of `torch.optim.SGD` and `torch.optim.AdamW`, which can't hold an lr for each slot. `K`
slots, `P` floats each; what is one number for a slot is `K x 1`, so that an operation's vector loop begins
and ends with the slot and no slot's last elements depend on where the stack ends.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from search.population.settings import StackKind
from search.proxies.proxy import SGD, AdamW, Optimizer


class FlatOptimizer(Protocol):
    """One for all slots of a stack."""

    def load(self, slot: int, settings: Optimizer) -> None:
        """Begin anew in a slot."""
        ...

    def move(self, source: int, target: int) -> None:
        """Make slot `target` what slot `source` is."""
        ...

    def state(self, slot: int) -> dict[str, Any]:
        """What a slot has that no settings give, as copies on the CPU."""
        ...

    def restore(self, slot: int, state: Mapping[str, Any]) -> None:
        """Go on in a slot that was loaded with the same settings."""
        ...

    @property
    def changed(self) -> list[Tensor]:
        """All that steps change."""
        ...

    def plan(self, lrs: NDArray[np.float64]) -> Tensor:
        """What `step` takes in each of the next `T` steps of the first `K` slots, which count as made.

        Args:
            lrs: `T x K`.

        Returns:
            `T x ...`.
        """
        ...

    def step(self, weights: Tensor, gradients: Tensor, planned: Tensor) -> None:
        """One step of the first `K` slots, in place; the gradients are overwritten.

        Args:
            weights: `K x P`.
            gradients: `K x P`.
            planned: of this step.
        """
        ...


def flat_optimizer(
    settings: Optimizer, kind: StackKind, *, n_slots: int, width: int, device: torch.device
) -> FlatOptimizer:
    """The optimizer of a proxy, for runs of one kind."""
    decays = kind.own_weight_decay or settings.weight_decay > 0
    if isinstance(settings, AdamW):
        return FlatAdamW(settings, n_slots=n_slots, width=width, device=device)
    return FlatSGD(settings, decays=decays, n_slots=n_slots, width=width, device=device)


class FlatSGD:
    """`g <- g + weight_decay * p`, `m <- momentum * m + g`, `p <- p - lr * m`, or with Nesterov's
    `p <- p - lr * (g + momentum * m)`."""

    def __init__(
        self, settings: SGD, *, decays: bool, n_slots: int, width: int, device: torch.device
    ) -> None:
        self._nesterov, self._clip_norm, self._decays = settings.nesterov, settings.clip_norm, decays
        self._moments = torch.zeros(n_slots, width, device=device)
        self._momentum = torch.zeros(n_slots, 1, device=device)
        self._weight_decay = torch.zeros(n_slots, 1, device=device)

    def load(self, slot: int, settings: Optimizer) -> None:
        assert isinstance(settings, SGD)
        self._moments[slot].zero_()
        self._momentum[slot] = settings.momentum
        self._weight_decay[slot] = settings.weight_decay

    def move(self, source: int, target: int) -> None:
        for state in (self._moments, self._momentum, self._weight_decay):
            state[target].copy_(state[source])

    def state(self, slot: int) -> dict[str, Any]:
        return {"moments": self._moments[slot].to("cpu", copy=True)}

    def restore(self, slot: int, state: Mapping[str, Any]) -> None:
        self._moments[slot].copy_(state["moments"])

    @property
    def changed(self) -> list[Tensor]:
        return [self._moments]

    def plan(self, lrs: NDArray[np.float64]) -> Tensor:
        minus_lrs = torch.tensor(-lrs, dtype=torch.float32, device=self._moments.device)
        return minus_lrs[..., None]

    def step(self, weights: Tensor, gradients: Tensor, planned: Tensor) -> None:
        k = len(weights)
        moments, momentum = self._moments[:k], self._momentum[:k]
        clip(gradients, self._clip_norm)
        if self._decays:
            gradients.addcmul_(weights, self._weight_decay[:k])
        moments.mul_(momentum).add_(gradients)
        direction = gradients.addcmul_(moments, momentum) if self._nesterov else moments
        weights.addcmul_(direction, planned)


class FlatAdamW:
    """Adam with decoupled weight decay (Loshchilov, Hutter, arXiv 1711.05101), as torch computes it:
    `p <- p (1 - lr * weight_decay)`, then `p <- p - lr / c1 * m / (sqrt(v) / sqrt(c2) + eps)` with the bias
    corrections `c = 1 - beta^t`."""

    def __init__(self, settings: AdamW, *, n_slots: int, width: int, device: torch.device) -> None:
        self._beta1, self._beta2, self._eps = settings.beta1, settings.beta2, settings.eps
        self._clip_norm = settings.clip_norm
        self._first = torch.zeros(n_slots, width, device=device)
        self._second = torch.zeros(n_slots, width, device=device)
        self._weight_decay = np.zeros(n_slots)
        self._n_steps = np.zeros(n_slots, dtype=np.int64)

    def load(self, slot: int, settings: Optimizer) -> None:
        assert isinstance(settings, AdamW)
        self._first[slot].zero_()
        self._second[slot].zero_()
        self._weight_decay[slot], self._n_steps[slot] = settings.weight_decay, 0

    def move(self, source: int, target: int) -> None:
        for state in (self._first, self._second):
            state[target].copy_(state[source])
        for numbers in (self._weight_decay, self._n_steps):
            numbers[target] = numbers[source]

    def state(self, slot: int) -> dict[str, Any]:
        return {
            "first": self._first[slot].to("cpu", copy=True),
            "second": self._second[slot].to("cpu", copy=True),
            "n_steps": int(self._n_steps[slot]),
        }

    def restore(self, slot: int, state: Mapping[str, Any]) -> None:
        self._first[slot].copy_(state["first"])
        self._second[slot].copy_(state["second"])
        self._n_steps[slot] = state["n_steps"]

    @property
    def changed(self) -> list[Tensor]:
        return [self._first, self._second]

    def plan(self, lrs: NDArray[np.float64]) -> Tensor:
        """Of each step `3 x K x 1`: what is left of the weights, the step's size, the scale of `sqrt(v)`."""
        n_steps, k = lrs.shape
        counts = np.arange(1, n_steps + 1)[:, None] + self._n_steps[:k]
        self._n_steps[:k] += n_steps
        kept = 1.0 - lrs * self._weight_decay[:k]
        sizes = -lrs / (1.0 - self._beta1**counts)
        scales = 1.0 / np.sqrt(1.0 - self._beta2**counts)
        planned = torch.tensor(
            np.stack([kept, sizes, scales], axis=1), dtype=torch.float32, device=self._first.device
        )
        return planned[..., None]

    def step(self, weights: Tensor, gradients: Tensor, planned: Tensor) -> None:
        k = len(weights)
        kept, size, scale = planned
        first, second = self._first[:k], self._second[:k]
        clip(gradients, self._clip_norm)
        first.lerp_(gradients, 1.0 - self._beta1)
        second.mul_(self._beta2).addcmul_(gradients, gradients, value=1.0 - self._beta2)
        divisor = torch.sqrt(second, out=gradients).mul_(scale).add_(self._eps)
        weights.mul_(kept).addcmul_(torch.div(first, divisor, out=gradients), size)


def clip(gradients: Tensor, longest: float | None) -> None:
    """Shorten each slot's gradient, `K x P`, as `torch.nn.utils.clip_grad_norm_` does; None: leave it."""
    if longest is None:
        return
    norms = torch.linalg.vector_norm(gradients, dim=1, keepdim=True)
    gradients.mul_((longest / (norms + 1e-6)).clamp_(max=1.0))
