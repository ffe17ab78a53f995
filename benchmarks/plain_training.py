"""A proxy's training as people write it: one plain module, torch's own optimizer, one batch after the other.

What Warmboot's populations are measured beside, and held against: in float32 both train the same.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from search.population.on_device import on_device
from search.population.stream import BatchStream
from search.proxies.counter_random import sample_keys, step_keys
from search.proxies.proxy import SGD, Proxy, Split
from search.runs.seeds import Seed, run_generators

JUDGED_AT_ONCE = 2_048
"""Samples."""


class PlainTraining:
    """One training of a declared proxy."""

    def __init__(self, proxy: Proxy, seed: Seed, device: str = "cpu", *, capturable: bool = False) -> None:
        """
        Args:
            proxy: the task.
            seed: of the run, as a population has it.
            device: of torch.
            capturable: whether steps are to be captured: the lr lies on the device then.
        """
        generators = run_generators(seed)
        self.proxy, self.device = proxy, device
        self.model = proxy.build_model(generators.weights_seed).to(device).train()
        # On the device, since a captured step can take nothing from the host.
        self._seed = torch.tensor(generators.weights_seed, device=device)
        self._n_steps = torch.zeros((), dtype=torch.int64, device=device)
        self.batches = BatchStream(proxy, generators.order)
        self._train = on_device(proxy.train, device)
        self._loss = nn.CrossEntropyLoss(label_smoothing=proxy.label_smoothing)
        self.lr = torch.zeros((), device=device) if capturable else 0.0
        self._optimizer = _optimizer(proxy, list(self.model.parameters()), self.lr)
        self.forward: Callable[[Tensor], Tensor] = self.model

    def step(self, samples: Tensor, lr: float) -> Tensor:
        """One step on a batch (sample numbers on the device); its mean loss, before the step."""
        group = self._optimizer.param_groups[0]
        if isinstance(self.lr, Tensor):
            self.lr.fill_(lr)
        else:
            group["lr"] = lr
        return self.step_as_set(samples)

    def step_as_set(self, samples: Tensor) -> Tensor:
        """The same with the lr that is set."""
        loss = self._loss(self.forward(self._inputs(samples)).flatten(0, -2), self._targets(samples))
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()
        if self.proxy.optimizer.clip_norm is not None:
            nn.utils.clip_grad_norm_(self.model.parameters(), self.proxy.optimizer.clip_norm)
        self._optimizer.step()
        self._n_steps += 1
        return loss.detach()  # type: ignore[no-any-return]

    @torch.no_grad()
    def judged(self, split: Split) -> float:
        """Mean cross entropy on a split that lies on the device."""
        self.model.eval()
        total = torch.zeros((), device=self.device)
        blocks = (torch.split(part, JUDGED_AT_ONCE) for part in (split.inputs, split.targets))
        for inputs, targets in zip(*blocks, strict=True):
            logits = self.model(inputs).flatten(0, -2)
            total += nn.functional.cross_entropy(logits, targets.flatten(), reduction="sum")
        self.model.train()
        return float(total) / split.targets.numel()

    def _inputs(self, samples: Tensor) -> Tensor:
        inputs = self._train.inputs[samples]
        if self.proxy.augment is None:
            return inputs
        return self.proxy.augment(inputs, sample_keys(step_keys(self._seed, self._n_steps), len(samples)))

    def _targets(self, samples: Tensor) -> Tensor:
        return self._train.targets[samples].flatten()


def _optimizer(proxy: Proxy, weights: list[nn.Parameter], lr: Tensor | float) -> torch.optim.Optimizer:
    settings, fused = proxy.optimizer, weights[0].is_cuda
    if isinstance(settings, SGD):
        return torch.optim.SGD(
            weights,
            lr=lr,
            momentum=settings.momentum,
            weight_decay=settings.weight_decay,
            nesterov=settings.nesterov and settings.momentum > 0,
            fused=fused,
        )
    return torch.optim.AdamW(
        weights,
        lr=lr,
        betas=(settings.beta1, settings.beta2),
        eps=settings.eps,
        weight_decay=settings.weight_decay,
        fused=fused,
        capturable=isinstance(lr, Tensor) and weights[0].is_cuda,
    )
