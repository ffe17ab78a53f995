"""What a traced forward calls, as the layers that compute the same."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import fx, nn
from torch.nn import functional

Layers = tuple[str | nn.Module, ...]
"""Paths of a model's own, and layers without weights."""
_POOLING = ("kernel_size", "stride", "padding")
_LARGEST = (*_POOLING, "dilation", "ceil_mode")
_FUNCTIONS: Mapping[Any, tuple[type[nn.Module], tuple[str, ...]]] = {
    functional.relu: (nn.ReLU, ()),
    torch.relu: (nn.ReLU, ()),
    functional.tanh: (nn.Tanh, ()),
    torch.tanh: (nn.Tanh, ()),
    functional.gelu: (nn.GELU, ()),
    functional.silu: (nn.SiLU, ()),
    functional.leaky_relu: (nn.LeakyReLU, ("negative_slope",)),
    functional.elu: (nn.ELU, ("alpha",)),
    functional.max_pool1d: (nn.MaxPool1d, _LARGEST),
    functional.max_pool2d: (nn.MaxPool2d, _LARGEST),
    functional.avg_pool1d: (nn.AvgPool1d, (*_POOLING, "ceil_mode", "count_include_pad")),
    functional.avg_pool2d: (nn.AvgPool2d, (*_POOLING, "ceil_mode", "count_include_pad", "divisor_override")),
    functional.adaptive_avg_pool1d: (nn.AdaptiveAvgPool1d, ("output_size",)),
    functional.adaptive_avg_pool2d: (nn.AdaptiveAvgPool2d, ("output_size",)),
    torch.flatten: (nn.Flatten, ("start_dim", "end_dim")),
}
"""The layer of each function, and its arguments in their order behind the input."""
_METHODS: Mapping[str, Callable[..., Any]] = {
    "relu": torch.relu,
    "tanh": torch.tanh,
    "flatten": torch.flatten,
}
_SAID_OTHERWISE = {"inplace": False, "return_indices": False}
"""What a layer of a function is not told: it makes no difference, or must be so."""


def layers_of_call(node: fx.Node, last: fx.Node | None, training: bool) -> Layers | None:
    """The layers that compute what a node of a forward does; None: nothing is known that does.

    Args:
        node: of the trace.
        last: what the layers before give: it must take this and nothing else.
        training: whether the forward was traced in training.
    """
    arguments: tuple[Any, ...] = node.args[1:]
    options: dict[str, Any] = dict(node.kwargs)
    if node.args[:1] != (last,):
        return None
    if node.op == "call_module":
        return None if arguments or options else (str(node.target),)
    if node.target in ("view", "reshape"):
        return _flat(arguments)
    if node.target in ("mean", torch.mean):
        return _mean(*arguments, **options)
    if node.target is functional.dropout:
        return _dropout(*arguments, training_now=training, **options)
    function = _METHODS.get(str(node.target)) if node.op == "call_method" else node.target
    kind, names = _FUNCTIONS.get(function, (None, ()))
    if kind is None or len(arguments) > len(names):
        return None
    given = {**dict(zip(names, arguments, strict=False)), **options}
    if function is torch.flatten:
        given = {"start_dim": 0, **given}
    told = {key: value for key, value in given.items() if key not in _SAID_OTHERWISE}
    if given.get("return_indices") or any(isinstance(value, fx.Node) for value in told.values()):
        return None
    return (kind(**told),)


def is_size(node: fx.Node) -> bool:
    """Whether a node asks how large something is: what is done with it decides."""
    asked = node.target == "size" or (node.target is getattr and node.args[1:] == ("shape",))
    of_shape = node.target is operator.getitem and isinstance(node.args[0], fx.Node) and is_size(node.args[0])
    return asked or of_shape


def _flat(sizes: tuple[Any, ...]) -> Layers | None:
    """`x.view(len(x), -1)` and `x.view(-1, 320)`; that the sizes are right is found out by computing."""
    sizes = sizes[0] if len(sizes) == 1 and isinstance(sizes[0], tuple) else sizes
    if len(sizes) != 2 or not isinstance(sizes[1], int):
        return None
    per_batch = isinstance(sizes[0], fx.Node) and is_size(sizes[0])
    return (nn.Flatten(),) if per_batch or (sizes[0] == -1 and sizes[1] > 0) else None


def _mean(dim: Any = None, keepdim: bool = False, **others: Any) -> Layers | None:
    """A mean over all places of a curve or an image."""
    axes = (dim,) if isinstance(dim, int) else tuple(dim or ())
    kinds = {(2,): nn.AdaptiveAvgPool1d, (2, 3): nn.AdaptiveAvgPool2d, (-2, -1): nn.AdaptiveAvgPool2d}
    kind = kinds.get(tuple(sorted(axes)))
    if kind is None or others:
        return None
    return (kind(1),) if keepdim else (kind(1), nn.Flatten())


def _dropout(
    p: float = 0.5, training: bool = True, inplace: bool = False, *, training_now: bool
) -> Layers | None:
    return (nn.Dropout(p),) if training == training_now else None
