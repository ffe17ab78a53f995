"""Which peak lr of a shape to try next: outwards while the outermost is best, else beside the best.

Peak lrs are told as log distances from where the best was expected. That may be off by a factor of several,
so nothing is called tuned on three lrs of which an outer one is best.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

FIRST_OFFSETS = (0.0, -0.5, 0.5)
"""Log distances of the first peak lrs from the expected one: a factor of 1.65 to each side."""
WIDENING = 1.5
"""Outwards each gap is so many times the last one: three lrs more reach a factor of 58."""
Edge = Literal["lowest", "highest"]


def best_offset(losses: Mapping[float, float]) -> float:
    """The offset of the lowest loss; of equal ones the lower lr, since what diverged is equally bad."""
    return min(losses, key=lambda offset: (losses[offset], offset))


def edge_of(best: float, tried: Mapping[float, object]) -> Edge | None:
    """Which end of the tried offsets the best one is; None where it lies inside, or is the only one."""
    if len(tried) < 2 or min(tried) < best < max(tried):
        return None
    return "lowest" if best == min(tried) else "highest"


def next_offset(losses: Mapping[float, float]) -> float:
    """The offset to try next.

    Args:
        losses: by offset tried, at least two; lower is better.

    >>> next_offset({-0.5: 2.2, 0.0: 2.1, 0.5: 2.0}), next_offset({-0.5: 2.1, 0.0: 2.0, 0.5: 2.2})
    (1.25, -0.25)
    """
    tried, best = sorted(losses), best_offset(losses)
    edge, at = edge_of(best, losses), tried.index(best)
    if edge == "lowest":
        return best - WIDENING * (tried[1] - best)
    if edge == "highest":
        return best + WIDENING * (best - tried[-2])
    below, above = tried[at - 1], tried[at + 1]
    other = min((below, above), key=lambda offset: (-abs(offset - best), losses[offset]))
    return (best + other) / 2
