"""Small models of awkward sizes that hold every kind of layer, and proxies that train them."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from search.proxies.counter_random import uniform
from search.proxies.proxy import SGD, AdamW, Optimizer, Proxy, RandomBatches, ShuffledEpochs, Split

N_CLASSES = 5


class ResidualBlock(nn.Module):
    """Two convolutions, each normalised, and what comes in added."""

    def __init__(self, channels: int, norm: Callable[[int], nn.Module]) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.second = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm1, self.norm2 = norm(channels), norm(channels)

    def forward(self, images: Tensor) -> Tensor:
        hidden = functional.relu(self.norm1(self.first(images)))
        return functional.relu(images + self.norm2(self.second(hidden)))


class SmallDecoder(nn.Module):
    """A logit for every place: embeddings, attention, normalisation, dropout; the first table is the last."""

    def __init__(self, *, width: int = 12, heads: int = 2, p: float = 0.1, tied: bool = False) -> None:
        super().__init__()
        self.heads = heads
        self.token, self.place = nn.Embedding(23, width), nn.Embedding(9, width)
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.parts, self.mixed = nn.Linear(width, 3 * width, bias=False), nn.Linear(width, width)
        self.wide, self.narrow = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)
        self.drop = nn.Dropout(p)
        self.head = nn.Linear(width, 23, bias=False)
        if tied:
            self.head.weight = self.token.weight

    def forward(self, tokens: Tensor) -> Tensor:
        hidden = self.token(tokens) + self.place(torch.arange(tokens.shape[1], device=tokens.device))
        hidden = hidden + self.drop(self._attended(self.norm1(hidden)))
        wide = functional.dropout(functional.gelu(self.wide(self.norm2(hidden))), 0.1, self.training)
        return self.head(hidden + self.drop(self.narrow(wide)))  # type: ignore[no-any-return]

    def _attended(self, hidden: Tensor) -> Tensor:
        n, places, width = hidden.shape
        parts = self.parts(hidden).view(n, places, 3, self.heads, width // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        return self.mixed(mixed.transpose(1, 2).reshape(n, places, width))  # type: ignore[no-any-return]


def _batch_norm_net() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(2, 6, 3, stride=2, padding=1),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        ResidualBlock(6, nn.BatchNorm2d),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(6, N_CLASSES),
    )


def _group_norm_net() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(2, 6, 3, padding=1, dilation=1),
        ResidualBlock(6, lambda channels: nn.GroupNorm(3, channels)),
        nn.MaxPool2d(2),
        nn.Dropout(0.2),
        nn.Conv2d(6, 6, 3, groups=3),
        nn.GELU(),
        nn.Flatten(),
        nn.Linear(6 * 2 * 1, N_CLASSES),
    )


def _curve_net() -> nn.Module:
    return nn.Sequential(
        nn.Flatten(2),
        nn.Conv1d(2, 5, 5, stride=2, padding=2),
        nn.Tanh(),
        nn.Conv1d(5, 7, 3, stride=2, padding=1, dilation=2, bias=False),
        nn.BatchNorm1d(7),
        nn.SiLU(),
        nn.Flatten(),
        nn.Linear(7 * 11, 9),
        nn.LayerNorm(9),
        nn.Sigmoid(),
        nn.Linear(9, N_CLASSES),
    )


def mirrored(inputs: Tensor, keys: Tensor) -> Tensor:
    """Half of the samples backwards."""
    turned = uniform(keys, draw=0) < 0.5
    return torch.where(turned.view(-1, *(1 for _ in inputs.shape[1:])), inputs.flip(-1), inputs)


def _images(n: int) -> Split:
    generator = torch.Generator().manual_seed(n)
    inputs = torch.randn((n, 2, 8, 6), generator=generator)
    return Split(inputs=inputs, targets=(inputs.mean((1, 2, 3)) * 20).long().clamp(0, N_CLASSES - 1))


def _windows(n: int) -> Split:
    generator = torch.Generator().manual_seed(n)
    inputs = torch.randint(23, (n, 9), generator=generator)
    return Split(inputs=inputs, targets=(inputs + inputs.roll(1, 1)) % 23)


def _proxy(
    name: str,
    model: Callable[[], nn.Module],
    split: Callable[[int], Split],
    optimizer: Optimizer,
    **changes: object,
) -> Proxy:
    settings: dict[str, object] = {"batch_size": 7, "batches": RandomBatches()}
    return Proxy(
        name=name,
        model=model,
        train=split(101),
        validation=split(147),
        test=split(130),
        steps_per_epoch=9,
        optimizer=optimizer,
        fingerprint=name,
        **(settings | changes),  # type: ignore[arg-type]
    )


NETS = {
    "batch_norm": _proxy(
        "batch_norm",
        _batch_norm_net,
        _images,
        SGD(momentum=0.9, weight_decay=1e-3, nesterov=True),
        label_smoothing=0.1,
        augment=mirrored,
        batches=ShuffledEpochs(),
    ),
    "group_norm": _proxy("group_norm", _group_norm_net, _images, SGD(momentum=0.8, clip_norm=0.5)),
    "curves": _proxy("curves", _curve_net, _images, AdamW(weight_decay=0.1), batch_size=32),
    "decoder": _proxy("decoder", SmallDecoder, _windows, AdamW(beta2=0.95, clip_norm=0.7)),
    "tied": _proxy("tied", lambda: SmallDecoder(p=0.0, tied=True), _windows, SGD(momentum=0.9)),
}
"""By name; see `vmap` in `test_vmapped.py`."""
EXPLODING_LR = {"batch_norm": 1e25, "group_norm": 1e25, "curves": 1e35, "decoder": 1e35, "tied": 1e25}
"""An lr that makes a run of each of them diverge at once."""
