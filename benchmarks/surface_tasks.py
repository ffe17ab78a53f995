"""Small trainings in plain torch, of kinds that the built-in proxies are not, for `surfaces.py`.

A decoder without clipping, batch norm, clipped gradients, a squared error, a start from trained weights: what
decides which peak lrs a task takes, and how it answers to warm-up. `TASKS` has each by name.
"""

from __future__ import annotations

import argparse as fine_tuned_text
import inspect
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.datasets import load_digits, make_friedman1
from surface_models import CONTEXT, CharacterLSTM, Decoder, digits_network, regression_network
from torch import Tensor, nn
from torch.nn import functional

from search.proxies.char_lm import reference_text, split_text, tokenize

Batch = tuple[Tensor, Tensor]
Split = tuple[Tensor, Tensor]
"""Inputs and targets, one row each per sample."""
Factors = Callable[[int], NDArray[np.float64]]
"""From total steps to the lr of each step, divided by the peak lr."""
OptimizerName = Literal["sgd", "adam", "adamw"]

DATA_SEED = 42
SENTENCE = 24
"""Characters in a window of the LSTM."""
PRETRAINING_STEPS, PRETRAINING_LR = 1500, 2e-3
FINE_TUNING_CHARACTERS = 30_000


@dataclass(frozen=True, kw_only=True)
class SurfaceTask:
    """One training with everything fixed but the lr and the seed."""

    optimizer: OptimizerName
    data: Callable[[], tuple[Split, Split]]
    """Training and validation samples."""
    model: Callable[[], nn.Module]
    """With first weights from torch's global generator."""
    batch_size: int
    loss: Callable[[Tensor, Tensor], Tensor]
    momentum: float = 0.0
    weight_decay: float = 0.0
    bias_correction: bool = True
    """Of Adam; without, as in BERT's first code, the first steps are several times as large."""
    clip_norm: float | None = None
    whole_epochs: bool = False
    """Each epoch a permutation of all samples; else every batch is drawn with replacement."""

    def train(self, factors: Factors, lr: float, total_steps: int, seed: int) -> float:
        """Final validation loss; `untrained()` where it diverged or ended worse than that."""
        torch.manual_seed(seed)
        model = self.model()
        self._fit(model, lr * factors(total_steps), seed)
        value = self._validation_loss(model)
        return min(value, self.untrained()) if math.isfinite(value) else self.untrained()

    def untrained(self) -> float:
        """Validation loss of seed 0 before its first step."""
        return _untrained(self)

    def _fit(self, model: nn.Module, lrs: Sequence[float] | NDArray[np.float64], seed: int) -> None:
        """One step for each lr, fewer where the loss is no longer finite."""
        optimizer = self._new_optimizer(model)
        for lr, (inputs, targets) in zip(lrs, self._batches(seed), strict=False):
            optimizer.param_groups[0]["lr"] = float(lr)
            loss = self.loss(model(inputs), targets)
            if not math.isfinite(loss.item()):
                return
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            if self.clip_norm is not None:
                nn.utils.clip_grad_norm_(model.parameters(), self.clip_norm)
            optimizer.step()

    def _new_optimizer(self, model: nn.Module) -> torch.optim.Optimizer:
        weights = list(model.parameters())
        if self.optimizer == "sgd":
            return torch.optim.SGD(
                weights, momentum=self.momentum, weight_decay=self.weight_decay, fused=True
            )
        kind = torch.optim.Adam if self.optimizer == "adam" else torch.optim.AdamW
        optimizer = kind(weights, weight_decay=self.weight_decay, fused=True)
        if not self.bias_correction:
            for weight in weights:
                averages = {name: torch.zeros_like(weight) for name in ("exp_avg", "exp_avg_sq")}
                optimizer.state[weight] = {"step": torch.tensor(1e6), **averages}
        return optimizer

    def _batches(self, seed: int) -> Iterator[Batch]:
        inputs, targets = self.data()[0]
        generator = torch.Generator().manual_seed(seed)
        n_samples = len(targets)
        while True:
            if self.whole_epochs:
                order = torch.randperm(n_samples, generator=generator)
                chosen = order[: n_samples - n_samples % self.batch_size].view(-1, self.batch_size)
            else:
                chosen = torch.randint(n_samples, (100, self.batch_size), generator=generator)
            for batch in chosen:
                yield inputs[batch], targets[batch]

    def _validation_loss(self, model: nn.Module) -> float:
        inputs, targets = self.data()[1]
        model.eval()
        with torch.no_grad():
            return float(self.loss(model(inputs), targets))


