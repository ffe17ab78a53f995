"""From an ordinary `nn.Sequential` to stacked layers.

Only what has a stacked form in `layers.py` can be lowered. Everything else is refused by name, never
replaced by something similar: subclasses (their `forward` may differ), tied or frozen weights too.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from search.population.layer_convolution import StackedConvolution, grid_of, places_first
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
    "zeros) with float32 weights of its own, ReLU or Tanh after one of these, Flatten, Unflatten"
)


class UnsupportedLayerError(ValueError):
    """A model holds a layer that can't be stacked."""


class Lowering:
    """Walks through a model once and makes its stacked layers.

    `layers` pairs each with the number of the module whose weights it loads; `n_classes` is the
    width of the last layer.
    """

    def __init__(self, model: nn.Sequential, inputs: Tensor, *, n_slots: int, device: torch.device) -> None:
        """`inputs`: samples of the data (`N x ...`); their shape and type decide the first layer."""
        _check_weights(model)
        self.n_slots, self.device = n_slots, device
        self.layers: list[tuple[int, StackedLayer]] = []
        self._takes_tokens = not inputs.is_floating_point()
        self._shape = tuple(inputs.shape[1:])
        """Of a sample, as the module gives it."""
        self._positions = torch.arange(inputs[0].numel())
        """The lane of each of its elements."""
        modules = list(model)
        for number, module in enumerate(modules):
            self._lower(number, module, modules[number + 1 :])
        if not self.layers or not isinstance(self.layers[-1][1], StackedLinear):
            raise UnsupportedLayerError("a model must end in a Linear layer that gives the logits.")

    @property
    def n_classes(self) -> int:
        """Width of the logits, without padding."""
        return self._shape[0]

    def _lower(self, number: int, module: nn.Module, following: list[nn.Module]) -> None:
        kind = type(module)
        if isinstance(module, nn.Embedding) and kind is nn.Embedding:
            self._embedding(number, module, following)
        elif isinstance(module, nn.Linear) and kind is nn.Linear:
            self._linear(number, module)
        elif kind in (nn.ReLU, nn.Tanh):
            self._activation(number, module)
        elif isinstance(module, nn.Conv1d | nn.Conv2d) and kind in (nn.Conv1d, nn.Conv2d):
            self._convolution(number, module)
        elif isinstance(module, nn.Flatten | nn.Unflatten) and kind in (nn.Flatten, nn.Unflatten):
            self._reshaping(number, module)
        else:
            raise _unsupported(number, module)

    def _embedding(self, number: int, module: nn.Embedding, following: list[nn.Module]) -> None:
        special = module.padding_idx is not None or module.max_norm is not None
        if number != 0 or special or module.scale_grad_by_freq:
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

    def _linear(self, number: int, module: nn.Linear) -> None:
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

    def _convolution(self, number: int, module: nn.Conv1d | nn.Conv2d) -> None:
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

    def _reshaping(self, number: int, module: nn.Flatten | nn.Unflatten) -> None:
        first_axis = module.start_dim if isinstance(module, nn.Flatten) else module.dim
        if not isinstance(first_axis, int) or first_axis < 1:
            raise _unsupported(number, module)
        self._shape = tuple(module(torch.empty(1, *self._shape, device="meta")).shape[1:])

    def _activation(self, number: int, module: nn.Module) -> None:
        # In place, so only on what products give: that is not needed again, while an activation's own outputs
        # serve its backward, and the data serves the next step.
        if not self.layers or not isinstance(self.layers[-1][1], StackedLinear | StackedConvolution):
            raise _unsupported(number, module)
        kind = StackedReLU if isinstance(module, nn.ReLU) else StackedTanh
        self.layers.append((number, kind(_name(number))))

    def _parameter(self, n_rows: int, width: int) -> Parameter:
        return Parameter.zeros(self.n_slots, n_rows, width, self.device)


def _check_weights(model: nn.Sequential) -> None:
    if type(model).forward is not nn.Sequential.forward:
        raise UnsupportedLayerError(f"a model must be an nn.Sequential but is {type(model)}.")
    seen: set[nn.Parameter] = set()
    for number, module in enumerate(model):
        own = set(module.parameters())
        trained = all(p.requires_grad and p.dtype == torch.float32 for p in own)
        if own & seen or not trained:
            raise _unsupported(number, module)
        seen |= own


def _name(number: int) -> str:
    return f"layer {number}"


def _unsupported(number: int, module: nn.Module) -> UnsupportedLayerError:
    return UnsupportedLayerError(f"layer {number}, {module}, can't be stacked; what can is: {_SUPPORTED}.")
