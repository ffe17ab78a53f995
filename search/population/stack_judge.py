"""`StackJudge`: the scores of a stack's models, a fixed number of them judged together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from search.population.engine import Score, SplitName
from search.population.judging import EVALUATION_ROWS, SplitJudge, scores
from search.population.stacked import StackedModel
from search.proxies.proxy import Split


class StackJudge:
    """
    Args:
        model: an empty stack of as many models as are judged together; their place.
        splits: in lanes, on its device.
    """

    def __init__(self, model: StackedModel, splits: Mapping[SplitName, Split]) -> None:
        self._model, self._splits = model, splits
        self._judges: dict[SplitName, SplitJudge] = {}

    def scores(
        self, weights: Sequence[Tensor], buffers: Sequence[Tensor], slots: Sequence[int], split: SplitName
    ) -> list[Score]:
        """Of the models of some slots.

        Args:
            weights: like those of the stack, each `K x rows x lanes`.
            buffers: like those of the stack, each `K x 1 x lanes`.
            slots: of any numbers below `K`.
            split: the samples.
        """
        sums = []
        for chosen in torch.split(torch.tensor(slots, device=weights[0].device), self._model.n_slots):
            self._model.copy_judged([each[chosen] for each in weights], [each[chosen] for each in buffers])
            sums.append(self._judge(split).sums()[:, : len(chosen)])
        return scores(sums, len(self._splits[split]))

    def _judge(self, split: SplitName) -> SplitJudge:
        if split not in self._judges:
            self._judges[split] = SplitJudge(self._judged, self._splits[split], n_rows=EVALUATION_ROWS)
        return self._judges[split]

    def _judged(self, inputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Losses and what is wrong, of each model on the same samples."""
        each = [part.repeat(self._model.n_slots, *[1] * part.ndim) for part in (inputs, targets)]
        log_likelihood, wrong = self._model.judge(*each)
        return -log_likelihood, wrong
