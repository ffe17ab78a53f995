"""How many trials a study proposes at once, and from which results; see `search.strategy.rounds`."""

from __future__ import annotations

from dataclasses import dataclass

SHARE_OUT = 7
"""A study has at most one in this many of its runs out at once: each round knows what those before found."""
FEWEST_OUT, MOST_OUT = 2, 64
OUT_WITHOUT_LIMIT = 28
"""Where only time limits the study."""
ROUNDS_OUT = 4
"""What is out is so many rounds."""
LARGEST_ROUND = 16


@dataclass(frozen=True)
class Rounds:
    """How a study proposes its trials.

    Attributes:
        size: trials of a round, at least 1.
        delay: how many numbers before a round's first trial its knowledge ends, at least 0.
    """

    size: int
    delay: int


def chosen_rounds(n_runs: int | None, *, size: int | None = None, delay: int | None = None) -> Rounds:
    """The rounds of a study, those that the study file gives and what suits it.

    Args:
        n_runs: full runs that it can afford; None where time limits it.
        size, delay: as the file has them.

    >>> chosen_rounds(200), chosen_rounds(8)
    (Rounds(size=7, delay=21), Rounds(size=1, delay=1))
    """
    out = OUT_WITHOUT_LIMIT if n_runs is None else min(max(n_runs // SHARE_OUT, FEWEST_OUT), MOST_OUT)
    if size is None:
        size = min(max(out // ROUNDS_OUT, 1), LARGEST_ROUND)
    return Rounds(size, max(out - size, 1) if delay is None else delay)
