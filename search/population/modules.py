"""`ModuleEngine`: models of any kind, each a plain module with an optimizer of torch, one after the other.

For what has no stacked form: convolutions, attention, AdamW. It costs what a training loop costs; nothing is
gained by many slots but that many runs can be under way. A slot's numbers depend on its seed and its settings
alone: random numbers that a model draws while it trains (dropout) come from a state of its own.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from search.population.averages import averaging_weights
from search.population.device_data import DeviceData
from search.population.dropout import CounterDropout
from search.population.engine import Losses, Score, SplitName, chunk_steps
from search.population.look import look
from search.population.settings import StackKind, optimizer_of
from search.proxies.counter_random import sample_keys, step_keys
from search.proxies.proxy import AdamW, Optimizer, Proxy, Split
from search.runs.seeds import Seed, run_generators

FUSED = ("cpu", "cuda", "mps")
"""Devices on which torch steps all weights in one operation: a third of the time on many small ones."""
EVALUATION_ROWS = 512
"""Samples judged at once on a CPU."""


@dataclass(eq=False)
class _Slot:
    """One model in training."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    seed: int
    """Of its weights, and of all that its steps draw."""
    clip_norm: float | None
    random_state: list[Tensor]
    """Of the CPU's generator and the device's."""
    averages: list[Tensor]
    """Of its weights, in their order; empty where none are kept."""
    n_steps: int = 0


