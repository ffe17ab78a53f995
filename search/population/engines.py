"""Which engine trains a proxy's models."""

from __future__ import annotations

import torch
from torch import nn

from search.population.chain import UnsupportedLayerError
from search.population.device_data import DeviceData
from search.population.engine import Engine
from search.population.modules import ModuleEngine
from search.population.precise_engine import PreciseEngine
from search.population.settings import StackKind, stack_kind
from search.population.stacked_engine import StackedEngine
from search.population.stacked_optimizer import is_plain
from search.population.vmapped import VmappedEngine
from search.proxies.precision import FLOAT32, computed_in
from search.proxies.proxy import Proxy
from search.spec.population import AUTO, STACKED, VMAP, Way

_OF_PERCEPTRONS = (nn.Embedding, nn.Linear, nn.ReLU, nn.Tanh, nn.Flatten, nn.Unflatten)


def is_perceptron(proxy: Proxy) -> bool:
    """Whether a proxy's model is a multilayer perceptron with plain SGD that can be trained in stacked
    layers, which are several times as fast then, without a look.

    Raises:
        Exception: whatever the model raises when it is made.
    """
    if proxy.label_smoothing or proxy.augment is not None or not is_plain(proxy.optimizer):
        return False
    model = proxy.build_model(0)
    if type(model) is not nn.Sequential or not all(isinstance(module, _OF_PERCEPTRONS) for module in model):
        return False
    data = DeviceData(proxy, torch.device("cpu"))
    try:
        make_engine(proxy, data, n_slots=1, kind=stack_kind({}, proxy), way=STACKED)
    except UnsupportedLayerError:
        return False
    return True


def make_engine(proxy: Proxy, data: DeviceData, *, n_slots: int, kind: StackKind, way: Way = AUTO) -> Engine:
    """The engine of a way; left to itself, stacked layers for a perceptron, else plain modules.

    That is how runs were trained before ways were tried out, and studies from then go on so.

    Raises:
        UnsupportedLayerError: no stacked layers can train the proxy, and no other way will do.
        UnsupportedModelError: its model's forward can't be computed for many, and no other way will do.
        Exception: whatever the model raises when it is looked at with the proxy's data.
    """
    if proxy.precision == FLOAT32:
        return _float32_engine(proxy, data, n_slots=n_slots, kind=kind, way=way)
    with computed_in(proxy.precision, data.device):  # models are tried out as they are made
        engine = _float32_engine(proxy, data, n_slots=n_slots, kind=kind, way=way)
    return PreciseEngine(engine, proxy.precision, data.device)


def _float32_engine(proxy: Proxy, data: DeviceData, *, n_slots: int, kind: StackKind, way: Way) -> Engine:
    if way == VMAP:
        return VmappedEngine(proxy, data, n_slots=n_slots, kind=kind)
    if way == STACKED or (way == AUTO and is_perceptron(proxy)):
        _check_stackable(proxy)
        return StackedEngine(proxy, data, n_slots=n_slots, kind=kind)
    return ModuleEngine(proxy, data, n_slots=n_slots, kind=kind)


def _check_stackable(proxy: Proxy) -> None:
    """Refuse what stacked layers don't do, the model aside."""
    if proxy.precision == "bf16":
        raise UnsupportedLayerError("stacked layers compute in float32.")
    if proxy.train.targets.ndim != 1:
        raise UnsupportedLayerError("stacked layers tell one class of a sample.")
