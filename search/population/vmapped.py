"""`VmappedEngine`: models of any kind in one stack, their forward written once and computed for all of them.

`torch.vmap` turns the module's own forward into one for `K` models, with the forms of `forms.py` where its
way is slow or its bits depend on `K`. The gradient is ordinary: the `K` losses are differentiated at once
with respect to the stacked weights. No loss depends on another run's weights, so each run gets the gradient
it would get alone, and no sum is taken over runs that one's infinity could enter.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional

from search.population.augmented import augmented
from search.population.averages import StackedAverages
from search.population.device_data import DeviceData
from search.population.engine import Losses, Score, SplitName, chunk_steps
from search.population.flat_weights import FlatWeights
from search.population.forms import StackedForms
from search.population.fused_optimizers import flat_optimizer
from search.population.look import look
from search.population.memory import ran_out
from search.population.module_judge import ModuleJudge
from search.population.ring import StepRing, bucket, filled_up, is_ringed
from search.population.run_keys import RunKeys
from search.population.settings import StackKind, optimizer_of
from search.proxies.proxy import Proxy, Split
from search.runs.seeds import Seed, run_generators


class UnsupportedModelError(ValueError):
    """A model whose forward can't be written for many."""


class _Models(NamedTuple):
    """Some models of a stack: views of its memory, by the names of the modules'."""

    weights: dict[str, Tensor]
    constants: dict[str, Tensor]
    gradients: list[Tensor]
    """In the order of the weights."""


