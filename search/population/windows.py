"""`Windows`: what a convolution looks at, as rows of a matrix (im2col), and its gradient put together again.

Letters: `N` samples, `H x W` places (`H` is 1 for a curve), `C` channels, last.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional


class Geometry(NamedTuple):
    """Of a convolution: pairs are (down, along)."""

    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]
    dilation: tuple[int, int]

    @classmethod
    def of(cls, module: nn.Conv1d | nn.Conv2d) -> Geometry:
        """That of a module whose padding is a number an axis."""
        given = (module.kernel_size, module.stride, module.padding, module.dilation)
        kernel, stride, padding, dilation = (
            (missing, *numbers)[-2:] for numbers, missing in zip(given, (1, 1, 0, 1), strict=True)
        )
        return cls(kernel, stride, padding, dilation)

    def places(self, size: tuple[int, int]) -> tuple[int, int]:
        """Places of its output, for an input of `H x W`."""
        down, along = (
            (size[i] + 2 * self.padding[i] - self.dilation[i] * (self.kernel[i] - 1) - 1) // self.stride[i]
            + 1
            for i in (0, 1)
        )
        return down, along

    def within(self, axis: int, size: tuple[int, int]) -> list[tuple[slice, slice]]:
        """For each tap along an axis: the places of the output whose windows hold it within an input of
        `H x W`, and the places of the input that it sees there.

        >>> Geometry((1, 3), (1, 2), (0, 1), (1, 1)).within(1, (1, 4))[0]
        (slice(1, 2, None), slice(1, 2, 2))
        """
        n_places, stride = self.places(size)[axis], self.stride[axis]
        found = []
        for tap in range(self.kernel[axis]):
            offset = tap * self.dilation[axis] - self.padding[axis]
            first = max(0, -(offset // stride))
            end = max(first, min(n_places, (size[axis] - 1 - offset) // stride + 1))
            seen, n = first * stride + offset, end - first
            found.append(
                (slice(first, end), slice(seen, seen + n * stride - stride + 1, stride) if n else slice(0))
            )
        return found


class Windows(torch.autograd.Function):
    """`N x H x W x C` to one row a window, `(N places) x (window C)`, and back: what overlaps is added up."""

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
        places = geometry.places((height, width))
        gradient = gradients[0].view(n, *places, *geometry.kernel, channels)
        add_up = _add_up if geometry.dilation[1] > 1 else _add_up_in_strides
        images = add_up(gradient, geometry, (height, width))
        down, along = geometry.padding
        return images[:, down : down + height, along : along + width], None


def _add_up(gradient: Tensor, geometry: Geometry, size: tuple[int, int]) -> Tensor:
    """`N x down x along x kernel x C` to padded images."""
    n, down, along, _, _, channels = gradient.shape
    (kernel, stride, padding, dilation) = geometry
    images = gradient.new_zeros(n, size[0] + 2 * padding[0], size[1] + 2 * padding[1], channels)
    for i in range(kernel[0]):
        for j in range(kernel[1]):
            places = slice(j * dilation[1], j * dilation[1] + (along - 1) * stride[1] + 1, stride[1])
            images[:, _lines(i, down, geometry), places] += gradient[:, :, :, i, j]
    return images


def _add_up_in_strides(gradient: Tensor, geometry: Geometry, size: tuple[int, int]) -> Tensor:
    """The same where a window's places lie side by side: as many of them as a stride is long are added at
    once, since the next window's begin right behind."""
    n, down, along, _, _, channels = gradient.shape
    width, stride = geometry.kernel[1], geometry.stride[1]
    turns = -(-width // stride)
    strides = max(along + turns - 1, -(-(geometry.padding[1] + size[1]) // stride))
    images = gradient.new_zeros(n, size[0] + 2 * geometry.padding[0], strides, stride, channels)
    for i in range(geometry.kernel[0]):
        for turn in range(turns):
            part = gradient[:, :, :, i, turn * stride : (turn + 1) * stride]
            images[:, _lines(i, down, geometry), turn : turn + along, : part.shape[3]] += part
    return images.flatten(2, 3)


def _lines(i: int, down: int, geometry: Geometry) -> slice:
    first, step = i * geometry.dilation[0], geometry.stride[0]
    return slice(first, first + (down - 1) * step + 1, step)
