"""Convolutions of a stack: windows as rows of a matrix (im2col), then one batch of products for all slots.

Letters: `N` samples of all slots, `H x W` places (`H` is 1 for a curve), `C` channels, last.

Where one model's windows would not stay in the cache, each slot is convolved by itself, as it would be alone:
such layers fill the core, and nothing is to be gained.
"""

from __future__ import annotations

from math import prod
from typing import Any

from torch import Tensor
from torch.nn import functional

from search.population.form import Form, slot_first
from search.population.form_linear import products
from search.population.form_loop import looped
from search.population.windows import Geometry, Windows

LARGEST_WINDOWS = 1 << 17
"""Floats in the windows of one model, at most: half a megabyte, of which a core's cache holds a few."""


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
        rows: Tensor = Windows.apply(images, geometry)  # type: ignore[no-untyped-call]
        kernels = _channels_last(weights).reshape(k, n_outputs, -1)
        made = products(rows.view(k, -1, kernels.shape[2]), kernels, biases)
        places = geometry.places((images.shape[1], images.shape[2]))
        spread = made.reshape(k, n_samples, *places, n_outputs)
        if inputs.ndim == 4:
            spread = spread[:, :, 0]
        return spread.movedim(-1, 2), 0


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
