"""Linear layers of a stack: one batch of matrix products, aligned slot by slot.

MKL promises equal bits only for equally aligned matrices. So each slot's part of each matrix begins at a
cache line (`LANES` floats): where the sizes don't give that, features or rows are padded with zeros. The
sizes are one model's, so whether they are padded does not depend on how many there are.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

from search.population.form import Form, slot_first
from search.population.layers import LANES, padded


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """`torch.nn.functional.linear` under `vmap`."""
    return _Linear.apply(input, weight, bias)  # type: ignore[no-any-return, no-untyped-call]


class _Linear(Form):
    @staticmethod
    def vmap(
        info: Any, in_dims: Any, input: Tensor, weight: Tensor, bias: Tensor | None
    ) -> tuple[Tensor, int]:
        k = info.batch_size
        inputs = slot_first(input, in_dims[0], k)
        weights = slot_first(weight, in_dims[1], k)
        biases = None if bias is None else slot_first(bias, in_dims[2], k)
        rows = inputs.reshape(k, -1, inputs.shape[-1])
        return products(rows, weights, biases).reshape(*inputs.shape[:-1], -1), 0


def products(rows: Tensor, weights: Tensor, biases: Tensor | None) -> Tensor:
    """Rows times weights of each slot.

    Args:
        rows: `K x R x D`.
        weights: `K x O x D`.
        biases: `K x O`.

    Returns:
        `K x R x O`.
    """
    n_rows, n_outputs, width = rows.shape[1], weights.shape[1], rows.shape[2]
    more = _missing(width, n_outputs)
    more_rows = _missing(n_rows, width + more) or _missing(n_rows, n_outputs)
    if more:
        weights = pad(weights, (0, more))
    if more or more_rows:
        rows = pad(rows, (0, more, 0, more_rows))
    made: Tensor = _Products.apply(rows, weights, biases)  # type: ignore[no-untyped-call]
    return made[:, :n_rows] if more_rows else made


def _missing(rows: int, width: int) -> int:
    """How many more rows make whole lanes of a matrix."""
    return 0 if rows * width % LANES == 0 else padded(rows) - rows


class _Products(torch.autograd.Function):
    """The products and their gradients, each one call for all slots."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, weights: Tensor, biases: Tensor | None) -> Tensor:
        ctx.save_for_backward(rows, weights)
        ctx.has_bias = biases is not None
        turned = weights.transpose(1, 2)
        if biases is None:
            return torch.bmm(rows, turned)
        return torch.baddbmm(biases[:, None], rows, turned)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        rows, weights = ctx.saved_tensors
        gradient = gradients[0].contiguous()
        of_rows = torch.bmm(gradient, weights) if ctx.needs_input_grad[0] else None
        of_weights = torch.bmm(gradient.transpose(1, 2), rows) if ctx.needs_input_grad[1] else None
        return of_rows, of_weights, gradient.sum(1) if ctx.has_bias else None
