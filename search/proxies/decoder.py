"""`Decoder`: the small transformer of `char_gpt` and `code_gpt`, and the windows of a text that it reads.

Pre-norm blocks of attention and a two-layer network, a learnt vector for each place; weights begin as in
GPT-2 (Radford et al., "Language models are unsupervised multitask learners", 2019).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from search.proxies.proxy import Split

INIT_STD = 0.02
"""Of all weights, as in GPT-2; what adds to the residual stream is divided by the root of its layers."""


class Decoder(nn.Module):
    """Tokens `N x C` to logits `N x C x tokens`; place `i` sees the tokens up to `i`."""

    def __init__(
        self, n_tokens: int, context: int, layers: int, width: int, heads: int, dropout: float = 0.0
    ) -> None:
        """
        Args:
            n_tokens: different ones.
            context: most places of a window.
            layers: blocks.
            width: of the residual stream, a multiple of `heads`.
            heads: of the attention.
            dropout: share of what is added to the residual stream, and of what begins it, that a step of
                training leaves out, in [0, 1).
        """
        super().__init__()
        self.token = nn.Embedding(n_tokens, width)
        self.place = nn.Embedding(context, width)
        self.begin = _dropout(dropout)
        self.blocks = nn.Sequential(*(Block(width, heads, layers, dropout) for _ in range(layers)))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, n_tokens, bias=False)
        for weight in (self.token.weight, self.place.weight, self.head.weight):
            nn.init.normal_(weight, std=INIT_STD)

    def forward(self, tokens: Tensor) -> Tensor:
        places = torch.arange(tokens.shape[1], device=tokens.device)
        hidden = self.blocks(self.begin(self.token(tokens) + self.place(places)))
        return self.head(self.norm(hidden))  # type: ignore[no-any-return]


class Block(nn.Module):
    """Attention and a two-layer network, each added to what comes in (Vaswani et al., arXiv 1706.03762)."""

    def __init__(self, width: int, heads: int, layers: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query_key_value = nn.Linear(width, 3 * width, bias=False)
        self.mixed = nn.Linear(width, width, bias=False)
        self.wide = nn.Linear(width, 4 * width)
        self.narrow = nn.Linear(4 * width, width)
        self.dropout1, self.dropout2 = _dropout(dropout), _dropout(dropout)
        for linear in (self.query_key_value, self.wide):
            nn.init.normal_(linear.weight, std=INIT_STD)
        for linear in (self.mixed, self.narrow):
            nn.init.normal_(linear.weight, std=INIT_STD / (2 * layers) ** 0.5)

    def forward(self, hidden: Tensor) -> Tensor:
        hidden = hidden + self.dropout1(self._attended(self.norm1(hidden)))
        wide = functional.gelu(self.wide(self.norm2(hidden)))
        return hidden + self.dropout2(self.narrow(wide))  # type: ignore[no-any-return]

    def _attended(self, hidden: Tensor) -> Tensor:
        n, places, width = hidden.shape
        parts = self.query_key_value(hidden).view(n, places, 3, self.heads, width // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        heads = functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        return self.mixed(heads.transpose(1, 2).reshape(n, places, width))  # type: ignore[no-any-return]


def check_decoder(arguments: Mapping[str, Any]) -> None:
    """Check the arguments that the proxies with a decoder share.

    Raises:
        ValueError: one is out of its range.
    """
    for name in ("context", "layers", "width", "heads", "batch_size"):
        if arguments[name] < 1:
            raise ValueError(f"{name} must be at least 1 but got {arguments[name]!r}.")
    if arguments["width"] % arguments["heads"]:
        heads, width = arguments["heads"], arguments["width"]
        raise ValueError(f"width must be a multiple of heads, {heads}, but got {width}.")
    if not 0.0 <= arguments["dropout"] < 1.0:
        raise ValueError(f"dropout must lie in [0, 1) but got {arguments['dropout']!r}.")


def token_windows(tokens: Tensor, context: int) -> Split:
    """Every `context` tokens, and each one's next; views, no window is copied."""
    return Split(inputs=tokens[:-1].unfold(0, context, 1), targets=tokens[1:].unfold(0, context, 1))


def windows_apart(tokens: Tensor, context: int, n_windows: int) -> Split:
    """`n_windows` windows at even distances, the same in every process."""
    every = token_windows(tokens, context)
    chosen = torch.arange(n_windows) * len(every) // n_windows
    return Split(inputs=every.inputs[chosen], targets=every.targets[chosen])


def _dropout(share: float) -> nn.Module:
    return nn.Dropout(share) if share else nn.Identity()
