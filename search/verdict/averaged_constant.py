"""A constant lr whose averaged weights are judged, tuned as the standards are: what averaging does instead of
a decay (Sandler et al., arXiv 2302.04052; Hägele et al., arXiv 2405.18392).

It is told beside the other standards and never wins a verdict: a schedule file can't say that weights have to
be averaged, and a constant lr without that is the worst of all.
"""

from __future__ import annotations

from search.verdict.baseline_tuning import relative_scale
from search.verdict.bench import Bench, Train, TunedBaseline
from search.verdict.bracket import FIRST_OFFSETS
from warmboot.schedule import WarmbootSchedule

CONSTANT = WarmbootSchedule(curve="constant")
N_LRS = 6
"""Peak lrs that are tried: its best one lies higher than that of a constant lr without averages."""


def averaged_constant(
    train: Train, *, linear_lr: float, lr_is_fixed: bool = False, total_steps: int, sign: float
) -> WarmbootSchedule:
    """A constant lr, the best of some where its averaged weights are judged.

    Args:
        train: trains schedules and judges their averaged weights.
        linear_lr: about the best peak lr of linear to zero.
        lr_is_fixed: the study has this one.
        total_steps: the horizon.
        sign: 1 where a lower value is better, -1 where a higher one is.
    """
    if lr_is_fixed:
        return CONSTANT.replace(lr=linear_lr)
    constant = TunedBaseline("averaged constant", CONSTANT, linear_lr * relative_scale(CONSTANT, total_steps))
    bench = Bench([constant], train, sign)
    bench.train((constant, offset, 1) for offset in FIRST_OFFSETS)
    for _ in range(N_LRS - len(FIRST_OFFSETS)):
        bench.train([(constant, constant.next, 1)])
    return constant.schedule(constant.best)


def averaged_words(schedule: WarmbootSchedule) -> str:
    """The opponent in words."""
    return f"{schedule.describe()}, its weights averaged over about the last 3% of the steps"
