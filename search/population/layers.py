"""Layers of `K` models at once: parameters stacked on a leading axis, forward and backward by hand.

Letters: `K` models in the stack (slots), `B` samples of each, `D` features, `C` tokens of a sample.

**Lanes.** Every feature axis is padded with zeros to a multiple of 16 floats, one cache line. So each
slot of each tensor begins at a cache line, whatever its number: MKL promises equal bits only for equally
aligned matrices. That, and the rule that nothing is summed across slots, is what makes a run's numbers
the same bits in any slot beside any neighbours. It is faster as well where widths are awkward (10
classes). Padding stays zero by itself: zero features meet zero weights, and zero gradients come back.

**A slice of a layer is a layer**: `layer.slots(slice(0, k))` shares the memory and trains the first
`k` slots alone; a slice of one slot is how a single model is loaded or evaluated.

**The product that makes the gradient adds it up.** `backward` leaves `kept * fed + gradient` in each
parameter's `fed`: with `kept` the momentum of plain SGD that is its next momentum, and a matrix product does
both in one pass over the memory, unless each slot has a `kept` of its own (`K x 1 x 1`). With zero it is the
gradient.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, Self

import torch
from torch import Tensor, nn

from search.population.workspace import Workspace

LANES = 16


def padded(width: int) -> int:
    """The least multiple of `LANES` that holds `width` features.

    >>> padded(103)
    112
    """
    return -(-width // LANES) * LANES


@dataclass(frozen=True)
class Parameter:
    """One parameter of all slots."""

    value: Tensor
    """`K x rows x lanes`."""
    fed: Tensor
    """Like `value`: where `backward` puts the gradient."""

    @classmethod
    def zeros(cls, n_slots: int, n_rows: int, width: int, device: torch.device) -> Parameter:
        shape = (n_slots, n_rows, padded(width))
        return cls(torch.zeros(shape, device=device), torch.zeros(shape, device=device))

    def slots(self, chosen: slice) -> Parameter:
        """The same memory, some of its slots."""
        return Parameter(self.value[chosen], self.fed[chosen])


class StackedLayer(Protocol):
    """One layer of `K` models.

    `forward` may remember its tensors until the next `backward`; both may work in place on what they
    are given. `name` is unlike that of any other layer of the model: it names the buffers.
    """

    name: str

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """All that is trained here."""
        ...

    @property
    def buffers(self) -> tuple[Tensor, ...]:
        """What else a step changes here, each `K x 1 x lanes`."""
        ...

    def slots(self, chosen: slice) -> Self:
        """This layer for some of the slots, sharing their memory."""
        ...

    def load(self, module: nn.Module) -> None:
        """Put the weights of one plain module into every slot of this layer."""
        ...

    def forward(self, inputs: Tensor, workspace: Workspace, *, training: bool) -> Tensor:
        """`K x B x D_in` (tokens: `K x B x C`) to `K x B x D_out`, lanes included; `training`: a backward
        follows."""
        ...

    def backward(self, gradient: Tensor, workspace: Workspace, *, kept: float | Tensor) -> Tensor | None:
        """Feed every parameter; `K x B x D_out` to `K x B x D_in`, or None where data comes in."""
        ...


class WithoutWeights:
    """What a layer with nothing to train has of a `StackedLayer`."""

    parameters: tuple[Parameter, ...] = ()
    buffers: tuple[Tensor, ...] = ()

    def load(self, module: nn.Module) -> None:
        """There are no weights."""


class StackedEmbedding:
    """`nn.Embedding` followed by `nn.Flatten`: `K x B x C` tokens to `K x B x (C * lanes)`."""

    buffers: tuple[Tensor, ...] = ()

    def __init__(self, name: str, table: Parameter) -> None:
        self.name, self.table = name, table
        n_slots, n_tokens, self._lanes = table.value.shape
        # All tables one below the other: token t of slot k is row k * n_tokens + t.
        self._rows = table.value.view(-1, self._lanes)
        self._fed_rows = table.fed.view(-1, self._lanes)
        first_rows = torch.arange(n_slots, device=table.value.device) * n_tokens
        self._first_rows = first_rows.view(-1, 1, 1)

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        return (self.table,)

    def slots(self, chosen: slice) -> StackedEmbedding:
        return StackedEmbedding(self.name, self.table.slots(chosen))

    def load(self, module: nn.Module) -> None:
        assert isinstance(module, nn.Embedding)
        fill(self.table, module.weight)

    def forward(self, inputs: Tensor, workspace: Workspace, *, training: bool) -> Tensor:
        n_slots, n_samples, n_tokens = inputs.shape
        self._chosen_rows = (inputs + self._first_rows).view(-1)
        output = workspace.empty(self.name, n_slots, n_samples, n_tokens * self._lanes)
        torch.index_select(self._rows, 0, self._chosen_rows, out=output.view(-1, self._lanes))
        return output

    def backward(self, gradient: Tensor, workspace: Workspace, *, kept: float | Tensor) -> None:
        if gradient.device.type == "cpu":
            fade(self.table.fed, kept)
            self._fed_rows.index_add_(0, self._chosen_rows, gradient.view(-1, self._lanes))
        else:
            self.add_up_by_product(gradient, kept)

    def add_up_by_product(self, gradient: Tensor, kept: float | Tensor) -> None:
        """The same as a product with ones where a token was, zeros elsewhere: on an accelerator adding up by
        number comes in any order, and so rounds otherwise every time."""
        n_slots, n_rows, _ = self.table.value.shape
        tokens = self._chosen_rows.view(n_slots, 1, -1) - self._first_rows
        chosen = gradient.new_zeros(n_slots, n_rows, tokens.shape[2]).scatter_(1, tokens, 1.0)
        feed(self.table.fed, chosen, gradient.view(n_slots, -1, self._lanes), kept)


class StackedLinear:
    """`nn.Linear`; the weight lies as `D_in x D_out`, the bias as `1 x D_out`."""

    buffers: tuple[Tensor, ...] = ()

    def __init__(
        self,
        name: str,
        weight: Parameter,
        bias: Parameter | None,
        positions: Tensor,
        *,
        takes_data: bool,
    ) -> None:
        """`positions`, `D_in`: the lane of each real input feature. `takes_data`: no layer with
        parameters lies before this one, so that nobody asks for the gradient of its inputs."""
        self.name, self.weight, self.bias = name, weight, bias
        self.positions, self.takes_data = positions, takes_data
        self._gradient_role = f"{name} gradient"

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        return (self.weight,) if self.bias is None else (self.weight, self.bias)

    def slots(self, chosen: slice) -> StackedLinear:
        bias = self.bias and self.bias.slots(chosen)
        weight = self.weight.slots(chosen)
        return StackedLinear(self.name, weight, bias, self.positions, takes_data=self.takes_data)

    def load(self, module: nn.Module) -> None:
        assert isinstance(module, nn.Linear)
        fill(self.weight, module.weight.T, rows=self.positions)
        if self.bias is not None:
            fill(self.bias, module.bias[None])

    def forward(self, inputs: Tensor, workspace: Workspace, *, training: bool) -> Tensor:
        self._inputs = inputs
        n_slots, n_samples, _ = inputs.shape
        output = workspace.empty(self.name, n_slots, n_samples, self.weight.value.shape[2])
        if self.bias is None:
            return torch.bmm(inputs, self.weight.value, out=output)
        return torch.baddbmm(self.bias.value, inputs, self.weight.value, out=output)

    def backward(self, gradient: Tensor, workspace: Workspace, *, kept: float | Tensor) -> Tensor | None:
        if self.bias is not None:
            fade(self.bias.fed, kept).add_(gradient.sum(1, keepdim=True))
        feed(self.weight.fed, self._inputs.transpose(1, 2), gradient, kept)
        if self.takes_data:
            return None
        output = workspace.empty(self._gradient_role, *self._inputs.shape)
        return torch.bmm(gradient, self.weight.value.transpose(1, 2), out=output)


class StackedReLU(WithoutWeights):
    """`nn.ReLU`, in place."""

    def __init__(self, name: str) -> None:
        self.name = name

    def slots(self, chosen: slice) -> StackedReLU:
        return StackedReLU(self.name)

    def forward(self, inputs: Tensor, workspace: Workspace, *, training: bool) -> Tensor:
        self._outputs = inputs.relu_()
        return self._outputs

    def backward(self, gradient: Tensor, workspace: Workspace, *, kept: float | Tensor) -> Tensor:
        backward = torch.ops.aten.threshold_backward.grad_input
        return backward(gradient, self._outputs, 0, grad_input=gradient)  # type: ignore[no-any-return]


class StackedTanh(WithoutWeights):
    """`nn.Tanh`, in place."""

    def __init__(self, name: str) -> None:
        self.name = name

    def slots(self, chosen: slice) -> StackedTanh:
        return StackedTanh(self.name)

    def forward(self, inputs: Tensor, workspace: Workspace, *, training: bool) -> Tensor:
        self._outputs = inputs.tanh_()
        return self._outputs

    def backward(self, gradient: Tensor, workspace: Workspace, *, kept: float | Tensor) -> Tensor:
        backward = torch.ops.aten.tanh_backward.grad_input
        return backward(gradient, self._outputs, grad_input=gradient)  # type: ignore[no-any-return]


def feed(fed: Tensor, left: Tensor, right: Tensor, kept: float | Tensor) -> None:
    """`kept * fed + left @ right`, in place."""
    if isinstance(kept, Tensor):
        fed.mul_(kept).baddbmm_(left, right)
    else:
        fed.baddbmm_(left, right, beta=kept)


def fade(fed: Tensor, kept: float | Tensor) -> Tensor:
    """`kept * fed`, in place; nothing is kept of what is not finite where that is zero."""
    return fed.zero_() if isinstance(kept, float) and kept == 0.0 else fed.mul_(kept)


def fill(parameter: Parameter, weights: Tensor, rows: Tensor | None = None) -> None:
    """`weights` (`rows x width`) into every slot, zeros into the other lanes and what was fed."""
    with torch.no_grad():
        block = torch.zeros(parameter.value.shape[1:])
        chosen = torch.arange(len(weights)) if rows is None else rows
        block[chosen, : weights.shape[1]] = weights
        parameter.value.copy_(block)
        parameter.fed.zero_()
