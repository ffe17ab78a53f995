"""The functional scaling law: how the loss follows from the table of lrs (Li et al., arXiv 2509.19189).

With `S(t)` the sum of the lrs up to step `t`, the loss after a table of `t` lrs is

    L(t) = L0 + A S(t)^-a + B sum_{r <= t} eta_r^2 (1 + C (S(t) - S(r)))^-kappa

The first two terms are what training longer at higher lrs gains. The sum is the noise that high lrs put in,
and that is forgotten as training goes on: late high lrs cost, early ones do not. So the law knows of any
shape, with warm-up, restarts and floors, at any peak lr and horizon, what it is worth beside the others. It
knows no lr at which training breaks down, and nothing of a loss that rises since the model overfits.

A table is known by the mean lr of `P` equal parts, and a run that was validated on its way is as many
tables: its beginnings. The sum over the steps is taken as an integral over `S`, with the first correction of
Euler and Maclaurin, so that parts of many steps do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
PARTS = 48
"""Of a table."""


class Tables(NamedTuple):
    """`M` tables of lrs."""

    lrs: Vector
    """`M x P`: the mean lr of each of `P` equal parts; none negative."""
    steps: Vector
    """`M`: how long each table is."""

    @property
    def sums(self) -> Vector:
        """`M`: `S` at the end of each."""
        total: Vector = self.lrs.mean(1) * self.steps
        return total


@dataclass(frozen=True, kw_only=True)
class LossLaw:
    """The law with its six numbers; none negative, `exponent` and `forgetting` above 0."""

    floor: float
    """`L0`."""
    approach: float
    """`A`."""
    exponent: float
    """`a`."""
    noise: float
    """`B`."""
    forgetting: float
    """`C`, per lr."""
    power: float
    """`kappa`."""

    def losses(self, tables: Tables) -> Vector:
        """`M`: the loss at the end of each table; infinite after no lr but 0.

        >>> law = LossLaw(floor=1.0, approach=2.0, exponent=0.5, noise=0.1, forgetting=1.0, power=2.0)
        >>> halves = np.array([[1.0, 1.0], [1.5, 0.5]])  # of one sum, the second lower at its end
        >>> law.losses(Tables(halves, np.array([100.0, 100.0]))).round(3)
        array([1.349, 1.265])
        """
        with np.errstate(divide="ignore"):
            gained = self.approach * tables.sums**-self.exponent
        noise = memory(tables, np.array([self.forgetting]), np.array([self.power]))[0, 0]
        losses: Vector = self.floor + gained + self.noise * noise
        return losses


def memory(tables: Tables, forgetting: Vector, power: Vector) -> Vector:
    """The sum of the law, `sum_r eta_r^2 (1 + C (S - S_r))^-kappa`.

    Args:
        tables: `M` of them.
        forgetting: `C`, `c` values > 0.
        power: `kappa`, `k` values >= 0.

    Returns:
        `c x k x M`.
    """
    behind = _sums_to_the_end(tables)
    found = np.empty((len(forgetting), len(power), len(behind)))
    for i, rate in enumerate(forgetting):
        logs = np.log1p(rate * behind)
        for j, kappa in enumerate(power):
            left = np.exp(-kappa * logs)
            since = _integral(logs, left, rate, kappa)
            found[i, j] = ((since[:, :-1] - since[:, 1:]) * tables.lrs).sum(1)
            found[i, j] += 0.5 * ((left[:, 1:] - left[:, :-1]) * tables.lrs**2).sum(1)
    return found


def parts_of(lrs: Vector, n_parts: int = PARTS) -> Vector:
    """The mean lr of each of equal parts of a table: `n_parts`, steps cut where a part ends.

    >>> parts_of(np.array([4.0, 2.0, 0.0]), 2)
    array([3.33..., 0.66...])
    """
    sums = np.concatenate([[0.0], np.cumsum(lrs)])
    ends = np.linspace(0.0, len(lrs), n_parts + 1)
    parts: Vector = np.diff(np.interp(ends, np.arange(len(sums)), sums)) * n_parts / len(lrs)
    return parts


def _sums_to_the_end(tables: Tables) -> Vector:
    """`M x (P + 1)`: `S(end) - S` where each part begins, and 0."""
    each = tables.lrs * (tables.steps / tables.lrs.shape[1])[:, None]
    from_here = np.cumsum(each[:, ::-1], axis=1)[:, ::-1]
    return np.concatenate([from_here, np.zeros((len(each), 1))], axis=1)


def _integral(logs: Vector, left: Vector, rate: float, kappa: float) -> Vector:
    """Of `(1 + C s)^-kappa` from 0 to `S(end) - S`; `logs` of `1 + C s`, `left` the power itself."""
    if abs(kappa - 1.0) < 1e-6:
        return logs / rate
    whole: Vector = (np.exp(logs) * left - 1.0) / (rate * (1.0 - kappa))
    return whole