class ModuleEngine:
    """The engine for whatever can't be stacked; see `Engine`."""

    def __init__(self, proxy: Proxy, data: DeviceData, *, n_slots: int, kind: StackKind) -> None:
        """Raises `ValueError` where the model's output does not fit the targets."""
        self._proxy, self._device, self._train = proxy, data.device, data.plain("train")
        self._judged: dict[SplitName, Split] = {
            "validation": data.plain("validation"),
            "test": data.plain("test"),
        }
        self._kind = kind
        self._slots: list[_Slot | None] = [None] * n_slots
        self._dropout = CounterDropout() if look(proxy, self._train).drops_out else None

    @property
    def chunk_steps(self) -> int:
        return chunk_steps(self._device)

    def load(self, slot: int, seed: Seed, params: Mapping[str, Any]) -> None:
        weights_seed, settings = run_generators(seed).weights_seed, optimizer_of(params, self._proxy)
        model = self._proxy.build_model(weights_seed).to(self._device)
        model.train()
        averages = [torch.zeros_like(p) for p in _trained(model)] if self._kind.averaged else []
        random_state = self._seeded(weights_seed)
        optimizer = make_optimizer(settings, _trained(model))
        self._slots[slot] = _Slot(model, optimizer, weights_seed, settings.clip_norm, random_state, averages)

    def move(self, source: int, target: int) -> None:
        self._slots[target], self._slots[source] = self._slots[source], None

    def state(self, slot: int) -> dict[str, Any]:
        it = self._of(slot)
        return {
            "model": {name: value.to("cpu", copy=True) for name, value in it.model.state_dict().items()},
            "optimizer": copy.deepcopy(it.optimizer.state_dict()),
            "random_state": list(it.random_state),
            "averages": [average.to("cpu", copy=True) for average in it.averages],
            "n_steps": it.n_steps,
        }

    def restore(self, slot: int, state: Mapping[str, Any]) -> None:
        it = self._of(slot)
        it.model.load_state_dict(state["model"])
        it.optimizer.load_state_dict(state["optimizer"])
        it.random_state, it.n_steps = list(state["random_state"]), state["n_steps"]
        for average, saved in zip(it.averages, state["averages"], strict=True):
            average.copy_(saved)

    def train(self, samples: Tensor, lrs: NDArray[np.float64]) -> Losses:
        losses = []
        for number in range(samples.shape[1]):
            slot = self._of(number)
            with self._own_random_numbers(slot), self._dropout or nullcontext():
                losses.append(self._train_slot(slot, samples[:, number], lrs[:, number]))
        return lambda: torch.stack(losses, dim=1).cpu().numpy().astype(np.float64)

    def evaluate(self, slots: Sequence[int], split: SplitName, averaged: bool = False) -> list[Score]:
        return [self._evaluate(slot, split, averaged) for slot in slots]

    def _evaluate(self, slot: int, split: SplitName, averaged: bool) -> Score:
        state, data = self._of(slot), self._judged[split]
        if averaged:
            assert state.averages, "this engine's kind keeps no averages"
        n_rows = EVALUATION_ROWS if self._device.type == "cpu" else 8 * EVALUATION_ROWS
        state.model.eval()
        total, wrong, count = 0.0, 0, data.targets.numel()
        with torch.no_grad():
            for inputs, targets in data.blocks(n_rows):
                logits = _logits(state, inputs, averaged).float().flatten(0, -2)
                total += float(functional.cross_entropy(logits, targets.flatten(), reduction="sum"))
                wrong += int((logits.argmax(-1) != targets.flatten()).sum())
        state.model.train()
        return {"loss": total / count, "error": wrong / count}

    def _train_slot(self, slot: _Slot, samples: Tensor, lrs: NDArray[np.float64]) -> Tensor:
        samples = samples.to(self._device)
        averaging = averaging_weights(np.array([slot.n_steps]), len(lrs))[:, 0]
        losses = torch.empty(len(lrs), device=self._device)
        weights: list[Tensor] = [*_trained(slot.model)]
        smoothing = self._proxy.label_smoothing
        steps = slot.n_steps + torch.arange(len(lrs))
        keys = step_keys(torch.tensor(slot.seed), steps).to(self._device)
        for step, lr in enumerate(lrs):
            if self._dropout is not None:
                self._dropout.begin(keys[step])
            inputs = self._inputs(samples[step], keys[step])
            targets = self._train.targets[samples[step]].flatten()
            logits = slot.model(inputs).float().flatten(0, -2)
            loss = functional.cross_entropy(logits, targets, label_smoothing=smoothing)
            losses[step] = loss.detach()
            slot.optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            if slot.clip_norm is not None:
                nn.utils.clip_grad_norm_(weights, slot.clip_norm)
            slot.optimizer.param_groups[0]["lr"] = float(lr)
            slot.optimizer.step()
            if slot.averages:
                with torch.no_grad():
                    torch._foreach_lerp_(slot.averages, weights, float(averaging[step]))
        slot.n_steps += len(lrs)
        return losses

    def _inputs(self, samples: Tensor, key: Tensor) -> Tensor:
        """A batch as it is trained in the step of a key."""
        inputs = self._train.inputs[samples]
        if self._proxy.augment is None:
            return inputs
        return self._proxy.augment(inputs, sample_keys(key, len(samples)))

    def _of(self, number: int) -> _Slot:
        slot = self._slots[number]
        assert slot is not None, f"slot {number} is empty"
        return slot

    def _seeded(self, weights_seed: int) -> list[Tensor]:
        with self._forked():
            torch.default_generator.manual_seed(weights_seed)
            if self._device.type == "cuda":
                torch.cuda.default_generators[self._device.index or 0].manual_seed(weights_seed)
            return self._random_state()

    @contextmanager
    def _own_random_numbers(self, slot: _Slot) -> Iterator[None]:
        with self._forked():
            torch.set_rng_state(slot.random_state[0])
            if self._device.type == "cuda":
                torch.cuda.set_rng_state(slot.random_state[1], self._device)
            yield
            slot.random_state = self._random_state()

    def _random_state(self) -> list[Tensor]:
        states = [torch.get_rng_state()]
        if self._device.type == "cuda":
            states.append(torch.cuda.get_rng_state(self._device))
        return states

    @contextmanager
    def _forked(self) -> Iterator[None]:
        devices = [self._device] if self._device.type == "cuda" else []
        with torch.random.fork_rng(devices=devices):
            yield


def make_optimizer(settings: Optimizer, weights: list[nn.Parameter]) -> torch.optim.Optimizer:
    """Torch's own; its lr is set before every step."""
    fused = all(weight.is_floating_point() and weight.device.type in FUSED for weight in weights)
    if isinstance(settings, AdamW):
        betas = (settings.beta1, settings.beta2)
        decay, eps = settings.weight_decay, settings.eps
        return torch.optim.AdamW(weights, lr=0.0, betas=betas, eps=eps, weight_decay=decay, fused=fused)
    return torch.optim.SGD(
        weights,
        lr=0.0,
        momentum=settings.momentum,
        weight_decay=settings.weight_decay,
        nesterov=settings.nesterov and settings.momentum > 0,
        fused=fused,
    )


def _trained(model: nn.Module) -> list[nn.Parameter]:
    return [parameter for parameter in model.parameters() if parameter.requires_grad]


def _logits(slot: _Slot, inputs: Tensor, averaged: bool) -> Tensor:
    if not averaged:
        return slot.model(inputs)  # type: ignore[no-any-return]
    names = [name for name, parameter in slot.model.named_parameters() if parameter.requires_grad]
    averages = dict(zip(names, slot.averages, strict=True))
    return torch.func.functional_call(slot.model, averages, (inputs,))  # type: ignore[no-any-return]
