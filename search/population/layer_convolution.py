"""`StackedConvolution`: convolutions of `K` models at once, forward and backward by hand.

What a kernel looks at is copied tap by tap into rows of a matrix (im2col); then all models' kernels are one
batch of matrix products, as of a linear layer, and the gradient of the rows is added up tap by tap.

Letters: `K` models, `B` samples of each, `N = K B`, `C` channels, `H x W` places (`H` is 1 for a curve).
Places lie before channels in all that a layer gives, `K x B x (H W lanes)`; `Grid` says where they lie in
what it gets, so that the data are taken as they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import NamedTuple

import torch
from torch import Tensor, nn

from search.population.layers import Parameter, fade, feed, fill, padded
from search.population.windows import Geometry
from search.population.workspace import Workspace


class Grid(NamedTuple):
    """Where the elements of one sample lie among its lanes."""

    channels: int
    size: tuple[int, int]
    """`H, W`."""
    strides: tuple[int, int, int]
    """Lanes from one channel, line and place to the next."""

    def of(self, samples: Tensor) -> Tensor:
        """`K x B x lanes`, contiguous, as `N x H x W x C`: a view."""
        channel, line, place = self.strides
        n_slots, n_samples, n_lanes = samples.shape
        shape = (n_slots * n_samples, *self.size, self.channels)
        return samples.as_strided(shape, (n_lanes, line, place, channel), samples.storage_offset())


class StackedConvolution:
    """`nn.Conv1d` or `nn.Conv2d` in one group; the weight lies as `(taps C) x O`, the bias as `1 x O`."""

    buffers: tuple[Tensor, ...] = ()

    def __init__(
        self,
        name: str,
        weight: Parameter,
        bias: Parameter | None,
        grid: Grid,
        geometry: Geometry,
        *,
        takes_data: bool,
    ) -> None:
        """`takes_data`: no layer with parameters lies before this one, so that nobody asks for the gradient
        of its inputs."""
        self.name, self.weight, self.bias = name, weight, bias
        self.grid, self.geometry, self.takes_data = grid, geometry, takes_data
        self._n_places = prod(geometry.places(grid.size))

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        return (self.weight,) if self.bias is None else (self.weight, self.bias)

    def slots(self, chosen: slice) -> StackedConvolution:
        bias, weight = self.bias and self.bias.slots(chosen), self.weight.slots(chosen)
        return StackedConvolution(
            self.name, weight, bias, self.grid, self.geometry, takes_data=self.takes_data
        )

    def load(self, module: nn.Module) -> None:
        assert isinstance(module, nn.Conv1d | nn.Conv2d)
        n_outputs, n_channels = module.weight.shape[:2]
        kernels = module.weight.reshape(n_outputs, n_channels, -1)
        fill(self.weight, kernels.permute(2, 1, 0).reshape(-1, n_outputs))
        if self.bias is not None:
            assert module.bias is not None
            fill(self.bias, module.bias[None])

    def forward(self, inputs: Tensor, workspace: Workspace, *, training: bool) -> Tensor:
        n_slots, n_samples, self._n_lanes = inputs.shape
        n_rows = n_samples * self._n_places
        # What lies beyond the edges and behind the last channel is never written, and so stays zero.
        self._rows = workspace.empty(f"{self.name} rows", n_slots, n_rows, self.weight.value.shape[1])
        images = self.grid.of(inputs)
        for windows, seen in self._taps(self._rows, images):
            windows.copy_(seen)
        output = workspace.empty(self.name, n_slots, n_rows, self.weight.value.shape[2])
        if self.bias is None:
            torch.bmm(self._rows, self.weight.value, out=output)
        else:
            torch.baddbmm(self.bias.value, self._rows, self.weight.value, out=output)
        return output.view(n_slots, n_samples, -1)

    def backward(self, gradient: Tensor, workspace: Workspace, *, kept: float | Tensor) -> Tensor | None:
        n_slots, n_samples, _ = gradient.shape
        gradient = gradient.view(n_slots, n_samples * self._n_places, -1)
        if self.bias is not None:
            fade(self.bias.fed, kept).add_(gradient.sum(1, keepdim=True))
        feed(self.weight.fed, self._rows.transpose(1, 2), gradient, kept)
        if self.takes_data:
            return None
        # Elsewhere than the rows: this writes all of them, their zeros too.
        of_rows = workspace.empty(f"{self.name} gradient of rows", *self._rows.shape)
        torch.bmm(gradient, self.weight.value.transpose(1, 2), out=of_rows)
        output = workspace.empty(f"{self.name} gradient", n_slots, n_samples, self._n_lanes)
        images = self.grid.of(output.zero_())
        for windows, seen in self._taps(of_rows, images):
            seen += windows
        return output

    def _taps(self, rows: Tensor, images: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """For each tap of the kernel, its part of all windows within the images, and what it sees there.

        Args:
            rows: `K x (B places) x lanes`.
            images: `N x H x W x C`.
        """
        (down, along), channels = self.geometry.places(self.grid.size), self.grid.channels
        windows = rows.view(-1, down, along, rows.shape[2])
        lines, columns = (self.geometry.within(axis, self.grid.size) for axis in (0, 1))
        for i, (to_line, from_line) in enumerate(lines):
            for j, (to_column, from_column) in enumerate(columns):
                first = (i * self.geometry.kernel[1] + j) * channels
                yield (
                    windows[:, to_line, to_column, first : first + channels],
                    images[:, from_line, from_column],
                )


def grid_of(positions: Tensor, shape: tuple[int, ...]) -> Grid | None:
    """The grid of a sample of `C x W` or `C x H x W`; None: it lies in no regular one.

    Args:
        positions: the lane of each of its elements, in the order of the sample.
        shape: of the sample.
    """
    placed = positions.view(shape if len(shape) == 3 else (shape[0], 1, shape[1]))
    first = int(placed[0, 0, 0])
    channel, line, place = (
        int(placed.select(axis, 1).flatten()[0]) - first if placed.shape[axis] > 1 else 0 for axis in range(3)
    )
    axes = [torch.arange(n) * stride for n, stride in zip(placed.shape, (channel, line, place), strict=True)]
    regular = axes[0][:, None, None] + axes[1][:, None] + axes[2]
    if first != 0 or not torch.equal(placed, regular):
        return None
    n_channels, height, width = placed.shape
    return Grid(n_channels, (height, width), (channel, line, place))


def places_first(n_channels: int, places: tuple[int, ...]) -> Tensor:
    """The lane of each element of what a convolution gives, in the order of a sample, `C x places`."""
    lanes = torch.arange(prod(places)) * padded(n_channels)
    return (torch.arange(n_channels)[:, None] + lanes).flatten()
