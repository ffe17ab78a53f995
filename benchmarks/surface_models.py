"""The models of `surface_tasks.py`."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

CONTEXT, WIDTH, HEADS, LAYERS = 64, 64, 4, 2


class Decoder(nn.Module):
    """As GPT-2 (tokens and learned places, pre-norm, GELU), but without a norm before the head."""

    def __init__(self, n_characters: int, head_scale: float = 1.0) -> None:
        """`head_scale` multiplies the first weights of the head: a large one makes for a stiff start."""
        super().__init__()
        self.token = nn.Embedding(n_characters, WIDTH)
        self.place = nn.Embedding(CONTEXT, WIDTH)
        self.blocks = nn.Sequential(*(Block() for _ in range(LAYERS)))
        self.head = nn.Linear(WIDTH, n_characters, bias=False)
        with torch.no_grad():
            self.head.weight *= head_scale

    def forward(self, tokens: Tensor) -> Tensor:
        hidden = self.blocks(self.token(tokens) + self.place.weight)
        return self.head(hidden)  # type: ignore[no-any-return]


class Block(nn.Module):
    """Attention to what came before and a two-layer network."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.query_key_value = nn.Linear(WIDTH, 3 * WIDTH)
        self.mixed = nn.Linear(WIDTH, WIDTH)
        self.network = nn.Sequential(nn.Linear(WIDTH, 4 * WIDTH), nn.GELU(), nn.Linear(4 * WIDTH, WIDTH))

    def forward(self, hidden: Tensor) -> Tensor:
        n, places, _ = hidden.shape
        parts = self.query_key_value(self.norm1(hidden)).view(n, places, 3, HEADS, WIDTH // HEADS)
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        heads = functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        hidden = hidden + self.mixed(heads.transpose(1, 2).reshape(n, places, WIDTH))
        return hidden + self.network(self.norm2(hidden))  # type: ignore[no-any-return]


class CharacterLSTM(nn.Module):
    """Embedding, one LSTM, a softmax at each place."""

    def __init__(self, n_characters: int) -> None:
        super().__init__()
        self.token = nn.Embedding(n_characters, 32)
        self.lstm = nn.LSTM(32, 64, batch_first=True)
        self.head = nn.Linear(64, n_characters)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.head(self.lstm(self.token(tokens))[0])  # type: ignore[no-any-return]


def digits_network() -> nn.Module:
    """Three convolutions, each with batch norm, for images of 8 x 8."""

    def layer(before: int, after: int, stride: int) -> list[nn.Module]:
        convolution = nn.Conv2d(before, after, 3, stride=stride, padding=1, bias=False)
        return [convolution, nn.BatchNorm2d(after), nn.ReLU()]

    layers = [*layer(1, 8, 1), *layer(8, 16, 2), *layer(16, 16, 2)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(64, 10))


def regression_network() -> nn.Module:
    """10 values to one."""
    return nn.Sequential(
        nn.Linear(10, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1), nn.Flatten(0)
    )