class VmappedEngine:
    """The engine for any module whose forward is made of tensor operations alone; see `Engine`."""

    def __init__(self, proxy: Proxy, data: DeviceData, *, n_slots: int, kind: StackKind) -> None:
        """
        Raises:
            UnsupportedModelError: the model can't be trained this way; it says why.
            ValueError: the model's output does not fit the targets.
        """
        self._proxy, self._device, self._train = proxy, data.device, data.plain("train")
        seen = look(proxy, self._train)
        # Loops over vectors take what is left over at the end of a tensor one by one, and round it otherwise:
        # where slots are not whole vectors long, one more is computed behind the last and thrown away.
        self._n_behind = 0 if seen.fills_vectors else 1
        self._most_runs = n_slots
        n_slots += self._n_behind
        self._model = proxy.build_model(0).to(data.device)
        self._weights = FlatWeights(self._model, n_slots=n_slots, device=data.device)
        self._constants = {
            name: torch.stack([value.detach()] * n_slots) for name, value in _untrained(self._model)
        }
        splits: dict[SplitName, Split] = {
            "validation": data.plain("validation"),
            "test": data.plain("test"),
        }
        self._judge = ModuleJudge(self._model, self._weights, self._constants, splits)
        self._gradients = torch.zeros_like(self._weights.rows)
        self._optimizer = flat_optimizer(
            proxy.optimizer, kind, weights=[self._weights.rows], gradients=[self._gradients]
        )
        self._averages = StackedAverages([self._weights.rows[:, None]]) if kind.averaged else None
        self._keys = RunKeys(n_slots)
        self._rings: dict[int, StepRing] = {}
        self._forms = StackedForms()
        self._forward = torch.vmap(self._one_forward)
        self._try_out()

    @property
    def chunk_steps(self) -> int:
        return chunk_steps(self._device)

    def load(self, slot: int, seed: Seed, params: Mapping[str, Any]) -> None:
        weights_seed = run_generators(seed).weights_seed
        model = self._proxy.build_model(weights_seed)
        self._weights.load(slot, model)
        self._gradients[slot].zero_()
        for name, value in _untrained(model):
            self._constants[name][slot].copy_(value.detach())
        self._optimizer.load(slot, optimizer_of(params, self._proxy))
        self._keys.load(slot, weights_seed)
        if self._averages is not None:
            self._averages.load(slot)

    def move(self, source: int, target: int) -> None:
        self._keys.move(source, target)
        for state in (self._weights.rows, *self._constants.values()):
            state[target].copy_(state[source])
        self._gradients[target].zero_()  # the room between weights keeps what it was multiplied by
        self._optimizer.move(source, target)
        if self._averages is not None:
            self._averages.move(source, target)

    def state(self, slot: int) -> dict[str, Any]:
        return {
            "weights": self._weights.rows[slot].to("cpu", copy=True),
            "constants": {name: value[slot].to("cpu", copy=True) for name, value in self._constants.items()},
            "optimizer": self._optimizer.state(slot),
            "averages": {} if self._averages is None else self._averages.state(slot),
            "n_steps": self._keys.n_steps(slot),
        }

    def restore(self, slot: int, state: Mapping[str, Any]) -> None:
        self._weights.rows[slot].copy_(state["weights"])
        for name, value in self._constants.items():
            value[slot].copy_(state["constants"][name])
        self._optimizer.restore(slot, state["optimizer"])
        self._keys.go_on(slot, state["n_steps"])
        if self._averages is not None:
            self._averages.restore(slot, state["averages"])

    def train(self, samples: Tensor, lrs: NDArray[np.float64]) -> Losses:
        n_runs = samples.shape[1]
        if is_ringed(self._device):
            samples, lrs = filled_up(samples, lrs, bucket(n_runs, self._most_runs))
        n_steps, n_slots, _ = samples.shape
        keys = self._keys.next(n_slots, n_steps)
        if self._n_behind:
            samples, keys = (torch.cat([part, part[:, -1:]], dim=1) for part in (samples, keys))
        planned = [samples.to(self._device), keys.to(self._device), self._optimizer.plan(lrs)]
        if self._averages is not None:
            planned.append(self._averages.next_weights(n_slots, n_steps))
        self._model.train()
        with _no_warnings_about_speed():
            losses = self._ring(n_slots).run(*planned)[:, :n_runs]
        return lambda: np.asarray(losses.cpu().numpy().astype(np.float64).mean(axis=-1))

    def _ring(self, n_slots: int) -> StepRing:
        """The steps of the first slots."""
        if n_slots not in self._rings:
            changed = [self._weights.rows, self._gradients, *self._constants.values()]
            changed += self._optimizer.changed
            changed += [] if self._averages is None else self._averages.changed
            step = partial(self._step, self._first(n_slots + self._n_behind))
            self._rings[n_slots] = StepRing(step, changed, self._device)
        return self._rings[n_slots]

    @torch.no_grad()
    def evaluate(self, slots: Sequence[int], split: SplitName, averaged: bool = False) -> list[Score]:
        if not averaged:
            return self._judge.scores(self._weights.rows, slots, split)
        assert self._averages is not None, "this engine's kind keeps no averages"
        (averages,) = self._averages.changed
        return self._judge.scores(averages.flatten(1), slots, split)

    def _first(self, k: int) -> _Models:
        """The first `k` models, to be differentiated; the same memory for all steps."""
        leaves = [view.detach().requires_grad_() for view in self._weights.views(self._weights.rows[:k])]
        return _Models(
            dict(zip(self._weights.names, leaves, strict=True)),
            {name: value[:k] for name, value in self._constants.items()},
            self._weights.views(self._gradients[:k]),
        )

    def _step(
        self, first: _Models, samples: Tensor, keys: Tensor, planned: Tensor, *averaging: Tensor
    ) -> Tensor:
        """One step of the first slots; the losses of their samples before it, `K x B`."""
        inputs = augmented(self._proxy.augment, self._train.inputs[samples], keys)
        with self._forms:
            logits = self._forward(first.weights, first.constants, inputs, keys)
        losses = self._losses(logits.float(), self._train.targets[samples])
        means = losses.mean(1)
        gradients = torch.autograd.grad(
            means, [*first.weights.values()], torch.ones_like(means), materialize_grads=True
        )
        n_slots = len(samples) - self._n_behind
        with torch.no_grad():
            torch._foreach_copy_(first.gradients, list(gradients))
            self._optimizer.step(n_slots, planned)
            if self._averages is not None:
                self._averages.update(*averaging)
        return losses.detach()

    def _one_forward(
        self, weights: dict[str, Tensor], constants: dict[str, Tensor], inputs: Tensor, key: Tensor
    ) -> Tensor:
        """The logits of one model; under vmap, of all."""
        self._forms.begin(key)
        return functional_call(self._model, {**weights, **constants}, (inputs,))  # type: ignore[no-any-return]

    def _losses(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Of each sample, the mean over its places; `K x B`."""
        values = functional.cross_entropy(
            logits.flatten(0, -2),
            targets.flatten(),
            reduction="none",
            label_smoothing=self._proxy.label_smoothing,
        )
        return (
            values.view(*targets.shape[:2], -1).mean(2) if targets.ndim == 3 else values.view(targets.shape)
        )

    def _try_out(self) -> None:
        """One step of the model, as `load` will put it into a slot.

        The random numbers of torch itself are refused under vmap; so is a decision that depends on a number.
        """
        samples = torch.zeros(1, 1, self._proxy.batch_size, dtype=torch.int64)
        try:
            self.load(0, (0,), {})
            self.train(samples, np.zeros((1, 1)))()
        except (RuntimeError, NotImplementedError, ValueError, TypeError) as error:
            if ran_out(error):
                raise
            why = _in_our_words(str(error).strip().partition("\n")[0])
            raise UnsupportedModelError(
                f"the forward of {self._proxy.name}'s model can't be computed for many at once: {why}"
            ) from error


def _in_our_words(why: str) -> str:
    """Torch's reason, without advice on arguments of vmap that nobody but us can give."""
    if "randomness" in why:
        return (
            "it draws random numbers otherwise than by nn.Dropout, as the dropout within "
            "nn.MultiheadAttention does; without that one (its dropout = 0.0) it may be"
        )
    return why.partition(", please try to rewrite")[0].partition(" We could not generate")[0].rstrip(".")


def _untrained(model: nn.Module) -> list[tuple[str, Tensor]]:
    """What a model has besides trained weights: frozen ones and buffers, such as running statistics."""
    frozen = [(name, p) for name, p in model.named_parameters() if not p.requires_grad]
    return [*frozen, *model.named_buffers()]


def _no_warnings_about_speed() -> warnings.catch_warnings[None]:
    """Vmap tells where it falls back to a loop; whether the whole is faster is found by timing."""
    return warnings.catch_warnings(action="ignore", category=UserWarning)
