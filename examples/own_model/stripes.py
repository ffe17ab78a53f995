"""A convolutional network with BatchNorm as a proxy of one's own: pictures of stripes, by their direction.

cd examples/own_model && PYTHONPATH=. warmboot launch study.toml
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from warmboot.proxies import SGD, Proxy, ShuffledEpochs, Split

SIDE, DIRECTIONS, NOISE = 16, 6, 2.0


def pictures(count: int, seed: int) -> Split:
    """Noisy stripes of any width and phase; the class is their direction."""
    draws = torch.Generator().manual_seed(seed)
    direction = torch.randint(DIRECTIONS, (count,), generator=draws)
    angle = (math.pi * direction / DIRECTIONS)[:, None, None]
    width, phase = torch.rand((2, count, 1, 1), generator=draws)
    row, column = torch.meshgrid(torch.arange(SIDE), torch.arange(SIDE), indexing="ij")
    across = row * torch.cos(angle) + column * torch.sin(angle)
    stripes = torch.sin((0.5 + width) * across + 2 * math.pi * phase)
    noise = NOISE * torch.randn(stripes.shape, generator=draws)
    return Split(inputs=(stripes + noise)[:, None], targets=direction)


class Network(nn.Module):
    """Two convolutions, each normalised over the batch, and the mean over all places."""

    def __init__(self) -> None:
        super().__init__()
        self.narrow = nn.Sequential(nn.Conv2d(1, 8, 5, padding=2, bias=False), nn.BatchNorm2d(8), nn.ReLU())
        self.pool = nn.MaxPool2d(2)
        self.wide = nn.Sequential(nn.Conv2d(8, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU())
        self.head = nn.Linear(16, DIRECTIONS)

    def forward(self, pictures: Tensor) -> Tensor:
        hidden = self.wide(self.pool(self.narrow(pictures)))
        return self.head(hidden.mean((2, 3)))  # type: ignore[no-any-return]


def factory(device: str) -> Proxy:
    """What the study names; the data stays on the CPU, Warmboot moves it to `device`."""
    return Proxy(
        name="stripes",
        model=Network,
        train=pictures(4000, seed=0),
        validation=pictures(1000, seed=1),
        test=pictures(2000, seed=2),
        batch_size=40,
        steps_per_epoch=100,
        optimizer=SGD(momentum=0.9, nesterov=True, weight_decay=1e-4),
        batches=ShuffledEpochs(),
        label_smoothing=0.1,
    )