@cache
def _untrained(task: SurfaceTask) -> float:
    torch.manual_seed(0)
    return task._validation_loss(task.model())


def _decoder(head_scale: float) -> Decoder:
    return Decoder(tokenize(reference_text())[1], head_scale)


def _lstm() -> CharacterLSTM:
    return CharacterLSTM(tokenize(reference_text())[1])


def _fine_tuned_model() -> nn.Module:
    model = _decoder(1.0)
    model.load_state_dict(_pretrained())
    return model


@cache
def _pretrained() -> dict[str, Tensor]:
    """Weights of the decoder after a training on the reference text, linear with 10% warm-up."""
    task = replace(TASKS["gpt2_adamw"], model=partial(_decoder, 1.0), batch_size=2)
    torch.manual_seed(DATA_SEED)
    model = task.model()
    progress = (np.arange(PRETRAINING_STEPS) + 1) / PRETRAINING_STEPS
    task._fit(model, PRETRAINING_LR * np.minimum(progress / 0.1, (1 - progress) / 0.9), DATA_SEED)
    return model.state_dict()


@cache
def _reference_data(context: int) -> tuple[Split, Split]:
    train, validation, _ = split_text(tokenize(reference_text())[0])
    return _windows(train, context), _apart(_windows(validation, context), 2048 // context)


@cache
def _code_data() -> tuple[Split, Split]:
    """Source code of a module of Python's library, its first part to train on; no character is new."""
    alphabet = {character: token for token, character in enumerate(sorted(set(reference_text())))}
    text = inspect.getsource(fine_tuned_text)
    tokens = torch.tensor([alphabet.get(character, alphabet[" "]) for character in text])
    train, validation = tokens[:FINE_TUNING_CHARACTERS], tokens[FINE_TUNING_CHARACTERS:]
    return _windows(train, CONTEXT), _apart(_windows(validation, CONTEXT), 32)


@cache
def _digits_data() -> tuple[Split, Split]:
    images, digits = load_digits(return_X_y=True)
    order = np.random.default_rng(DATA_SEED).permutation(len(digits))
    inputs = torch.tensor(images[order] / 8 - 1, dtype=torch.float32).view(-1, 1, 8, 8)
    targets = torch.tensor(digits[order], dtype=torch.int64)
    return (inputs[:400], targets[:400]), (inputs[400:], targets[400:])


@cache
def _friedman_data() -> tuple[Split, Split]:
    """Inputs uniform in [0, 1], targets of mean 0 and variance 1; noise is 4% of it."""
    features, values = make_friedman1(1400, n_features=10, noise=1.0, random_state=DATA_SEED)
    inputs = torch.tensor(features, dtype=torch.float32)
    targets = torch.tensor((values - values.mean()) / values.std(), dtype=torch.float32)
    return (inputs[:400], targets[:400]), (inputs[400:], targets[400:])


def _windows(tokens: Tensor, context: int) -> Split:
    return tokens[:-1].unfold(0, context, 1), tokens[1:].unfold(0, context, 1)


def _apart(split: Split, count: int) -> Split:
    """`count` windows at even distances."""
    chosen = torch.arange(count) * len(split[0]) // count
    return split[0][chosen], split[1][chosen]


def _cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    return functional.cross_entropy(logits.flatten(0, -2), targets.flatten())


TASKS: Mapping[str, SurfaceTask] = {
    "gpt2_adamw": SurfaceTask(
        optimizer="adamw",
        data=partial(_reference_data, CONTEXT),
        model=partial(_decoder, 3.0),
        batch_size=4,
        loss=_cross_entropy,
        weight_decay=0.1,
        bias_correction=False,
    ),
    "digits_bn": SurfaceTask(
        optimizer="sgd",
        data=_digits_data,
        model=digits_network,
        batch_size=32,
        loss=_cross_entropy,
        momentum=0.9,
        weight_decay=5e-4,
        whole_epochs=True,
    ),
    "lstm_clip": SurfaceTask(
        optimizer="sgd",
        data=partial(_reference_data, SENTENCE),
        model=_lstm,
        batch_size=8,
        loss=_cross_entropy,
        momentum=0.9,
        clip_norm=0.25,
    ),
    "regression_mse": SurfaceTask(
        optimizer="adam",
        data=_friedman_data,
        model=regression_network,
        batch_size=32,
        loss=functional.mse_loss,
        whole_epochs=True,
    ),
    "finetune": SurfaceTask(
        optimizer="adamw",
        data=_code_data,
        model=_fine_tuned_model,
        batch_size=2,
        loss=_cross_entropy,
        weight_decay=0.01,
    ),
}
