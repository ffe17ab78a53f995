"""`ResidualNetwork`: convolutions whose blocks add to what comes in, for small pictures.

He, Zhang, Ren, Sun: Deep residual learning for image recognition, arXiv 1512.03385, the network of its
section 4.2: three stages, each after the first with half the side and twice the channels, then the mean over
all places. Normalised over the batch (Ioffe, Szegedy, arXiv 1502.03167) or in groups of channels within a
sample (Wu, He, arXiv 1803.08494).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

from torch import Tensor, nn

Norm = Literal["batch", "group"]
STAGES = 3
GROUPS = 8
"""Groups of channels that are normalised together, or as many as divide the channels."""


class ResidualNetwork(nn.Module):
    """Pictures `N x channels x side x side` to logits `N x classes`."""

    def __init__(self, *, channels: int, width: int, blocks: int, classes: int, norm: Norm) -> None:
        """
        Args:
            channels: of the pictures.
            width: channels of the first stage.
            blocks: of two convolutions each, in each of the three stages.
        """
        super().__init__()
        self.stem = nn.Sequential(_convolution(channels, width), normalised(norm, width), nn.ReLU())
        widths = [width * 2**stage for stage in range(STAGES)]
        stages = []
        for stage, own in enumerate(widths):
            incoming, stride = (width, 1) if stage == 0 else (widths[stage - 1], 2)
            stages.append(ResidualBlock(incoming, own, stride=stride, norm=norm))
            stages += [ResidualBlock(own, own, stride=1, norm=norm) for _ in range(blocks - 1)]
        self.stages = nn.Sequential(*stages)
        self.pool, self.flat = nn.AdaptiveAvgPool2d(1), nn.Flatten()
        self.head = nn.Linear(widths[-1], classes)

    def forward(self, pictures: Tensor) -> Tensor:
        return self.head(self.flat(self.pool(self.stages(self.stem(pictures)))))  # type: ignore[no-any-return]


class ResidualBlock(nn.Module):
    """Two convolutions beside a short cut: a convolution of single places where the shape changes."""

    def __init__(self, incoming: int, outgoing: int, *, stride: int, norm: Norm) -> None:
        super().__init__()
        self.convolved1 = _convolution(incoming, outgoing, stride=stride)
        self.norm1, self.active1 = normalised(norm, outgoing), nn.ReLU()
        self.convolved2 = _convolution(outgoing, outgoing)
        self.norm2, self.active2 = normalised(norm, outgoing), nn.ReLU()
        self.short_cut: nn.Module = nn.Identity()
        if stride != 1 or incoming != outgoing:
            single = _convolution(incoming, outgoing, kernel=1, stride=stride)
            self.short_cut = nn.Sequential(single, normalised(norm, outgoing))

    def forward(self, hidden: Tensor) -> Tensor:
        inner = self.active1(self.norm1(self.convolved1(hidden)))
        inner = self.norm2(self.convolved2(inner))
        return self.active2(inner + self.short_cut(hidden))  # type: ignore[no-any-return]


def normalised(norm: Norm, channels: int) -> nn.Module:
    """The layer that normalises so many channels."""
    make: Callable[[], nn.Module] = {
        "batch": lambda: nn.BatchNorm2d(channels),
        "group": lambda: nn.GroupNorm(math.gcd(GROUPS, channels), channels),
    }[norm]
    return make()


def _convolution(incoming: int, outgoing: int, *, kernel: int = 3, stride: int = 1) -> nn.Conv2d:
    """Without a bias: a normalisation follows. Weights of He et al., arXiv 1502.01852, of the outputs."""
    layer = nn.Conv2d(incoming, outgoing, kernel, stride=stride, padding=kernel // 2, bias=False)
    nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
    return layer
