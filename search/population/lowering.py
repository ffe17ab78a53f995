"""From an ordinary model, a chain of layers, to stacked layers.

Only what has a stacked form in `layers.py` can be lowered. Everything else is refused by name, never
replaced by something similar: subclasses (their `forward` may differ), tied or frozen weights too.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import get_args

import torch
from torch import Tensor, nn

from search.population.chain import Chain, UnsupportedLayerError
from search.population.layer_activation import StackedActivation, pointwise
from search.population.layer_batch_norm import StackedBatchNorm
from search.population.layer_convolution import StackedConvolution, grid_of, places_first
from search.population.layer_dropout import StackedDropout
from search.population.layer_pooling import Pooling, StackedMean, StackedPooling
from search.population.layers import (
    Parameter,
    StackedEmbedding,
    StackedLayer,
    StackedLinear,
    StackedReLU,
    StackedTanh,
    padded,
)
from search.population.windows import Geometry

_SUPPORTED = (
    "Embedding followed by Flatten at the start, Linear, Conv1d or Conv2d (one group, padded by numbers of "
    "zeros) and BatchNorm1d or BatchNorm2d with float32 weights of its own, max or average pooling of what a "
    "convolution gives, ReLU or Tanh after one of all these, GELU, SiLU, LeakyReLU, ELU, Dropout, "
    "Flatten, Unflatten, one behind the other"
)


_ACTIVATED = (
    StackedLinear
    | StackedConvolution
    | StackedBatchNorm
    | StackedPooling
    | StackedMean
    | StackedActivation
    | StackedDropout
)


class Lowering:
    """Walks through a model once and makes its stacked layers.

    `layers` pairs each with the name of the module whose weights it loads, see `Chain`; `n_classes` is
    the width of the last layer.
    """

    def __init__(self, model: nn.Module, inputs: Tensor, *, n_slots: int, device: torch.device) -> None:
        """`inputs`: samples of the data (`N x ...`); their shape and type decide the first layer."""
        self.chain = Chain.of(model, inputs)
        modules = self.chain.modules(model)
        _check_weights(modules)
        self.n_slots, self.device = n_slots, device
        self.layers: list[tuple[str, StackedLayer]] = []
        self._takes_tokens = not inputs.is_floating_point()
        self._shape = tuple(inputs.shape[1:])
        """Of a sample, as the module gives it."""
        self._positions = torch.arange(inputs[0].numel())
        """The lane of each of its elements."""
        for place, (number, module) in enumerate(modules.items()):
            self._lower(number, module, [*modules.values()][place + 1 :])
        if not self.layers or not isinstance(self.layers[-1][1], StackedLinear):
            raise UnsupportedLayerError("a model must end in a Linear layer that gives the logits.")

    @property
    def n_classes(self) -> int:
        """Width of the logits, without padding."""
        return self._shape[0]

    def _lower(self, number: str, module: nn.Module, following: list[nn.Module]) -> None:
        kind = type(module)
        if isinstance(module, nn.Embedding) and kind is nn.Embedding:
            self._embedding(number, module, following)
        elif isinstance(module, nn.Linear) and kind is nn.Linear:
            self._linear(number, module)
        elif kind in (nn.ReLU, nn.Tanh):
            self._activation(number, module)
        elif isinstance(module, nn.Conv1d | nn.Conv2d) and kind in (nn.Conv1d, nn.Conv2d):
            self._convolution(number, module)
        elif isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d) and kind in (nn.BatchNorm1d, nn.BatchNorm2d):
            self._batch_norm(number, module)
        elif isinstance(module, Pooling) and kind in get_args(Pooling):
            self._pooling(number, module)
        elif isinstance(module, nn.AdaptiveAvgPool1d | nn.AdaptiveAvgPool2d):
            self._mean(number, module)
        elif isinstance(module, nn.Flatten | nn.Unflatten) and kind in (nn.Flatten, nn.Unflatten):
            self._reshaping(number, module)
        elif (function := pointwise(module)) is not None and self.layers:
            self.layers.append((number, StackedActivation(_name(number), function)))
        elif isinstance(module, nn.Dropout) and kind is nn.Dropout and self.layers:
            self._dropout(number, module)
        elif kind is not nn.Identity:
            raise _unsupported(number, module)

    def _embedding(self, number: str, module: nn.Embedding, following: list[nn.Module]) -> None:
        special = module.padding_idx is not None or module.max_norm is not None
        if self.layers or special or module.scale_grad_by_freq:
            raise _unsupported(number, module)
        if not self._takes_tokens or not following or not isinstance(following[0], nn.Flatten):
            raise UnsupportedLayerError(
                f"layer {number}, {module}, must get int64 tokens and be followed by nn.Flatten()."
            )
        table = self._parameter(module.num_embeddings, module.embedding_dim)
        self.layers.append((number, StackedEmbedding(_name(number), table)))
        first_lanes = torch.arange(len(self._positions)) * padded(module.embedding_dim)
        self._positions = (first_lanes[:, None] + torch.arange(module.embedding_dim)).flatten()
        self._shape = (*self._shape, module.embedding_dim)
        self._takes_tokens = False

    def _linear(self, number: str, module: nn.Linear) -> None:
        if self._takes_tokens:
            raise UnsupportedLayerError(
                f"layer {number}, {module}, gets int64 tokens; begin with nn.Embedding or make the "
                "inputs float32."
            )
        if self._shape != (module.in_features,):
            shape = " x ".join(map(str, self._shape))
            raise UnsupportedLayerError(
                f"layer {number}, {module}, gets {shape} features from the layer before."
            )
        n_lanes = padded(int(self._positions.max()) + 1)
        layer = StackedLinear(
            _name(number),
            self._parameter(n_lanes, module.out_features),
            None if module.bias is None else self._parameter(1, module.out_features),
            self._positions,
            takes_data=not self.layers,
        )
        self.layers.append((number, layer))
        self._shape, self._positions = (module.out_features,), torch.arange(module.out_features)

    def _convolution(self, number: str, module: nn.Conv1d | nn.Conv2d) -> None:
        plain = module.groups == 1 and module.padding_mode == "zeros" and not isinstance(module.padding, str)
        n_axes = module.weight.ndim - 2
        if not plain or self._takes_tokens or len(self._shape) != 1 + n_axes:
            raise _unsupported(number, module)
        grid = grid_of(self._positions, self._shape)
        if grid is None or grid.channels != module.in_channels:
            raise _unsupported(number, module)
        geometry = Geometry.of(module)
        n_rows = padded(module.weight[0].numel())
        layer = StackedConvolution(
            _name(number),
            self._parameter(n_rows, module.out_channels),
            None if module.bias is None else self._parameter(1, module.out_channels),
            grid,
            geometry,
            takes_data=not self.layers,
        )
        self.layers.append((number, layer))
        places = geometry.places(grid.size)[-n_axes:]
        self._shape = (module.out_channels, *places)
        self._positions = places_first(module.out_channels, places)

    def _batch_norm(self, number: str, module: nn.BatchNorm1d | nn.BatchNorm2d) -> None:
        n_axes = (2,) if isinstance(module, nn.BatchNorm2d) else (0, 1)
        fits = len(self._shape) - 1 in n_axes and self._shape[0] == module.num_features
        lies = not self._takes_tokens and (len(self._shape) == 1 or self._lies_places_first())
        if not (fits and lies) or not module.track_running_stats or module.momentum is None:
            raise _unsupported(number, module)
        positions = self._positions if len(self._shape) == 1 else torch.arange(module.num_features)
        width = int(positions.max()) + 1
        scale, shift = (self._parameter(1, width) if module.affine else None for _ in range(2))
        zeros = torch.zeros(self.n_slots, 1, padded(width), device=self.device)
        layer = StackedBatchNorm(
            _name(number),
            scale,
            shift,
            (zeros, zeros.clone()),
            positions,
            momentum=module.momentum,
            eps=module.eps,
            takes_data=not self.layers,
        )
        self.layers.append((number, layer))

    def _pooling(self, number: str, module: Pooling) -> None:
        n_axes = 1 if isinstance(module, nn.MaxPool1d | nn.AvgPool1d) else 2
        if len(self._shape) != 1 + n_axes or not self._lies_places_first():
            raise _unsupported(number, module)
        if isinstance(module, nn.MaxPool1d | nn.MaxPool2d) and module.return_indices:
            raise _unsupported(number, module)
        size = self._shape[1:]
        self._shape = _shape_after(module, self._shape)
        places = self._shape[1:]
        layer = StackedPooling(_name(number), module, size=_pair(size), places=_pair(places))
        self.layers.append((number, layer))
        self._positions = places_first(self._shape[0], places)

    def _mean(self, number: str, module: nn.AdaptiveAvgPool1d | nn.AdaptiveAvgPool2d) -> None:
        if not self._lies_places_first() or prod(_shape_after(module, self._shape)[1:]) != 1:
            raise _unsupported(number, module)
        self.layers.append((number, StackedMean(_name(number), n_places=prod(self._shape[1:]))))
        self._shape = _shape_after(module, self._shape)
        self._positions = torch.arange(self._shape[0])

    def _lies_places_first(self) -> bool:
        """Whether samples lie as a convolution gives them."""
        several = bool(self.layers) and len(self._shape) > 1
        return several and torch.equal(self._positions, places_first(self._shape[0], self._shape[1:]))

    def _reshaping(self, number: str, module: nn.Flatten | nn.Unflatten) -> None:
        first_axis = module.start_dim if isinstance(module, nn.Flatten) else module.dim
        if not isinstance(first_axis, int) or first_axis < 1:
            raise _unsupported(number, module)
        self._shape = _shape_after(module, self._shape)

    def _dropout(self, number: str, module: nn.Dropout) -> None:
        if module.p == 0:
            return
        before = sum(isinstance(layer, StackedDropout) for _, layer in self.layers)
        layer = StackedDropout(_name(number), module.p, before, self._positions.to(self.device))
        self.layers.append((number, layer))

    def _activation(self, number: str, module: nn.Module) -> None:
        # In place, so only on what is not needed again: an activation's own outputs serve its backward, and
        # the data serves the next step.
        if not self.layers or not isinstance(self.layers[-1][1], _ACTIVATED):
            raise _unsupported(number, module)
        kind = StackedReLU if isinstance(module, nn.ReLU) else StackedTanh
        self.layers.append((number, kind(_name(number))))

    def _parameter(self, n_rows: int, width: int) -> Parameter:
        return Parameter.zeros(self.n_slots, n_rows, width, self.device)


def _check_weights(modules: Mapping[str, nn.Module]) -> None:
    seen: set[nn.Parameter] = set()
    for number, module in modules.items():
        own = set(module.parameters())
        trained = all(p.requires_grad and p.dtype == torch.float32 for p in own)
        if own & seen or not trained:
            raise _unsupported(number, module)
        seen |= own


def _shape_after(module: nn.Module, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Of a sample, behind a module without weights."""
    return tuple(module(torch.empty(1, *shape, device="meta")).shape[1:])


def _pair(places: tuple[int, ...]) -> tuple[int, int]:
    """(down, along) of a curve or an image."""
    return (1, *places) if len(places) == 1 else (places[0], places[1])


def _name(number: str) -> str:
    return f"layer {number}"


def _unsupported(number: str, module: nn.Module) -> UnsupportedLayerError:
    return UnsupportedLayerError(f"layer {number}, {module}, can't be stacked; what can is: {_SUPPORTED}.")
