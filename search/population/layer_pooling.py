"""`StackedPooling`: pooling of `K` models at once, whose samples are one larger batch of images.

Nothing is trained here and no sample knows of another, so torch's own kernels serve, on images whose channels
lie last. A mean over whole images is a sum of rows, which is faster (`StackedMean`).

Letters: `K` models, `B` samples of each, `N = K B`, `H x W` places (`H` is 1 for a curve).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from search.population.layers import WithoutWeights
from search.population.workspace import Workspace

Pooling = nn.MaxPool1d | nn.MaxPool2d | nn.AvgPool1d | nn.AvgPool2d
Places = tuple[int, int]
_ATEN = torch.ops.aten


class StackedPooling(WithoutWeights):
    """`nn.MaxPool1d`, `nn.MaxPool2d`, `nn.AvgPool1d` or `nn.AvgPool2d`."""

    def __init__(self, name: str, module: Pooling, *, size: Places, places: Places) -> None:
        """
        Args:
            name: unlike that of any other layer.
            module: what is to be computed; looked at, not called.
            size: `H, W` of what comes in.
            places: `H, W` of what it gives.
        """
        self.name, self.module, self.size, self.places = name, module, size, places
        self._largest = isinstance(module, nn.MaxPool1d | nn.MaxPool2d)
        self._window = _window(module)

    def slots(self, chosen: slice) -> StackedPooling:
        return StackedPooling(self.name, self.module, size=self.size, places=self.places)

    def forward(self, inputs: Tensor, workspace: Workspace, *, training: bool) -> Tensor:
        self._images = _images(inputs, self.size)
        if self._largest:
            pooled, self._chosen = _ATEN.max_pool2d_with_indices(self._images, *self._window)
        else:
            pooled = _ATEN.avg_pool2d(self._images, *self._window)
        return _lanes(pooled, inputs)

    def backward(self, gradient: Tensor, workspace: Workspace, *, kept: float | Tensor) -> Tensor:
        upstream = _images(gradient, self.places)
        if self._largest:
            backward = _ATEN.max_pool2d_with_indices_backward
            spread = backward(upstream, self._images, *self._window, self._chosen)
        else:
            spread = _ATEN.avg_pool2d_backward(upstream, self._images, *self._window)
        return _lanes(spread, gradient)


class StackedMean(WithoutWeights):
    """`nn.AdaptiveAvgPool1d(1)` or `nn.AdaptiveAvgPool2d(1)`."""

    def __init__(self, name: str, *, n_places: int) -> None:
        self.name, self.n_places = name, n_places

    def slots(self, chosen: slice) -> StackedMean:
        return StackedMean(self.name, n_places=self.n_places)

    def forward(self, inputs: Tensor, workspace: Workspace, *, training: bool) -> Tensor:
        n_slots, n_samples, n_lanes = inputs.shape
        rows = inputs.view(n_slots, n_samples, self.n_places, -1)
        output = workspace.empty(self.name, n_slots, n_samples, n_lanes // self.n_places)
        return torch.mean(rows, 2, out=output)

    def backward(self, gradient: Tensor, workspace: Workspace, *, kept: float | Tensor) -> Tensor:
        output = workspace.empty(
            f"{self.name} gradient", *gradient.shape[:2], self.n_places, gradient.shape[2]
        )
        output.copy_(gradient.mul_(1.0 / self.n_places)[:, :, None])
        return output.flatten(2)


def _images(lanes: Tensor, size: Places) -> Tensor:
    """`K x B x (H W lanes)` as `N x C x H x W`, channels last: a view."""
    return lanes.view(-1, *size, lanes.shape[2] // (size[0] * size[1])).permute(0, 3, 1, 2)


def _lanes(images: Tensor, like: Tensor) -> Tensor:
    """The other way, for the slots and samples of a tensor."""
    return images.permute(0, 2, 3, 1).reshape(*like.shape[:2], -1)


def _window(module: Pooling) -> tuple[Any, ...]:
    """What torch's kernels take after the images."""
    flat = isinstance(module, nn.MaxPool1d | nn.AvgPool1d)
    kernel, stride, padding = (
        _pair(given, missing, flat=flat)
        for given, missing in ((module.kernel_size, 1), (module.stride, 1), (module.padding, 0))
    )
    if isinstance(module, nn.MaxPool1d | nn.MaxPool2d):
        return (kernel, stride, padding, _pair(module.dilation, 1, flat=flat), module.ceil_mode)
    divisor = module.divisor_override if isinstance(module, nn.AvgPool2d) else None
    return (kernel, stride, padding, module.ceil_mode, module.count_include_pad, divisor)


def _pair(given: int | tuple[int, ...], missing: int, *, flat: bool) -> list[int]:
    """A number an axis, (down, along); `missing`: down, where there is one axis alone."""
    along = given if isinstance(given, int) else given[-1]
    down = missing if flat else given if isinstance(given, int) else given[0]
    return [down, along]
