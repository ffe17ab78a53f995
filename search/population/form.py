"""`Form`: the base of what a stack of models computes in a way of its own under `vmap`."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class Form(torch.autograd.Function):
    """A function with a rule for `vmap` and none for one model alone: that is never asked for.

    The rule calls operations that autograd knows, so that no gradient is defined here.
    """

    @staticmethod
    def forward(*args: Any) -> Any:
        raise NotImplementedError("a form is computed under vmap, with weights of each model.")

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        """Nothing is kept."""


def slot_first(tensor: Tensor, dim: int | None, n_slots: int) -> Tensor:
    """A tensor that vmap hands over, `K x ...`; what all models share is repeated without a copy."""
    return tensor.expand(n_slots, *tensor.shape) if dim is None else tensor.movedim(dim, 0)
