"""`SplitJudge`: the scores of a few models on one split, from fixed memory, as a GPU gives them at its best.

On a CPU one model after the other is judged, which keeps it in the cache. On a GPU each would cost dozens of
launches from Python, and a population of hundreds reports at once: so models are copied to a place of their
own, always as many at a time, and the whole evaluation is replayed as one graph. Their number is fixed, so
that a model's score does not depend on how many others report.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from search.population.engine import Score
from search.population.replayed import Capture, Replayed, capture_on
from search.proxies.proxy import Split

JUDGED_AT_ONCE = 32
"""Models of a stack that are judged together."""
EVALUATION_ROWS = 1024
"""Samples that a model of a stack is judged on at once: with 32 models about what a step of 512 holds; one
model's activations of so many stay in a CPU's cache."""

Judge = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""Loss of each sample and whether it is classified wrongly, both `J x n`, of the models in the fixed place on
some inputs and targets."""


class SplitJudge:
    """Judges the models that lie in a place again and again.

    Args:
        judge: of one block of samples.
        split: on the device.
        n_rows: samples of a block.
        capture: as of `Replayed`; None: that of the device.
    """

    def __init__(self, judge: Judge, split: Split, *, n_rows: int, capture: Capture | None = None) -> None:
        self._judge, self._blocks = judge, split.blocks(n_rows)
        self.sums = Replayed(self._judged, capture or capture_on(split.targets.device))
        """Gives `2 x J`, float64, on the device: the sums of the losses and of what is wrong."""

    def _judged(self) -> Tensor:
        return torch.stack([_summed(*self._judge(*block)) for block in self._blocks]).sum(0)


def scores(sums: Sequence[Tensor], n_targets: int) -> list[Score]:
    """Of all models whose sums were taken; waits for the device once.

    Args:
        sums: each `2 x J`, see `SplitJudge.sums`.
        n_targets: of the split.
    """
    losses, wrong = torch.cat(list(sums), dim=1).cpu().tolist()
    return [{"loss": loss / n_targets, "error": n / n_targets} for loss, n in zip(losses, wrong, strict=True)]


def _summed(losses: Tensor, wrong: Tensor) -> Tensor:
    return torch.stack([losses.double().sum(1), wrong.double().sum(1)])
