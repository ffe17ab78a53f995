"""`StackedForms`: how a stack of models computes what one model calls, where `vmap`'s own way won't do.

Under `torch.vmap` a model is written for one and computed for `K`. What vmap makes of some functions is
slow (an embedding), or its bits depend on how many models there are (a convolution becomes a grouped one).
In this context those functions are computed as given here: `forms` maps a function of torch to its form. A
form is a `torch.autograd.Function` with a rule for `vmap` alone: the rule sees the tensors of all `K`
models, slot first, and calls what ordinary autograd differentiates.

Functions that have no form and whose bits can't be trusted are computed slot by slot, as each model would
alone: nothing is gained, nothing is lost, and the rest of the model still trains in company.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor
from torch.nn import functional

from search.population.dropout import CounterDropout
from search.population.form_attention import attention
from search.population.form_convolution import convolution
from search.population.form_embedding import embedding
from search.population.form_linear import linear
from search.population.form_loop import looped
from search.population.form_norm import batch_norm, group_norm

_FORMS: Mapping[Callable[..., Any], Callable[..., Tensor]] = {
    functional.linear: linear,
    functional.embedding: embedding,
    functional.conv1d: convolution,
    functional.conv2d: convolution,
    functional.scaled_dot_product_attention: attention,
    functional.batch_norm: batch_norm,
    functional.group_norm: group_norm,
    functional.conv3d: looped(functional.conv3d),
    functional.conv_transpose1d: looped(functional.conv_transpose1d),
    functional.conv_transpose2d: looped(functional.conv_transpose2d),
    functional.conv_transpose3d: looped(functional.conv_transpose3d),
    functional.bilinear: looped(functional.bilinear),
}


class StackedForms(CounterDropout):
    """A context for a forward under `vmap`; dropout is drawn by hash in it."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        form = _FORMS.get(func)
        if form is not None:
            return form(*args, **(kwargs or {}))
        return super().__torch_function__(func, types, args, kwargs)
