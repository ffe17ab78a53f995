"""When a search may end before its limit: what is left to gain is below the noise.

Every trial that is chosen for what it may gain carries the expected improvement over the leader (Jones et
al., 1998, on the difference of the two, so that what is uncertain about both alike does not count). Once the
last `LAST` of them were all below a tenth of the noise between seeds, such a gain could not be told from luck
with fewer than hundreds of seeds.
"""

from __future__ import annotations

from collections.abc import Sequence

LAST = 16
SHARE_OF_NOISE = 0.1
LEAST_RUNS = 20
"""Runs to the full horizon before anything is said."""
LEADER_SEEDS = 3
"""On fewer the leader may lead by luck."""


def plateau(gains: Sequence[float], *, noise_sd: float, n_full: int, leader_seeds: int) -> str | None:
    """Why a search may end here, in words; None where it should go on.

    Args:
        gains: the expected improvements of the trials so far, in their order, >= 0, in the unit of the
            objective.
        noise_sd: standard deviation between two seeds of one schedule.
        n_full: runs to the full horizon so far.
        leader_seeds: on how many seeds the leading schedule was trained.

    >>> print(plateau([0.001] * 16, noise_sd=0.02, n_full=40, leader_seeds=3))
    what more trials are expected to gain (0.001) is below a tenth of the noise between seeds (0.02)
    """
    recent = gains[-LAST:]
    if len(recent) < LAST or n_full < LEAST_RUNS or leader_seeds < LEADER_SEEDS:
        return None
    most = max(recent)
    if most >= SHARE_OF_NOISE * noise_sd:
        return None
    return (
        f"what more trials are expected to gain ({most:.2g}) is below a tenth of the noise between seeds "
        f"({noise_sd:.2g})"
    )
