"""`ModuleJudge`: the scores of models whose weights lie in rows, each by the module's own forward."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional

from search.population.engine import Score, SplitName
from search.population.flat_weights import FlatWeights
from search.population.judging import SplitJudge, scores
from search.population.ring import is_ringed
from search.proxies.proxy import Split

EVALUATION_ROWS = 512
"""Samples that are judged at once."""


class ModuleJudge:
    """One model at a time, without vmap: batches are large here, and on a CPU company was found to be slower
    (char_gpt by a quarter, mnist1d_cnn by a half): the activations of eight leave the cache.

    Where steps go round a ring, a model is copied to one place and its evaluation replayed there.

    Args:
        model: in evaluation mode whenever it judges.
        weights: of the stack; says where in a row each weight lies.
        constants: what a model has besides, each `K x ...`.
        splits: on the device.
    """

    def __init__(
        self,
        model: nn.Module,
        weights: FlatWeights,
        constants: Mapping[str, Tensor],
        splits: Mapping[SplitName, Split],
    ) -> None:
        self._model, self._weights, self._constants, self._splits = model, weights, constants, splits
        self._judges: dict[SplitName, SplitJudge] = {}
        if is_ringed(weights.rows.device):
            self._row = torch.zeros_like(weights.rows[:1])
            self._own_constants = {name: value[0].clone() for name, value in constants.items()}

    @torch.no_grad()
    def scores(self, rows: Tensor, slots: Sequence[int], split: SplitName) -> list[Score]:
        """Of the models of some slots, with the weights in their rows of `rows`, `K x P`."""
        self._model.eval()
        if is_ringed(rows.device):
            return self._replayed(rows, slots, split)
        return [self._score(rows[slot : slot + 1], slot, self._splits[split]) for slot in slots]

    def _score(self, row: Tensor, slot: int, data: Split) -> Score:
        state = self._state(row, {name: value[slot] for name, value in self._constants.items()})
        judged = [self._judged(state, *block) for block in data.blocks(EVALUATION_ROWS)]
        mean = torch.cat([losses for losses, _ in judged]).cpu().numpy().astype(np.float64).mean()
        n_wrong = sum(int(wrong.sum()) for _, wrong in judged)
        return {"loss": float(mean), "error": n_wrong / data.targets.numel()}

    def _replayed(self, rows: Tensor, slots: Sequence[int], split: SplitName) -> list[Score]:
        sums = []
        for slot in slots:
            self._row.copy_(rows[slot : slot + 1])
            for name, own in self._own_constants.items():
                own.copy_(self._constants[name][slot])
            sums.append(self._judge(split).sums())
        return scores(sums, self._splits[split].targets.numel())

    def _judge(self, split: SplitName) -> SplitJudge:
        """Of the model in the one place."""
        if split not in self._judges:
            state = self._state(self._row, self._own_constants)

            def judged(inputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
                losses, wrong = self._judged(state, inputs, targets)
                return losses[None], wrong[None]

            self._judges[split] = SplitJudge(judged, self._splits[split], n_rows=EVALUATION_ROWS)
        return self._judges[split]

    def _state(self, row: Tensor, constants: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """All tensors of one model, by the names of its module's."""
        weights = [view[0] for view in self._weights.views(row)]
        return {**dict(zip(self._weights.names, weights, strict=True)), **constants}

    def _judged(self, state: dict[str, Tensor], inputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Loss of each target and whether it is missed."""
        logits = functional_call(self._model, state, (inputs,)).float().flatten(0, -2)
        losses = functional.cross_entropy(logits, targets.flatten(), reduction="none")
        return losses, logits.argmax(-1) != targets.flatten()
