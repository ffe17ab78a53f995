"""`StackedModel`: one training step of `K` models, and the loss of any of them on given samples.

Letters: `K` models, `B` samples of each, `V` classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from search.population.chain import Chain
from search.population.layer_dropout import StackedDropout
from search.population.layers import StackedLayer, padded
from search.population.lowering import Lowering
from search.population.settings import StackKind
from search.population.stacked_optimizer import StackedOptimizer, stacked_optimizer
from search.population.workspace import Workspace
from search.proxies.proxy import Optimizer


class StackedModel:
    """`K` models of one architecture, with the state of their optimizers."""

    def __init__(
        self,
        layers: list[tuple[str, StackedLayer]],
        *,
        chain: Chain,
        n_classes: int,
        n_slots: int,
        optimizer: StackedOptimizer,
        label_smoothing: float,
        workspace: Workspace,
    ) -> None:
        self._layers, self._n_classes, self.n_slots = layers, n_classes, n_slots
        self._chain, self._smoothing = chain, label_smoothing
        self._optimizer, self._workspace = optimizer, workspace
        self._dropouts = [layer for _, layer in layers if isinstance(layer, StackedDropout)]
        self._parameters = [p for _, layer in layers for p in layer.parameters]

    @classmethod
    def lowered(
        cls,
        model: nn.Module,
        inputs: Tensor,
        *,
        optimizer: Optimizer,
        kind: StackKind,
        label_smoothing: float,
        n_slots: int,
        device: torch.device,
    ) -> StackedModel:
        """An empty stack for runs of one kind of models like `model` on samples like `inputs`; `load` fills
        its slots.

        Raises:
            UnsupportedLayerError: a layer has no stacked form.
        """
        lowering = Lowering(model, inputs, n_slots=n_slots, device=device)
        parameters = [p for _, layer in lowering.layers for p in layer.parameters]
        return cls(
            lowering.layers,
            chain=lowering.chain,
            n_classes=lowering.n_classes,
            n_slots=n_slots,
            optimizer=stacked_optimizer(optimizer, kind, parameters),
            label_smoothing=label_smoothing,
            workspace=Workspace(device),
        )

    @property
    def weights(self) -> list[Tensor]:
        """All that is trained, each `K x rows x lanes`; not copies."""
        return [parameter.value for parameter in self._parameters]

    @property
    def buffers(self) -> list[Tensor]:
        """What else belongs to a model that is judged, each `K x 1 x lanes`; not copies."""
        return [buffer for _, layer in self._layers for buffer in layer.buffers]

    @property
    def changed(self) -> list[Tensor]:
        """All that a step changes."""
        return [*self._kept, *self._optimizer.changed]

    @property
    def _kept(self) -> list[Tensor]:
        """What of the layers one step hands to the next."""
        parts = [(p.value, p.fed) if self._optimizer.keeps_fed else (p.value,) for p in self._parameters]
        return [*(part for of_one in parts for part in of_one), *self.buffers]

    def slots(self, chosen: slice, workspace: Workspace | None = None) -> StackedModel:
        """The models of some slots; they share their memory with this stack, and their workspace unless they
        are given one of their own."""
        return StackedModel(
            [(name, layer.slots(chosen)) for name, layer in self._layers],
            chain=self._chain,
            n_classes=self._n_classes,
            n_slots=len(range(*chosen.indices(self.n_slots))),
            optimizer=self._optimizer.slots(chosen),
            label_smoothing=self._smoothing,
            workspace=workspace or self._workspace,
        )

    def load(self, slot: int, model: nn.Module, settings: Optimizer) -> None:
        """Put a model's weights into a slot, with the optimizer's state at its beginning."""
        self._optimizer.load(slot, settings)
        modules = self._chain.modules(model)
        for name, layer in self._layers:
            layer.slots(slice(slot, slot + 1)).load(modules[name])

    def copy_judged(self, weights: Sequence[Tensor], buffers: Sequence[Tensor]) -> None:
        """Take over what is like `self.weights` and `self.buffers`, of as many models or fewer; the first
        slots become these."""
        for own, other in zip((*self.weights, *self.buffers), (*weights, *buffers), strict=True):
            own[: len(other)].copy_(other)

    def move(self, source: int, target: int) -> None:
        """Make slot `target` what slot `source` is, optimizer and its state included."""
        self._optimizer.move(source, target)
        for part in self._kept:
            part[target].copy_(part[source])

    def state(self, slot: int) -> dict[str, Any]:
        """All that a slot's training has come to, as copies on the CPU."""
        model = [part[slot].to("cpu", copy=True) for part in self._kept]
        return {"model": model, "optimizer": self._optimizer.state(slot)}

    def restore(self, slot: int, state: Mapping[str, Any]) -> None:
        """Go on in a slot that was loaded with the same settings."""
        for part, saved in zip(self._kept, state["model"], strict=True):
            part[slot].copy_(saved)
        self._optimizer.restore(slot, state.get("optimizer", {}))

    def plan(self, lrs: NDArray[np.float64]) -> Tensor:
        """What `train_step` takes in each of the next steps at these rates, `T x K`; they count as made."""
        return self._optimizer.plan(lrs)

    def train_step(
        self, inputs: Tensor, targets: Tensor, planned: Tensor, keys: Tensor | None = None
    ) -> Tensor:
        """One step of every slot.

        Args:
            inputs: `K x B x D` features or `K x B x C` tokens.
            targets: `K x B`, classes.
            planned: of this step, see `plan`.
            keys: of this step, `K`, int32; needed where the model drops out.

        Returns:
            `K x B`: log-likelihood of each sample before the step, smoothed as the loss is.
        """
        for layer in self._dropouts:
            layer.keys = keys
        logits = self._forward(inputs, training=True)
        log_likelihood = self._log_likelihood(logits, targets, self._smoothing)
        self._backward(self._loss_gradient(logits, targets))
        self._optimizer.step(self._parameters, planned)
        return log_likelihood

    def judge(self, inputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Log-likelihood of each sample and whether it is classified wrongly; both `K x B`."""
        logits = self._forward(inputs, training=False)
        log_likelihood = self._log_likelihood(logits, targets)
        return log_likelihood, logits.argmax(2) != targets

    def _forward(self, inputs: Tensor, *, training: bool) -> Tensor:
        """Logits, `K x B x lanes`, those of the padding at minus infinity."""
        tensor = inputs
        for _, layer in self._layers:
            tensor = layer.forward(tensor, self._workspace, training=training)
        if padded(self._n_classes) > self._n_classes:
            tensor[..., self._n_classes :] = -torch.inf
        return tensor

    def _log_likelihood(self, logits: Tensor, targets: Tensor, smoothing: float = 0.0) -> Tensor:
        """Of each sample; with smoothing a share of it is the mean over all classes."""
        log_p = self._workspace.empty("log p", *logits.shape)
        torch.log_softmax(logits, 2, out=log_p)
        likelihood = log_p.gather(2, targets[..., None])[..., 0]
        if not smoothing:
            return likelihood
        return likelihood.lerp_(log_p[..., : self._n_classes].mean(2), smoothing)

    def _loss_gradient(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Gradient of the mean cross entropy of each slot: `(softmax - one_hot) / B`, where smoothing spreads
        its share of the ones over all classes."""
        gradient = self._workspace.empty("p", *logits.shape)
        torch.softmax(logits, 2, out=gradient)
        gradient.scatter_add_(2, targets[..., None], self._minus(1.0 - self._smoothing, targets))
        if self._smoothing:
            gradient[..., : self._n_classes] -= self._smoothing / self._n_classes
        return gradient.mul_(1.0 / targets.shape[1])

    def _minus(self, share: float, targets: Tensor) -> Tensor:
        return self._workspace.empty("minus share", *targets.shape, 1).fill_(-share)

    def _backward(self, gradient: Tensor) -> None:
        upstream: Tensor | None = gradient
        for _, layer in reversed(self._layers):
            if upstream is None:
                return
            upstream = layer.backward(upstream, self._workspace, kept=self._optimizer.kept)
