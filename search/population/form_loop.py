"""Functions of a stack computed slot by slot, exactly as each model would alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
        n_args, k = len(given) - len(names), info.batch_size
        columns = [slot_parts(value, dim, k) for value, dim in zip(given, in_dims[2:], strict=True)]
        results = [
            function(*own[:n_args], **dict(zip(names, own[n_args:], strict=True)))
            for own in zip(*columns, strict=True)
        ]
        return torch.stack(results), 0


def slot_parts(argument: Any, dim: int | None, n_slots: int) -> Sequence[Any]:
    """Each slot's part of what vmap hands over, all equally aligned.

    They are split, not selected: the gradient of that is put together once, not added up slot by slot.
    """
    if not isinstance(argument, Tensor) or dim is None:
        return [argument] * n_slots
    parts = [part.squeeze(dim) for part in torch.split(argument, 1, dim)]
    return parts if argument.stride(dim) % LANES == 0 else [part.clone() for part in parts]
