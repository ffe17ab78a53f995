"""`DeviceData`: a proxy's data on the device, in the forms that engines take."""

from __future__ import annotations

import torch
from torch import Tensor

from search.population.layers import padded
from search.population.on_device import on_device
from search.proxies.proxy import Proxy, Split


class DeviceData:
    """Once for all engines there; moved there when it is first asked for."""

    def __init__(self, proxy: Proxy, device: torch.device) -> None:
        self.device = device
        self._splits = {"train": proxy.train, "validation": proxy.validation, "test": proxy.test}
        self._lanes: dict[str, Split] = {}
        self._plain: dict[str, Split] = {}

    def lanes(self, name: str) -> Split:
        """A split as stacked layers take it: tokens as they are, `N x C`; features flat and padded to lanes,
        `N x lanes`."""
        if name not in self._lanes:
            split = self._splits[name]
            inputs = in_lanes(split.inputs, 1).to(self.device)
            self._lanes[name] = Split(inputs=inputs, targets=split.targets.to(self.device))
        return self._lanes[name]

    def plain(self, name: str) -> Split:
        """A split as it is."""
        if name not in self._plain:
            self._plain[name] = on_device(self._splits[name], self.device)
        return self._plain[name]


def in_lanes(inputs: Tensor, first_dim: int) -> Tensor:
    """Tokens as they are; features flat from an axis on, and padded to lanes."""
    if not inputs.is_floating_point():
        return inputs
    flat = inputs.flatten(first_dim).float()
    return torch.nn.functional.pad(flat, (0, padded(flat.shape[-1]) - flat.shape[-1]))
