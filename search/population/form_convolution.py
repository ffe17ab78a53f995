"""Convolutions of a stack: windows as rows of a matrix (im2col), then one batch of products for all slots.

Letters: `N` samples of all slots, `H x W` places (`H` is 1 for a curve), `C` channels, last.

Where one model's windows would not stay in the cache, each slot is convolved by itself, as it would be alone:
such layers fill the core, and nothing is to be gained.
"""

from __future__ import annotations

from math import prod
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from search.population.form import Form, slot_first
from search.population.form_linear import products
from search.population.form_loop import looped

LARGEST_WINDOWS = 1 << 18
"""Floats in the windows of one model, at most: a megabyte, as much as a core's cache holds of a few."""


class Geometry(NamedTuple):
    """Of a convolution: pairs are (down, along)."""

    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]
    dilation: tuple[int, int]

    def places(self, size: tuple[int, int]) -> tuple[int, int]:
        """Places of its output, for an input of `H x W`."""
        down, along = (
            (size[i] + 2 * self.padding[i] - self.dilation[i] * (self.kernel[i] - 1) - 1) // self.stride[i]
            + 1
            for i in (0, 1)
        )
        return down, along


def convolution(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """`torch.nn.functional.conv1d` or `conv2d` under `vmap`, by the number of the weight's axes."""
    if groups == 1 and not isinstance(padding, str) and input.ndim == weight.ndim:
        geometry = _geometry(weight, stride, padding, dilation)
        size = _pair(tuple(input.shape[2:]), 1)
        windows = len(input) * prod(geometry.places(size)) * prod(weight.shape[1:])
        if windows <= LARGEST_WINDOWS:
            return _Convolution.apply(input, weight, bias, geometry)  # type: ignore[no-any-return, no-untyped-call]
    function = functional.conv1d if weight.ndim == 3 else functional.conv2d
    return looped(function)(input, weight, bias, stride, padding, dilation, groups)


class _Convolution(Form):
    @staticmethod
    def vmap(
        info: Any, in_dims: Any, input: Tensor, weight: Tensor, bias: Tensor | None, geometry: Geometry
    ) -> tuple[Tensor, int]:
        k = info.batch_size
        inputs, weights = slot_first(input, in_dims[0], k), slot_first(weight, in_dims[1], k)
        biases = None if bias is None else slot_first(bias, in_dims[2], k)
        n_samples, n_outputs = inputs.shape[1], weights.shape[1]
        images = _channels_last(inputs).flatten(0, 1)
        rows: Tensor = _Windows.apply(images, geometry)  # type: ignore[no-untyped-call]
        kernels = _channels_last(weights).reshape(k, n_outputs, -1)
        made = products(rows.view(k, -1, kernels.shape[2]), kernels, biases)
        places = geometry.places((images.shape[1], images.shape[2]))
        spread = made.reshape(k, n_samples, *places, n_outputs)
        if inputs.ndim == 4:
            spread = spread[:, :, 0]
        return spread.movedim(-1, 2), 0


class _Windows(torch.autograd.Function):
    """`N x H x W x C` to one row a window, `(N places) x (window C)`; and back, what overlaps added up."""

    @staticmethod
    def forward(ctx: Any, images: Tensor, geometry: Geometry) -> Tensor:
        n, height, width, channels = ctx.size = images.shape
        ctx.geometry = geometry
        (kernel, stride, padding, dilation), (down, along) = geometry, geometry.places((height, width))
        if any(padding):
            images = functional.pad(images, (0, 0, padding[1], padding[1], padding[0], padding[0]))
        images = images.contiguous()
        image, line, place, channel = images.stride()
        windows = images.as_strided(
            (n, down, along, *kernel, channels),
            (image, line * stride[0], place * stride[1], line * dilation[0], place * dilation[1], channel),
        )
        return windows.reshape(n * down * along, kernel[0] * kernel[1] * channels)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (n, height, width, channels), geometry = ctx.size, ctx.geometry
        (kernel, stride, padding, dilation), (down, along) = geometry, geometry.places((height, width))
        gradient = gradients[0].view(n, down, along, *kernel, channels)
        shape = (n, height + 2 * padding[0], width + 2 * padding[1], channels)
        images = gradient.new_zeros(shape)
        for i in range(kernel[0]):
            lines = slice(i * dilation[0], i * dilation[0] + (down - 1) * stride[0] + 1, stride[0])
            for j in range(kernel[1]):
                places = slice(j * dilation[1], j * dilation[1] + (along - 1) * stride[1] + 1, stride[1])
                images[:, lines, places] += gradient[:, :, :, i, j]
        return images[:, padding[0] : padding[0] + height, padding[1] : padding[1] + width], None


def _geometry(weight: Tensor, stride: Any, padding: Any, dilation: Any) -> Geometry:
    curve = weight.ndim == 3
    stride, padding, dilation = (
        _pair(given, missing, curve=curve) for given, missing in ((stride, 1), (padding, 0), (dilation, 1))
    )
    return Geometry(_pair(tuple(weight.shape[2:]), 1), stride, padding, dilation)


def _pair(given: Any, missing: int, *, curve: bool = False) -> tuple[int, int]:
    """(down, along); a curve has `missing` for the first."""
    if isinstance(given, int):
        return (missing, given) if curve else (given, given)
    return (missing, given[0]) if len(given) == 1 else (given[0], given[1])


def _channels_last(tensor: Tensor) -> Tensor:
    """`K x N x C x W` or `K x N x C x H x W` to `K x N x H x W x C`."""
    if tensor.ndim == 4:
        tensor = tensor.unsqueeze(3)
    return tensor.movedim(2, -1)
