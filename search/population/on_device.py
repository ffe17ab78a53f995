"""`on_device`: a split on the device that trains; short, since engines and benchmarks share it."""

from __future__ import annotations

import torch
from torch import Tensor

from search.proxies.proxy import Split


def on_device(split: Split, device: str | torch.device) -> Split:
    """A split on the device. Windows that share their tokens share them there too.

    A text of 10 million bytes is 80 MB in windows that share it, and 20 GB in windows of 256 that don't,
    which is what `Tensor.to` makes of them.
    """
    return Split(inputs=_moved(split.inputs, device), targets=_moved(split.targets, device))


def _moved(values: Tensor, device: str | torch.device) -> Tensor:
    """The same view of the same storage, moved once as far as it is used."""
    if values.device == torch.device(device) or values.is_contiguous():
        return values.to(device)
    extents = ((n - 1) * stride for n, stride in zip(values.shape, values.stride(), strict=True))
    used = torch.as_strided(values, (1 + sum(extents),), (1,), values.storage_offset())
    return torch.as_strided(used.to(device), values.shape, values.stride(), 0)
