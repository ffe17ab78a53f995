"""Embeddings of a stack: all tables one below the other, tokens told whose they are."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from search.population.form import Form, slot_first
from search.population.form_loop import looped


def embedding(
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """`torch.nn.functional.embedding` under `vmap`; what few models use is computed slot by slot."""
    if padding_idx is None and max_norm is None and not scale_grad_by_freq and not sparse:
        return _Embedding.apply(input, weight)  # type: ignore[no-any-return, no-untyped-call]
    loop = looped(functional.embedding)
    return loop(input, weight, padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse)


class _Embedding(Form):
    @staticmethod
    def vmap(info: Any, in_dims: Any, input: Tensor, weight: Tensor) -> tuple[Tensor, int]:
        k = info.batch_size
        tokens, tables = slot_first(input, in_dims[0], k), slot_first(weight, in_dims[1], k)
        n_tokens, width = tables.shape[1:]
        _check(tokens, n_tokens)
        first_rows = torch.arange(k, device=tokens.device) * n_tokens
        rows = tokens + first_rows.view(k, *(1 for _ in tokens.shape[1:]))
        return functional.embedding(rows, tables.reshape(k * n_tokens, width)), 0


def _check(tokens: Tensor, n_tokens: int) -> None:
    """A token past the end would find its neighbour's table; an accelerator is not waited for."""
    if tokens.device.type != "cpu":
        return
    least, most = (int(bound) for bound in torch.aminmax(tokens))
    if least < 0 or most >= n_tokens:
        raise IndexError(
            f"an embedding of {n_tokens} tokens is asked for token {least if least < 0 else most}."
        )
