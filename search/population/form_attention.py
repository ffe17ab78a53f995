"""Attention of a stack: the slots are more samples of one batch."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.nn import functional

from search.population.form import Form, slot_first
from search.population.form_loop import looped


def attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    **more: Any,
) -> Tensor:
    """`torch.nn.functional.scaled_dot_product_attention` under `vmap`."""
    parts = (query, key, value, attn_mask, dropout_p, is_causal)
    if dropout_p > 0.0 or attn_mask is not None or more.get("enable_gqa"):
        return looped(functional.scaled_dot_product_attention)(*parts, **more)
    return _Attention.apply(query, key, value, is_causal, more.get("scale"))  # type: ignore[no-any-return, no-untyped-call]


class _Attention(Form):
    @staticmethod
    def vmap(
        info: Any,
        in_dims: Any,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        is_causal: bool,
        scale: float | None,
    ) -> tuple[Tensor, int]:
        k = info.batch_size
        query, key, value = (
            slot_first(part, dim, k).flatten(0, 1)
            for part, dim in zip((query, key, value), in_dims[:3], strict=True)
        )
        attended = functional.scaled_dot_product_attention(
            query, key, value, is_causal=is_causal, scale=scale
        )
        return attended.view(k, -1, *attended.shape[1:]), 0
