"""`Engine`: what a population asks of whatever trains its models, and the stacked kind of it.

An engine knows slots, samples and learning rates; it knows nothing of runs, schedules or reports. So
another kind (`vmap`, plain modules one after the other) replaces it without a change elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Literal, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from search.population.augmented import augmented
from search.population.averages import StackedAverages
from search.population.layers import padded
from search.population.on_device import on_device
from search.population.ring import StepRing, bucket, filled_up, is_ringed
from search.population.run_keys import RunKeys
from search.population.settings import StackKind, optimizer_of
from search.population.stacked import StackedModel
from search.population.workspace import Workspace
from search.proxies.proxy import Proxy, Split
from search.runs.seeds import Seed, run_generators

SplitName = Literal["validation", "test"]
Score = Mapping[str, float]
"""The mean `loss`, and the `error` as a fraction."""
EVALUATION_ROWS = 1024
"""Samples judged at once on a CPU: their activations stay in the cache."""


class Engine(Protocol):
    """Slots with a model each. A slot's numbers depend on nothing but what that slot was given."""

    @property
    def chunk_steps(self) -> int:
        """Steps that are trained before their losses are looked at, at most."""
        ...

    def load(self, slot: int, seed: Seed, params: Mapping[str, Any]) -> None:
        """Put the untrained model of a run's seed into a slot, to be trained with the parameters of its own
        that the run has."""
        ...

    def move(self, source: int, target: int) -> None:
        """Make slot `target` what slot `source` is."""
        ...

    def state(self, slot: int) -> dict[str, Any]:
        """All that a slot's training has come to: copies on the CPU, and plain numbers."""
        ...

    def restore(self, slot: int, state: Mapping[str, Any]) -> None:
        """Go on in a slot that was loaded with the same seed and settings, bit for bit."""
        ...

    def train(self, samples: Tensor, lrs: NDArray[np.float64]) -> NDArray[np.float64]:
        """Train the first `K` slots for `T` steps.

        Args:
            samples: `T x K x B`, int64 on the CPU: numbers of training samples.
            lrs: `T x K`.

        Returns:
            `T x K`: mean loss of each batch, before its step.
        """
        ...

    def evaluate(self, slots: Sequence[int], split: SplitName, averaged: bool = False) -> list[Score]:
        """Loss and error of the models of some slots on a split.

        Args:
            slots: of any numbers, one or more.
            split: the samples.
            averaged: judge the running averages of the slots' weights since `load`, see
                `search.population.averages`; only in an engine of a kind that is `averaged`.
        """
        ...


def chunk_steps(device: torch.device) -> int:
    """Steps that are trained before their losses are looked at: a diverged run lives at most this long on,
    and an accelerator waits for each look."""
    return 20 if device.type == "cpu" else 100


class DeviceData:
    """A proxy's data on the device, once for all engines there; moved there when it is first asked for."""

    def __init__(self, proxy: Proxy, device: torch.device) -> None:
        self.device = device
        self._splits = {"train": proxy.train, "validation": proxy.validation, "test": proxy.test}
        self._lanes: dict[str, Split] = {}
        self._plain: dict[str, Split] = {}

    def lanes(self, name: str) -> Split:
        """A split as stacked layers take it: tokens as they are, `N x C`; features flat and padded to lanes,
        `N x lanes`."""
        if name not in self._lanes:
            split = self._splits[name]
            inputs = in_lanes(split.inputs, 1).to(self.device)
            self._lanes[name] = Split(inputs=inputs, targets=split.targets.to(self.device))
        return self._lanes[name]

    def plain(self, name: str) -> Split:
        """A split as it is."""
        if name not in self._plain:
            self._plain[name] = on_device(self._splits[name], self.device)
        return self._plain[name]


