"""`StackedBatchNorm`: batch normalisation of `K` models at once, each with statistics of its own.

Ioffe and Szegedy, arXiv 1502.03167, as `torch.nn.BatchNorm1d` and `2d` compute it. All places of all samples
of a slot are rows of one matrix, its channels the lanes; `n = B places`:

    `y = gamma (x - mean) / sqrt(variance + eps) + beta`,  with `h = (x - mean) / sqrt(variance + eps)`
    `dx = gamma / sqrt(variance + eps) (g - sum(g) / n - h sum(g h) / n)`.

Letters: `K` models, `B` samples of each.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from search.population.layers import Parameter, fade, fill
from search.population.workspace import Workspace


class StackedBatchNorm:
    """`nn.BatchNorm1d` or `nn.BatchNorm2d` with running statistics; gamma and beta lie as `1 x lanes`."""

    def __init__(
        self,
        name: str,
        scale: Parameter | None,
        shift: Parameter | None,
        running: tuple[Tensor, Tensor],
        positions: Tensor,
        *,
        momentum: float,
        eps: float,
        takes_data: bool,
    ) -> None:
        """
        Args:
            name: of its buffers.
            scale: gamma; None: ones.
            shift: beta; None where `scale` is.
            running: mean and variance, each `K x 1 x lanes`.
            positions: the lane of each channel.
            momentum: share of a batch in the running statistics.
            eps: added to the variance.
            takes_data: no layer with parameters lies before this one.
        """
        self.name, self.scale, self.shift, self.buffers = name, scale, shift, running
        self.positions, self.momentum, self.eps, self.takes_data = positions, momentum, eps, takes_data
        self._centred_role, self._gradient_role = f"{name} centred", f"{name} gradient"

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        return () if self.scale is None or self.shift is None else (self.scale, self.shift)

    def slots(self, chosen: slice) -> StackedBatchNorm:
        mean, variance = self.buffers
        return StackedBatchNorm(
            self.name,
            self.scale and self.scale.slots(chosen),
            self.shift and self.shift.slots(chosen),
            (mean[chosen], variance[chosen]),
            self.positions,
            momentum=self.momentum,
            eps=self.eps,
            takes_data=self.takes_data,
        )

    def load(self, module: nn.Module) -> None:
        assert isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d)
        for parameter, weights in ((self.scale, module.weight), (self.shift, module.bias)):
            if parameter is not None:
                fill(parameter, self._in_lanes(weights))
        for buffer, kept in zip(self.buffers, (module.running_mean, module.running_var), strict=True):
            assert kept is not None
            buffer.copy_(self._in_lanes(kept))

    def forward(self, inputs: Tensor, workspace: Workspace, *, training: bool) -> Tensor:
        rows = inputs.view(len(inputs), -1, self.buffers[0].shape[2])
        output = workspace.empty(self.name, *rows.shape)
        if training:
            self._normalise(rows, output, workspace)
        else:
            mean, variance = self.buffers
            factor = self._scaled(torch.rsqrt(variance + self.eps))
            torch.addcmul(self._shifted(mean * factor), rows, factor, out=output)
        return output.view(inputs.shape)

    def backward(self, gradient: Tensor, workspace: Workspace, *, kept: float | Tensor) -> Tensor | None:
        rows = gradient.view(self._centred.shape)
        n_rows = rows.shape[1]
        # What `forward` gave has served by now.
        product = torch.mul(rows, self._centred, out=workspace.empty(self.name, *rows.shape))
        of_shift = rows.sum(1, keepdim=True)
        of_scale = product.sum(1, keepdim=True).mul_(self._inverse)
        if self.scale is not None and self.shift is not None:
            fade(self.scale.fed, kept).add_(of_scale)
            fade(self.shift.fed, kept).add_(of_shift)
        if self.takes_data:
            return None
        rows.addcmul_(self._centred, of_scale.mul_(self._inverse).mul_(-1.0 / n_rows))
        rows.sub_(of_shift.mul_(1.0 / n_rows)).mul_(self._scaled(self._inverse))
        return gradient

    def _normalise(self, rows: Tensor, output: Tensor, workspace: Workspace) -> None:
        """By the statistics of the batch, which enter the running ones."""
        n_rows = rows.shape[1]
        if n_rows == 1:
            raise ValueError(
                f"{self.name}, a batch norm, needs more than one value of each channel in a batch."
            )
        mean = rows.mean(1, keepdim=True)
        self._centred = torch.sub(rows, mean, out=workspace.empty(self._centred_role, *rows.shape))
        variance = torch.mul(self._centred, self._centred, out=output).mean(1, keepdim=True)
        self._inverse = torch.rsqrt(variance + self.eps)
        running_mean, running_variance = self.buffers
        running_mean.lerp_(mean, self.momentum)
        running_variance.lerp_(variance.mul_(n_rows / (n_rows - 1)), self.momentum)
        factor = self._scaled(self._inverse)
        if self.shift is None:
            torch.mul(self._centred, factor, out=output)
        else:
            torch.addcmul(self.shift.value, self._centred, factor, out=output)

    def _scaled(self, inverse: Tensor) -> Tensor:
        return inverse if self.scale is None else inverse * self.scale.value

    def _shifted(self, offset: Tensor) -> Tensor:
        return -offset if self.shift is None else self.shift.value - offset

    def _in_lanes(self, values: Tensor) -> Tensor:
        """One value a channel as `1 x lanes`; those of the padding are zero."""
        row = torch.zeros(1, self.buffers[0].shape[2])
        row[0, self.positions] = values.detach().cpu()
        return row
