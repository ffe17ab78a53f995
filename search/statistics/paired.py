"""Two arms trained on the same seeds, pair by pair.

A pair shares its seed: initial weights and the order of the data. Where the arms' values correlate over the
seeds, their differences spread less than the values, and fewer pairs are needed; where they do not, pairing
costs nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from search.direction import Direction, sign_of
from search.statistics.intervals import finite_values, spread_is_zero


@dataclass(frozen=True, kw_only=True)
class PairedRuns:
    """The values of a candidate and of a standard, in the order of the seeds they share.

    A diverged run is no missing value: it counts with the untrained value of its seed, as in the search
    (`search.runs.scoring`). It is a large difference, so the interval widens: one among thirty can keep a
    comparison open, and several on one side lose it. No statistics foresee divergence that no seed has shown.

    Attributes:
        candidate: values by pair, finite.
        standard: values by pair, finite, as many.
        direction: which values are better.

    Raises:
        ValueError: another count, a value that is not finite, or an unknown direction.
    """

    candidate: tuple[float, ...]
    standard: tuple[float, ...]
    direction: Direction

    def __post_init__(self) -> None:
        finite_values(self.candidate, "candidate", at_least=0)
        finite_values(self.standard, "standard", at_least=0)
        sign_of(self.direction)
        if len(self.candidate) != len(self.standard):
            raise ValueError(
                "candidate and standard must have one value for each shared seed "
                f"but have {len(self.candidate)} and {len(self.standard)}."
            )

    def __len__(self) -> int:
        return len(self.candidate)

    @property
    def gains(self) -> NDArray[np.float64]:
        """`[N]`: how much better the candidate is, pair by pair; positive is better."""
        standard, candidate = (np.asarray(arm, dtype=np.float64) for arm in (self.standard, self.candidate))
        return np.multiply(sign_of(self.direction), standard - candidate)

    @property
    def scale(self) -> float:
        """The largest size of a value; rounding of a difference is relative to it."""
        return max((abs(value) for value in self.candidate + self.standard), default=0.0)

    @property
    def all_gains_equal(self) -> bool:
        """Whether the differences have no spread, so that no interval can be made of them."""
        return len(self) > 0 and spread_is_zero(self.gains, scale=self.scale)

    @property
    def correlation(self) -> float | None:
        """Pearson's correlation of the arms over the seeds; None where an arm has no spread to correlate."""
        arms = np.asarray(self.candidate), np.asarray(self.standard)
        if len(self) < 2 or any(spread_is_zero(arm, scale=self.scale) for arm in arms):
            return None
        return float(np.corrcoef(*arms)[0, 1])

    @property
    def seed_sd(self) -> float:
        """The standard's standard deviation between seeds: a yardstick that no candidate can stretch."""
        if len(self) < 2:
            raise ValueError(
                f"a standard deviation between seeds needs at least 2 pairs but has {len(self)}."
            )
        return float(np.std(self.standard, ddof=1))

    def first(self, n_pairs: int) -> PairedRuns:
        """The first `n_pairs` pairs."""
        if not 0 <= n_pairs <= len(self):
            raise ValueError(f"n_pairs must lie in 0 to {len(self)} but is {n_pairs}.")
        return replace(self, candidate=self.candidate[:n_pairs], standard=self.standard[:n_pairs])
