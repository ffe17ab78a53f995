"""Which engine trains a proxy's models."""

from __future__ import annotations

import torch
from torch import nn

from search.population.engine import DeviceData, Engine, StackedEngine
from search.population.lowering import UnsupportedLayerError
from search.population.modules import ModuleEngine
from search.population.settings import StackKind, stack_kind
from search.proxies.proxy import SGD, Proxy


def can_be_stacked(proxy: Proxy) -> bool:
    """Whether runs of this proxy are trained in the same operations.

    Raises:
        Exception: whatever the model raises when it is looked at with the proxy's data.
    """
    data = DeviceData(proxy, torch.device("cpu"))
    return isinstance(make_engine(proxy, data, n_slots=1, kind=stack_kind({}, proxy)), StackedEngine)


def make_engine(proxy: Proxy, data: DeviceData, *, n_slots: int, kind: StackKind) -> Engine:
    """The stacked engine where it can train this proxy, else plain modules.

    Raises:
        Exception: whatever the model raises when it is looked at with the proxy's data.
    """
    model = proxy.build_model(0)
    one_class_each = proxy.train.targets.ndim == 1
    plain_sgd = (
        isinstance(proxy.optimizer, SGD)
        and not proxy.optimizer.nesterov
        and proxy.optimizer.clip_norm is None
    )
    plain_loss = proxy.label_smoothing == 0 and proxy.augment is None
    if plain_sgd and plain_loss and isinstance(model, nn.Sequential) and one_class_each:
        try:
            return StackedEngine(proxy, data, n_slots=n_slots, kind=kind)
        except UnsupportedLayerError:
            pass  # it can be trained all the same
    return ModuleEngine(proxy, data, n_slots=n_slots, kind=kind)
