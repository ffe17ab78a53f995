"""`StackedEngine`: models whose layers all have a stacked form, trained in the same operations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from search.population.augmented import augmented
from search.population.averages import StackedAverages
from search.population.device_data import DeviceData, in_lanes
from search.population.engine import Losses, Score, SplitName, chunk_steps
from search.population.judging import EVALUATION_ROWS, JUDGED_AT_ONCE
from search.population.ring import StepRing, bucket, filled_up, is_ringed
from search.population.run_keys import RunKeys
from search.population.settings import StackKind, optimizer_of
from search.population.stack_judge import StackJudge
from search.population.stacked import StackedModel
from search.population.workspace import Workspace
from search.proxies.proxy import Proxy, Split
from search.runs.seeds import Seed, run_generators


class StackedEngine:
    """The engine for what `Lowering` knows: all slots in one `StackedModel`.

    On one CPU thread a slot's numbers are equal bit for bit whatever its place and its neighbours.
    Nothing waits for the device within `train`: samples and lrs go there at the start, losses come
    back when they are asked for.
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
        self._together: StackJudge | None = None
        if is_ringed(self._device):
            judged = _stack(proxy, self._device, min(n_slots, JUDGED_AT_ONCE), kind)
            self._together = StackJudge(judged, self._judged)

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
    def train(self, samples: Tensor, lrs: NDArray[np.float64]) -> Losses:
        n_runs = samples.shape[1]
        if is_ringed(self._device):
            samples, lrs = filled_up(samples, lrs, bucket(n_runs, self._model.n_slots))
        n_steps, n_slots, _ = samples.shape
        keys = self._keys.next(n_slots, n_steps)
        planned = [samples.to(self._device), self._model.plan(lrs), keys.to(self._device)]
        if self._averages is not None:
            planned.append(self._averages.next_weights(n_slots, n_steps))
        log_likelihood = self._ring(n_slots).run(*planned)[:, :n_runs]
        return lambda: -_mean(log_likelihood)

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
        if self._together is not None:
            weights = self._all_averages.changed if averaged else self._model.weights
            return self._together.scores(weights, self._model.buffers, slots, split)
        # One slot at a time: on a CPU nothing is gained by more, and one model stays in the cache.
        return [self._evaluate(slot, split, averaged) for slot in slots]

    def _evaluate(self, slot: int, split: SplitName, averaged: bool) -> Score:
        model = self._averaged(slot) if averaged else self._single[slot]
        data = self._judged[split]
        n_rows = EVALUATION_ROWS if self._device.type == "cpu" else len(data)
        judged = [model.judge(inputs[None], targets[None]) for inputs, targets in data.blocks(n_rows)]
        log_likelihood = torch.cat([values for values, _ in judged], dim=1)
        n_wrong = torch.cat([wrong for _, wrong in judged], dim=1).sum()
        return {"loss": -float(_mean(log_likelihood)[0]), "error": int(n_wrong) / len(data)}

    def _averaged(self, slot: int) -> StackedModel:
        """A slot's model with the average of its weights; valid until the next call."""
        averages = [average[slot : slot + 1] for average in self._all_averages.changed]
        self._one_averaged.copy_judged(averages, self._single[slot].buffers)
        return self._one_averaged

    @property
    def _all_averages(self) -> StackedAverages:
        assert self._averages is not None, "this engine's kind keeps no averages"
        return self._averages


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
