"""`StackedModel`: one training step of `K` models, and the loss of any of them on given samples.

The step is torch's SGD with momentum, written for a stack because torch's optimizers can't hold a
learning rate for each slot: `m <- momentum * m + gradient + weight_decay * p`, `p <- p - lr * m`.

Letters: `K` models, `B` samples of each, `V` classes.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from search.population.layers import StackedLayer, padded
from search.population.lowering import Lowering
from search.population.stacked_sgd import StackedSGD
from search.population.workspace import Workspace
from search.proxies.proxy import SGD


class StackedModel:
    """`K` models of one architecture, with the state of their optimizers."""

    def __init__(
        self,
        layers: list[tuple[int, StackedLayer]],
        *,
        n_classes: int,
        n_slots: int,
        optimizer: StackedSGD,
        workspace: Workspace,
    ) -> None:
        self._layers, self._n_classes, self.n_slots = layers, n_classes, n_slots
        self._optimizer, self._workspace = optimizer, workspace
        self._parameters = [p for _, layer in layers for p in layer.parameters]

    @classmethod
    def lowered(
        cls,
        model: nn.Sequential,
        inputs: Tensor,
        *,
        optimizer: StackedSGD,
        device: torch.device,
    ) -> StackedModel:
        """An empty stack for models like `model` on samples like `inputs`; `load` fills its slots.

        There are as many as `optimizer` has.

        Raises:
            UnsupportedLayerError: a layer has no stacked form.
        """
        n_slots = len(optimizer.weight_decay)
        lowering = Lowering(model, inputs, n_slots=n_slots, device=device)
        return cls(
            lowering.layers,
            n_classes=lowering.n_classes,
            n_slots=n_slots,
            optimizer=optimizer,
            workspace=Workspace(device),
        )

    @property
    def weights(self) -> list[Tensor]:
        """All that is trained, each `K x rows x lanes`; not copies."""
        return [parameter.value for parameter in self._parameters]

    @property
    def changed(self) -> list[Tensor]:
        """All that a step changes."""
        return [part for parameter in self._parameters for part in (parameter.value, parameter.momentum)]

    def slots(self, chosen: slice, workspace: Workspace | None = None) -> StackedModel:
        """The models of some slots; they share their memory with this stack, and their workspace unless they
        are given one of their own."""
        return StackedModel(
            [(number, layer.slots(chosen)) for number, layer in self._layers],
            n_classes=self._n_classes,
            n_slots=len(range(*chosen.indices(self.n_slots))),
            optimizer=self._optimizer.slots(chosen),
            workspace=workspace or self._workspace,
        )

    def load(self, model: nn.Sequential, settings: SGD) -> None:
        """Put one model's weights into every slot, with the optimizer's state at its beginning."""
        self._optimizer.load(settings)
        for number, layer in self._layers:
            layer.load(model[number])

    def copy_weights(self, weights: Sequence[Tensor]) -> None:
        """Take over weights like `self.weights`."""
        for parameter, weight in zip(self._parameters, weights, strict=True):
            parameter.value.copy_(weight)

    def copy_slot(self, source: int, target: int) -> None:
        """Make `target` what `source` is, optimizer and its state included."""
        self._optimizer.copy_slot(source, target)
        for parameter in self._parameters:
            parameter.value[target].copy_(parameter.value[source])
            parameter.momentum[target].copy_(parameter.momentum[source])

    def state(self, slot: int) -> list[Tensor]:
        """Weights and momenta of a slot, as copies on the CPU."""
        parts = (part for p in self._parameters for part in (p.value, p.momentum))
        return [part[slot].to("cpu", copy=True) for part in parts]

    def restore(self, slot: int, state: Sequence[Tensor]) -> None:
        """Go on in a slot that was loaded with the same settings."""
        parts = [part for p in self._parameters for part in (p.value, p.momentum)]
        for part, saved in zip(parts, state, strict=True):
            part[slot].copy_(saved)

    def train_step(self, inputs: Tensor, targets: Tensor, minus_lr: Tensor) -> Tensor:
        """One step of every slot.

        Args:
            inputs: `K x B x D` features or `K x B x C` tokens.
            targets: `K x B`, classes.
            minus_lr: `K x 1 x 1`, the negative lr of each slot.

        Returns:
            `K x B`: log-likelihood of each sample before the step.
        """
        logits = self._forward(inputs)
        log_likelihood = self._log_likelihood(logits, targets)
        self._backward(self._loss_gradient(logits, targets))
        self._update(minus_lr)
        return log_likelihood

    def judge(self, inputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Log-likelihood of each sample and whether it is classified wrongly; both `K x B`."""
        logits = self._forward(inputs)
        log_likelihood = self._log_likelihood(logits, targets)
        return log_likelihood, logits.argmax(2) != targets

    def _forward(self, inputs: Tensor) -> Tensor:
        """Logits, `K x B x lanes`, those of the padding at minus infinity."""
        tensor = inputs
        for _, layer in self._layers:
            tensor = layer.forward(tensor, self._workspace)
        if padded(self._n_classes) > self._n_classes:
            tensor[..., self._n_classes :] = -torch.inf
        return tensor

    def _log_likelihood(self, logits: Tensor, targets: Tensor) -> Tensor:
        log_p = self._workspace.empty("log p", *logits.shape)
        torch.log_softmax(logits, 2, out=log_p)
        return log_p.gather(2, targets[..., None])[..., 0]

    def _loss_gradient(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Gradient of the mean cross entropy of each slot: `(softmax - one_hot) / B`."""
        gradient = self._workspace.empty("p", *logits.shape)
        torch.softmax(logits, 2, out=gradient)
        gradient.scatter_add_(2, targets[..., None], self._minus_one(targets))
        return gradient.mul_(1.0 / targets.shape[1])

    def _minus_one(self, targets: Tensor) -> Tensor:
        return self._workspace.empty("minus one", *targets.shape, 1).fill_(-1.0)

    def _backward(self, gradient: Tensor) -> None:
        upstream: Tensor | None = gradient
        for _, layer in reversed(self._layers):
            if upstream is None:
                return
            upstream = layer.backward(upstream, self._workspace, decay=self._optimizer.momentum)

    def _update(self, minus_lr: Tensor) -> None:
        for parameter in self._parameters:
            if self._optimizer.decays:
                parameter.momentum.addcmul_(parameter.value, self._optimizer.weight_decay)
            parameter.value.addcmul_(parameter.momentum, minus_lr)
