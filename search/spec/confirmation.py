"""How many of a study's best schedules are trained again, on how many fresh seeds."""

from __future__ import annotations

from dataclasses import dataclass

LEADERS, SEEDS = 4, 3
# A training of the user's own may take hours; two leaders and the best baseline on two seeds are six of them.
OWN_LEADERS, OWN_SEEDS = 2, 2
SHARE_OF_RUNS = 0.25
"""Largest share of a study's runs that goes to the confirmation."""


@dataclass(frozen=True)
class ConfirmationSize:
    """How many leaders are confirmed, on how many seeds; no leaders: nothing is."""

    leaders: int = LEADERS
    seeds: int = SEEDS

    @property
    def most_runs(self) -> int:
        """Runs that it takes, the best baseline included."""
        return (self.leaders + 1) * self.seeds if self.leaders else 0


USUAL = ConfirmationSize()


def confirmation_size(
    *, declared: bool, leaders: int | None, seeds: int | None, n_runs: int | None
) -> ConfirmationSize:
    """The size in the study file, else the size that its kind of proxy and its number of runs can afford.

    Args:
        declared: whether a built-in or declared proxy is trained, not a script of the user's own.
        leaders: of the study file; None if it does not say.
        seeds: of the study file; None if it does not say.
        n_runs: the runs of the whole study, where they are its limit.

    >>> confirmation_size(declared=True, leaders=None, seeds=None, n_runs=24)
    ConfirmationSize(leaders=2, seeds=2)
    >>> confirmation_size(declared=True, leaders=None, seeds=None, n_runs=8).most_runs
    0
    """
    most = ConfirmationSize(
        leaders=(LEADERS if declared else OWN_LEADERS) if leaders is None else leaders,
        seeds=(SEEDS if declared else OWN_SEEDS) if seeds is None else seeds,
    )
    if n_runs is None or leaders is not None or seeds is not None:
        return most
    affordable = [
        ConfirmationSize(n, j)
        for n in range(1, most.leaders + 1)
        for j in range(2, most.seeds + 1)
        if (n + 1) * j <= n_runs * SHARE_OF_RUNS
    ]
    return max(affordable, key=lambda size: (size.most_runs, size.leaders), default=ConfirmationSize(0, 1))