class StackedEngine:
    """The engine for what `Lowering` knows: all slots in one `StackedModel`.

    On one CPU thread a slot's numbers are equal bit for bit whatever its place and its neighbours.
    Nothing waits for the device within `train`: samples and lrs go there at the start, losses come
    back at the end.
    """

    def __init__(self, proxy: Proxy, data: DeviceData, *, n_slots: int, kind: StackKind) -> None:
        """Raises `UnsupportedLayerError` where the proxy's model can't be stacked."""
        self._proxy, self._device, self._train = proxy, data.device, data.lanes("train")
        self._judged: dict[SplitName, Split] = {
            "validation": data.lanes("validation"),
            "test": data.lanes("test"),
        }
        if proxy.augment is not None:
            self._plain_inputs = data.plain("train").inputs
        self._model = _stack(proxy, self._device, n_slots, kind)
        self._single = [self._model.slots(slice(slot, slot + 1)) for slot in range(n_slots)]
        self._keys = RunKeys(n_slots)
        self._rings: dict[int, StepRing] = {}
        self._averages: StackedAverages | None = None
        if kind.averaged:
            self._averages = StackedAverages(self._model.weights)
            # Averages are judged here, so that nothing of a slot is touched.
            self._one_averaged = _stack(proxy, self._device, 1, kind)

    @property
    def chunk_steps(self) -> int:
        return chunk_steps(self._device)

    def load(self, slot: int, seed: Seed, params: Mapping[str, Any]) -> None:
        weights_seed = run_generators(seed).weights_seed
        self._keys.load(slot, weights_seed)
        model = self._proxy.build_model(weights_seed)
        self._model.load(slot, model, optimizer_of(params, self._proxy))
        if self._averages is not None:
            self._averages.load(slot)

    def move(self, source: int, target: int) -> None:
        self._model.move(source, target)
        self._keys.move(source, target)
        if self._averages is not None:
            self._averages.move(source, target)

    def state(self, slot: int) -> dict[str, Any]:
        averages = {} if self._averages is None else self._averages.state(slot)
        return {**self._model.state(slot), "averages": averages, "n_steps": self._keys.n_steps(slot)}

    def restore(self, slot: int, state: Mapping[str, Any]) -> None:
        self._model.restore(slot, state)
        self._keys.go_on(slot, state.get("n_steps", 0))  # older states are of models that draw nothing
        if self._averages is not None:
            self._averages.restore(slot, state["averages"])

    @torch.no_grad()
    def train(self, samples: Tensor, lrs: NDArray[np.float64]) -> NDArray[np.float64]:
        n_runs = samples.shape[1]
        if is_ringed(self._device):
            samples, lrs = filled_up(samples, lrs, bucket(n_runs, self._model.n_slots))
        n_steps, n_slots, _ = samples.shape
        keys = self._keys.next(n_slots, n_steps)
        planned = [samples.to(self._device), self._model.plan(lrs), keys.to(self._device)]
        if self._averages is not None:
            planned.append(self._averages.next_weights(n_slots, n_steps))
        return -_mean(self._ring(n_slots).run(*planned)[:, :n_runs])

    def _ring(self, n_slots: int) -> StepRing:
        """The steps of the first slots."""
        if n_slots not in self._rings:
            # What a graph writes to must not be given back because something else asks for more.
            own = Workspace(self._device) if is_ringed(self._device) else None
            step = partial(self._step, self._model.slots(slice(0, n_slots), own))
            averaged = [] if self._averages is None else self._averages.changed
            self._rings[n_slots] = StepRing(step, [*self._model.changed, *averaged], self._device)
        return self._rings[n_slots]

    def _step(
        self, model: StackedModel, samples: Tensor, planned: Tensor, keys: Tensor, *averaging: Tensor
    ) -> Tensor:
        inputs, targets = self._inputs(samples, keys), self._train.targets[samples]
        log_likelihood = model.train_step(inputs, targets, planned, keys)
        if self._averages is not None:
            self._averages.update(*averaging)
        return log_likelihood

    def _inputs(self, samples: Tensor, keys: Tensor) -> Tensor:
        if self._proxy.augment is None:
            return self._train.inputs[samples]
        return in_lanes(augmented(self._proxy.augment, self._plain_inputs[samples], keys), 2)

    @torch.no_grad()
    def evaluate(self, slots: Sequence[int], split: SplitName, averaged: bool = False) -> list[Score]:
        # One slot at a time: on a CPU nothing is gained by more, and one model stays in the cache.
        return [self._evaluate(slot, split, averaged) for slot in slots]

    def _evaluate(self, slot: int, split: SplitName, averaged: bool) -> Score:
        model = self._averaged(slot) if averaged else self._single[slot]
        data = self._judged[split]
        n_rows = EVALUATION_ROWS if self._device.type == "cpu" else len(data)
        blocks = zip(torch.split(data.inputs, n_rows), torch.split(data.targets, n_rows), strict=True)
        judged = [model.judge(inputs[None], targets[None]) for inputs, targets in blocks]
        log_likelihood = torch.cat([values for values, _ in judged], dim=1)
        n_wrong = torch.cat([wrong for _, wrong in judged], dim=1).sum()
        return {"loss": -float(_mean(log_likelihood)[0]), "error": int(n_wrong) / len(data)}

    def _averaged(self, slot: int) -> StackedModel:
        """A slot's model with the average of its weights; valid until the next call."""
        assert self._averages is not None, "this engine's kind keeps no averages"
        self._one_averaged.copy_judged(self._averages.of_slot(slot), self._single[slot].buffers)
        return self._one_averaged


def _stack(proxy: Proxy, device: torch.device, n_slots: int, kind: StackKind) -> StackedModel:
    return StackedModel.lowered(
        proxy.build_model(0),
        proxy.train.inputs,
        optimizer=proxy.optimizer,
        kind=kind,
        label_smoothing=proxy.label_smoothing,
        n_slots=n_slots,
        device=device,
    )


def _mean(log_likelihood: Tensor) -> NDArray[np.float64]:
    """Mean over the last axis in float64: the same bits whatever the other axes are."""
    values: NDArray[np.float64] = log_likelihood.cpu().numpy().astype(np.float64)
    return np.asarray(values.mean(axis=-1))


def in_lanes(inputs: Tensor, first_dim: int) -> Tensor:
    """Tokens as they are; features flat from an axis on, and padded to lanes."""
    if not inputs.is_floating_point():
        return inputs
    flat = inputs.flatten(first_dim).float()
    return torch.nn.functional.pad(flat, (0, padded(flat.shape[-1]) - flat.shape[-1]))
