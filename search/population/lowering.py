"""From an ordinary `nn.Sequential` to stacked layers.

Only what has a stacked form in `layers.py` can be lowered. Everything else is refused by name, never
replaced by something similar: subclasses (their `forward` may differ), tied or frozen weights too.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from search.population.layers import (
    Parameter,
    StackedEmbedding,
    StackedLayer,
    StackedLinear,
    StackedReLU,
    StackedTanh,
    padded,
)

_SUPPORTED = (
    "Embedding followed by Flatten at the start, Linear with float32 weights of its own, ReLU or Tanh "
    "after a Linear, Flatten"
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
        self._width = inputs[0].numel()
        self._positions = torch.arange(self._width)
        modules = list(model)
        for number, module in enumerate(modules):
            self._lower(number, module, modules[number + 1 :])
        if not self.layers or not isinstance(self.layers[-1][1], StackedLinear):
            raise UnsupportedLayerError("a model must end in a Linear layer that gives the logits.")

    @property
    def n_classes(self) -> int:
        """Width of the logits, without padding."""
        return self._width

    def _lower(self, number: int, module: nn.Module, following: list[nn.Module]) -> None:
        kind = type(module)
        if isinstance(module, nn.Embedding) and kind is nn.Embedding:
            self._embedding(number, module, following)
        elif isinstance(module, nn.Linear) and kind is nn.Linear:
            self._linear(number, module)
        elif kind in (nn.ReLU, nn.Tanh):
            self._activation(number, module)
        elif isinstance(module, nn.Flatten) and (module.start_dim, module.end_dim) == (1, -1):
            pass  # samples are flat already, and an embedding flattens its own
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
        first_lanes = torch.arange(self._width) * padded(module.embedding_dim)
        self._positions = (first_lanes[:, None] + torch.arange(module.embedding_dim)).flatten()
        self._width *= module.embedding_dim
        self._takes_tokens = False

    def _linear(self, number: int, module: nn.Linear) -> None:
        if self._takes_tokens:
            raise UnsupportedLayerError(
                f"layer {number}, {module}, gets int64 tokens; begin with nn.Embedding or make the "
                "inputs float32."
            )
        if module.in_features != self._width:
            raise UnsupportedLayerError(
                f"layer {number}, {module}, gets {self._width} features from the layer before."
            )
        n_lanes = padded(int(self._positions[-1]) + 1)
        layer = StackedLinear(
            _name(number),
            self._parameter(n_lanes, module.out_features),
            None if module.bias is None else self._parameter(1, module.out_features),
            self._positions,
            takes_data=not self.layers,
        )
        self.layers.append((number, layer))
        self._width = module.out_features
        self._positions = torch.arange(self._width)

    def _activation(self, number: int, module: nn.Module) -> None:
        # In place, so only on a Linear's outputs: those are not needed again, while an activation's own
        # outputs serve its backward, and the data serves the next step.
        if not self.layers or not isinstance(self.layers[-1][1], StackedLinear):
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
