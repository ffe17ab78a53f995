"""The lr of every step in the loop that `CosineAnnealingWarmbootingLR` was made for.

`step_batch()` before each batch, `step()` after each epoch: epoch `e` is trained at its number
`e - 1`, and the first at the optimizer's own lr, where warm-up does not set another.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from warmboot.cawb import CosineAnnealingWarmbootingLR
from warmboot.curves import FloatArray
from warmboot.schedule import WarmbootSchedule

CurveOfEpochs = Callable[[float, float], float]


class _Optimizer:
    """What the class needs of an optimizer, at lr 1."""

    def __init__(self) -> None:
        self.param_groups: list[dict[str, Any]] = [{"lr": 1.0}]


def lrs_in_loop(arguments: Mapping[str, Any], lf: CurveOfEpochs | None = None) -> FloatArray:
    """The lr of each step at base lr 1, `[epochs * batchs]`.

    Args:
        arguments: of the class, `epochs` and `batchs` among them, both 1 or more.
        lf: its argument of that name; the cosine if left out.
    """
    optimizer, batches = _Optimizer(), arguments["batchs"]
    scheduler = CosineAnnealingWarmbootingLR(optimizer, lf=lf, **arguments)
    lrs = np.empty(arguments["epochs"] * batches)
    for epoch in range(arguments["epochs"]):
        of_epoch = lrs[epoch * batches : (epoch + 1) * batches]
        if epoch < arguments["warmup_epoch"]:
            of_epoch[:] = [scheduler.step_batch() for _ in range(batches)]
        else:
            of_epoch[:] = optimizer.param_groups[0]["lr"]
        scheduler.step()
    return lrs


def lf_of(schedule: WarmbootSchedule) -> CurveOfEpochs:
    """`lf(x, gap)` with the schedule's hold, curve and floor."""

    def lf(x: float, gap: float) -> float:
        x = min(max(x / gap, 0.0), 1.0)
        x = max(0.0, x - schedule.hold) / (1.0 - schedule.hold)
        value = float(schedule.curve.values(np.array([x]))[0])
        return schedule.eta_min + (1.0 - schedule.eta_min) * value

    return lf
