"""Functions of a stack computed slot by slot, exactly as each model would alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from search.population.form import Form
from search.population.layers import LANES


def looped(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """The function as a form: a loop over the slots."""

    def form(*args: Any, **kwargs: Any) -> Tensor:
        given = (*args, *kwargs.values())
        return _Loop.apply(function, tuple(kwargs), *given)  # type: ignore[no-any-return, no-untyped-call]

    return form


class _Loop(Form):
    @staticmethod
    def vmap(
        info: Any, in_dims: Any, function: Callable[..., Tensor], names: tuple[str, ...], *given: Any
    ) -> tuple[Tensor, int]:
        n_args, dims = len(given) - len(names), in_dims[2:]
        results = []
        for slot in range(info.batch_size):
            own = [of_slot(value, dim, slot) for value, dim in zip(given, dims, strict=True)]
            results.append(function(*own[:n_args], **dict(zip(names, own[n_args:], strict=True))))
        return torch.stack(results), 0


def of_slot(argument: Any, dim: int | None, slot: int) -> Any:
    """A slot's part of what vmap hands over, aligned as any other slot's."""
    if not isinstance(argument, Tensor) or dim is None:
        return argument
    part = argument.select(dim, slot)
    return part if argument.stride(dim) % LANES == 0 else part.clone()
