"""The other standards beside the one primary comparison: information, corrected for their number."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from search.statistics.intervals import finite_values, standard_error, t_interval
from search.statistics.paired import PairedRuns


@dataclass(frozen=True, kw_only=True)
class OtherStandard:
    """How the candidate compares with a standard that was not the primary one.

    Attributes:
        name: the standard's name.
        n_pairs: seeds it shares with the candidate.
        gain: the mean gain, positive where the candidate is better.
        low, high: its 95% t interval, alone and not corrected; infinite where all differences are equal.
        p_value: of the paired t test, alone; 1 where all differences are equal.
        p_holm: the same, corrected for all the standards of the table.
    """

    name: str
    n_pairs: int
    gain: float
    low: float
    high: float
    p_value: float
    p_holm: float


def compare_others(others: Mapping[str, PairedRuns], *, level: float = 0.05) -> list[OtherStandard]:
    """One row for each standard, in their order.

    The number of pairs was chosen by the primary comparison, so these p-values are information and no
    second verdict.

    Args:
        others: by the standard's name, the candidate beside it on the seeds they share, at least two.
        level: of the intervals, two-sided.
    """
    p_values = [_p_value(runs) for runs in others.values()]
    rows = []
    for (name, runs), p_value, p_holm in zip(others.items(), p_values, holm(p_values), strict=True):
        interval = t_interval(runs.gains, level, scale=runs.scale)
        rows.append(
            OtherStandard(
                name=name,
                n_pairs=len(runs),
                gain=float(runs.gains.mean()),
                low=interval.low,
                high=interval.high,
                p_value=p_value,
                p_holm=p_holm,
            )
        )
    return rows


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's adjusted p-values, in the order given (Holm 1979, Scand. J. Statist. 6).

    The k-th smallest of m is multiplied by `m - k + 1`; none falls below a smaller one's, none exceeds 1.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    array = finite_values(p_values, "p_values", at_least=0)
    if ((array < 0) | (array > 1)).any():
        raise ValueError(f"p_values must lie in 0 to 1 but are {list(p_values)}.")
    order = np.argsort(array, kind="stable")
    steps = array[order] * np.arange(array.size, 0, -1)
    adjusted = np.empty_like(array)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return [float(p) for p in adjusted]


def _p_value(runs: PairedRuns) -> float:
    finite_values(runs.gains, "pairs", at_least=2)
    if runs.all_gains_equal:
        return 1.0
    from scipy import special

    t = float(runs.gains.mean()) / standard_error(runs.gains)
    p_value = 2 * float(special.stdtr(len(runs) - 1, -abs(t)))
    assert math.isfinite(p_value)
    return p_value
