"""`Precision`: the numbers in which a proxy's models compute. Weights and optimizer are float32 in each.

- `float32`: as torch computes by itself.
- `tf32`: products and convolutions of float32 with 10 bits of mantissa, on an NVIDIA GPU.
- `bf16`: forward and backward by `torch.autocast` in bfloat16 (Micikevicius et al., arXiv 1710.03740).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal, get_args

import torch

Precision = Literal["float32", "tf32", "bf16"]
FLOAT32: Precision = "float32"
PRECISIONS: tuple[Precision, ...] = get_args(Precision)
_AMPERE = (8, 0)
"""The first NVIDIA GPUs that have the other two."""


def check_precision(value: object) -> Precision:
    """One of them as it stands.

    Raises:
        ValueError: it is none.
    """
    for precision in PRECISIONS:
        if value == precision:
            return precision
    raise ValueError(f"precision must be one of {', '.join(PRECISIONS)} but got {value!r}.")


def precision_problem(precision: Precision, device: str) -> str:
    """Why a device can't compute so; empty where it can.

    >>> precision_problem("tf32", "cpu")
    'precision: tf32 needs an NVIDIA GPU of compute capability 8.0 or newer, not cpu; float32 or bf16 will do'
    """
    place = torch.device(device)
    if precision == FLOAT32 or (precision == "bf16" and place.type == "cpu"):
        return ""
    if place.type == "cuda":
        found = torch.cuda.get_device_capability(place)
        if found >= _AMPERE:
            return ""
        name = f"{torch.cuda.get_device_name(place)} with {found[0]}.{found[1]}"
        return f"precision: {precision} needs compute capability 8.0 or newer, not {name}; float32 will do"
    if precision == "tf32":
        need = "an NVIDIA GPU of compute capability 8.0 or newer"
        return f"precision: tf32 needs {need}, not {device}; float32 or bf16 will do"
    if torch.amp.is_autocast_available(place.type):
        return ""
    return f"precision: torch has no bf16 by autocast on {device}; float32 will do"


@contextmanager
def computed_in(precision: Precision, device: torch.device) -> Iterator[None]:
    """A context for forward, backward and evaluation on a device that has the precision."""
    if precision == "bf16":
        # A cache of converted weights would outlive the step that changes them.
        with torch.autocast(device.type, dtype=torch.bfloat16, cache_enabled=False):
            yield
    elif precision == "tf32":
        with _tf32():
            yield
    else:
        yield


@contextmanager
def _tf32() -> Iterator[None]:
    backends: tuple[Any, ...] = (torch.backends.cuda.matmul, torch.backends.cudnn.conv)  # type: ignore[attr-defined]
    before = [backend.fp32_precision for backend in backends]
    try:
        for backend in backends:
            backend.fp32_precision = "tf32"
        yield
    finally:
        for backend, kept in zip(backends, before, strict=True):
            backend.fp32_precision = kept
