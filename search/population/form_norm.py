"""Normalisation of a stack; over a batch slot by slot: each run has its own statistics, and keeps its own
averages."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from search.population.form import Form, slot_first
from search.population.form_loop import slot_parts


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """`torch.nn.functional.batch_norm` under `vmap`; running statistics are written in place."""
    settings = (training, momentum, eps)
    return _BatchNorm.apply(input, running_mean, running_var, weight, bias, settings)  # type: ignore[no-any-return, no-untyped-call]


def group_norm(
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """`torch.nn.functional.group_norm` under `vmap`: the slots are more samples of one batch."""
    return _GroupNorm.apply(input, num_groups, weight, bias, eps)  # type: ignore[no-any-return, no-untyped-call]


class _GroupNorm(Form):
    @staticmethod
    def vmap(
        info: Any,
        in_dims: Any,
        input: Tensor,
        num_groups: int,
        weight: Tensor | None,
        bias: Tensor | None,
        eps: float,
    ) -> tuple[Tensor, int]:
        k = info.batch_size
        inputs = slot_first(input, in_dims[0], k)
        made = functional.group_norm(inputs.flatten(0, 1), num_groups, eps=eps).view(inputs.shape)
        if weight is None or bias is None:
            return made, 0
        shape = (k, 1, -1, *(1 for _ in inputs.shape[3:]))
        scale, shift = slot_first(weight, in_dims[2], k), slot_first(bias, in_dims[3], k)
        return torch.addcmul(shift.reshape(shape), made, scale.reshape(shape)), 0


class _BatchNorm(Form):
    @staticmethod
    def vmap(
        info: Any,
        in_dims: Any,
        input: Tensor,
        running_mean: Tensor | None,
        running_var: Tensor | None,
        weight: Tensor | None,
        bias: Tensor | None,
        settings: tuple[bool, float, float],
    ) -> tuple[Tensor, int]:
        k = info.batch_size
        inputs, scales, shifts = (
            slot_parts(part, dim, k)
            for part, dim in zip((input, weight, bias), (in_dims[0], *in_dims[3:5]), strict=True)
        )
        # Running statistics are written to: views of each slot's, whatever their alignment.
        means, variances = (
            [None] * k if kept is None else kept.unbind(dim)
            for kept, dim in ((running_mean, in_dims[1]), (running_var, in_dims[2]))
        )
        parts = zip(inputs, means, variances, scales, shifts, strict=True)
        return torch.stack([functional.batch_norm(*part, *settings) for part in parts]), 0
