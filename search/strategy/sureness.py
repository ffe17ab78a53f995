"""How sure it has to be that a schedule is better than the best baseline before it is the answer.

Readers of a study know this rule without the model (`search.strategy.study_model`), which takes long to
import.
"""

from __future__ import annotations

SURE_ENOUGH = 0.8
"""The probability of being better from which a schedule is preferred to the best baseline."""
SURE_OF_ONE_RUN, FEW_RUNS = 0.975, 3
"""The same for a schedule that was trained once, against one of so many runs or more: the best of many
single runs owes much of its value to having been chosen."""


def probability_of(gain: float, sd: float, freedom: int) -> float:
    """Probability that a gain is above 0, by Student's t: few repeats know little of the noise.

    To 1e-8: scipy computes it from `freedom / (freedom + t**2)`, which a `t` below that does not change.

    >>> round(probability_of(1.0, 1.0, 1000), 2), round(probability_of(1.0, 1.0, 1), 2)
    (0.84, 0.75)
    """
    from scipy import special  # takes long to import, and most who read an answer do without

    return float(special.stdtr(freedom, gain / sd)) if sd > 0 else float(gain > 0)


def is_enough(probability: float, leader_runs: int, baseline_runs: int) -> bool:
    """Whether a schedule is the answer rather than the best baseline.

    Args:
        probability: that it is better.
        leader_runs: complete runs of the schedule.
        baseline_runs: complete runs of the baseline.

    >>> is_enough(0.9, 2, 8), is_enough(0.9, 1, 8), is_enough(0.9, 1, 1)
    (True, False, True)
    """
    single = leader_runs == 1 and baseline_runs >= FEW_RUNS
    return probability >= (SURE_OF_ONE_RUN if single else SURE_ENOUGH)
