"""`Workspace`: memory for what one step needs and the next overwrites.

Fresh tensors of this size cost more than the arithmetic done on them: the allocator maps and clears
new pages each time. Here each role (the output of layer 2, say) has one buffer, which grows to the
largest shape it was asked for; smaller stacks use the front of it and stay in the cache.
"""

from __future__ import annotations

from math import prod

import torch
from torch import Tensor


class Workspace:
    """Buffers by role. What `empty` returns is valid until the same role is asked for again."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._buffers: dict[str, Tensor] = {}
        self._views: dict[tuple[str, tuple[int, ...]], Tensor] = {}

    def empty(self, role: str, *shape: int) -> Tensor:
        """A contiguous float32 tensor of `shape`; it holds whatever was there before: what nobody ever
        wrote is zero."""
        view = self._views.get((role, shape))
        return self._carve(role, shape) if view is None else view

    def _carve(self, role: str, shape: tuple[int, ...]) -> Tensor:
        size = prod(shape)
        if role not in self._buffers or self._buffers[role].numel() < size:
            self._buffers[role] = torch.zeros(size, device=self.device)
            self._views = {key: view for key, view in self._views.items() if key[0] != role}
        view = self._buffers[role][:size].view(shape)
        self._views[role, shape] = view
        return view
