"""Packaged proxies with what people change: another optimizer, batch normalisation, pooling."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from torch import Tensor, nn
from torch.nn import functional

from search.proxies import build_proxy
from search.proxies.proxy import SGD, AdamW, Optimizer, Proxy


def _curves_net() -> nn.Sequential:
    """That of `mnist1d_cnn`, each convolution normalised."""
    layers: list[nn.Module] = [nn.Unflatten(1, (1, 40))]
    for channels, kernel in ((1, 5), (16, 3), (16, 3)):
        convolution = nn.Conv1d(channels, 16, kernel, stride=2, padding=kernel // 2, bias=False)
        layers += [convolution, nn.BatchNorm1d(16), nn.ReLU()]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(80, 10))


def _digits_net() -> nn.Sequential:
    """Of 8 x 8 images."""
    return nn.Sequential(
        nn.Unflatten(1, (1, 8, 8)),
        nn.Conv2d(1, 16, 3, padding=1, bias=False),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1, bias=False),
        nn.BatchNorm2d(32),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(32, 10),
    )


class _Perceptron(nn.Module):
    """Two hidden layers, written as a class."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(40, 64), nn.Linear(64, 64)
        self.head = nn.Linear(64, 10)

    def forward(self, curves: Tensor) -> Tensor:
        hidden = functional.gelu(self.first(curves))
        return self.head(functional.gelu(self.second(hidden)))  # type: ignore[no-any-return]


def _variant(name: str, optimizer: Optimizer, model: Callable[[], nn.Module] | None = None) -> Proxy:
    proxy = build_proxy(name, {})
    return replace(proxy, optimizer=optimizer, model=model or proxy.model)


VARIANTS: Mapping[str, Callable[[], Proxy]] = {
    "mnist1d_mlp, AdamW": lambda: _variant("mnist1d_mlp", AdamW()),
    "mnist1d_mlp as a class, GELU, AdamW": lambda: _variant("mnist1d_mlp", AdamW(), _Perceptron),
    "char_lm_mlp, AdamW": lambda: _variant("char_lm_mlp", AdamW()),
    "char_lm_mlp, Nesterov, clipped": lambda: _variant(
        "char_lm_mlp", SGD(momentum=0.9, nesterov=True, clip_norm=1.0)
    ),
    "mnist1d_cnn, AdamW": lambda: _variant("mnist1d_cnn", AdamW()),
    "mnist1d_cnn, BatchNorm": lambda: _variant("mnist1d_cnn", SGD(momentum=0.9), _curves_net),
    "digits, convolutions, BatchNorm, pooling": lambda: _variant(
        "digits_mlp", SGD(momentum=0.9, nesterov=True), _digits_net
    ),
}
"""By the name of their row."""
