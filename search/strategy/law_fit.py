"""The law of the loss (`loss_law.py`) fitted to the validations of all runs, and how sure it is.

For each `a`, `C` and `kappa` of a grid the other three numbers follow by non-negative least squares. What is
expected is the mean over the grid, each place weighted by its posterior: a small ensemble, which is sure
where all laws that fit say the same. Since a place needs only sums over the tables, the fits that leave one
schedule out cost next to nothing, and they say how far the law can be trusted here.

`C` and the sums of the lrs are in units of the median validation's sum, so neither the unit of the lr nor
that of the steps matters.
"""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from search.strategy.loss_law import LossLaw, Tables, Vector, memory

EXPONENTS = (0.1, 0.2, 0.3, 0.45, 0.65, 0.9, 1.3, 1.8)
FORGETTING = (0.5, 1.4, 4.0, 11.0, 32.0, 90.0, 250.0, 700.0, 2000.0)
"""In units of the median validation's sum of lrs."""
POWERS = (0.3, 0.6, 0.9, 1.2, 1.6, 2.2, 3.0)
TYPICAL = np.log([0.4, 15.0, 1.2])
"""Of `a`, `C` and `kappa`. Fitted to all recorded curves of a built-in proxy (`benchmarks/law_curves.py`)
they are 0.2 to 0.9, 9 to 80 and 0.9 to 1.3, but for `mnist1d_mlp`, where the law does not hold."""
SPREAD = np.array([0.7, 1.8, 0.6])
"""Standard deviations of their logs."""
OWN_NUMBERS = 2.0
"""Independent numbers in the curve of one run: its validations share a seed."""
LEAST_ERROR = 0.01
"""The law's error where it fits best, in units of 1 / weight: it is no more exact than that."""
LEAST_SUM = 1e-6
"""Of the lrs: before the first the law has no value."""
ENSEMBLE = 16
"""Places of the grid that are kept at most."""


class Validations(NamedTuple):
    """`N` validations: each of a table that is a run's, or the beginning of one."""

    tables: Tables
    losses: Vector
    weights: Vector
    """One over the error that counts as 1."""
    schedules: NDArray[np.int64]
    """`N`: number of the schedule, from 0; equal for the seeds of one."""


class Ensemble(NamedTuple):
    """`K` laws, best first."""

    places: Vector
    """`K x 3`: `a`, `C` and `kappa`, of the grid."""
    numbers: Vector
    """`K x 3`: `L0`, `A` and `B`."""
    shares: Vector
    """`K`: of the posterior, 1 together."""


class LawFit:
    """The law as far as validations tell it.

    Args:
        seen: at least one.
        n_runs: of how many runs.
    """

    def __init__(self, seen: Validations, n_runs: int) -> None:
        self._seen, self._n_runs = seen, n_runs
        self._unit = float(np.median(seen.tables.sums))
        self._places = np.array(list(itertools.product(EXPONENTS, FORGETTING, POWERS)))
        self._rows = _terms(seen.tables, self._unit) * seen.weights[:, None]
        self._wanted = seen.losses * seen.weights
        self._normal = _normal_of(self._rows, self._wanted)
        self._whole = self._ensemble(*self._normal, n_runs)

    @property
    def best(self) -> LossLaw:
        """The law with the highest posterior."""
        exponent, forgetting, power = (float(x) for x in self._whole.places[0])
        floor, approach, noise = (float(x) for x in self._whole.numbers[0])
        return LossLaw(
            floor=floor,
            approach=approach * self._unit**exponent,
            exponent=exponent,
            noise=noise,
            forgetting=forgetting / self._unit,
            power=power,
        )

    def losses(self, tables: Tables, *, without: int | None = None) -> tuple[Vector, Vector]:
        """What is expected at the end of each table, and the standard deviation between the laws that fit;
        both `M`.

        `without`: of the fit that leaves out the validations of this schedule; it is not the only one.
        """
        fitted = self._whole if without is None else self._left_out(without)
        sums = np.maximum(tables.sums / self._unit, LEAST_SUM)
        pairs, of_pair = np.unique(fitted.places[:, 1:], axis=0, return_inverse=True)
        noises = np.array([memory(tables, p[:1] / self._unit, p[1:])[0, 0] for p in pairs])[of_pair.ravel()]
        floor, approach, noise = fitted.numbers.T[:, :, None]
        each = floor + approach * sums ** -fitted.places[:, :1] + noise * noises
        mean: Vector = fitted.shares @ each
        deviation: Vector = np.sqrt(fitted.shares @ (each - mean) ** 2)
        return mean, deviation

    def _left_out(self, schedule: int) -> Ensemble:
        mine = self._seen.schedules == schedule
        own = _normal_of(self._rows[:, mine], self._wanted[mine])
        rest = [whole - part for whole, part in zip(self._normal, own, strict=True)]
        return self._ensemble(rest[0], rest[1], rest[2], self._n_runs * (1.0 - float(mine.mean())))

    def _ensemble(self, products: Vector, wanted: Vector, squares: Vector, n_runs: float) -> Ensemble:
        """The places of the grid with the highest posterior."""
        numbers, errors = non_negative(products, wanted, squares)
        surprise = (((np.log(self._places) - TYPICAL) / SPREAD) ** 2).sum(1)
        error = errors / len(self._wanted) + LEAST_ERROR**2
        log_posterior = -0.5 * (OWN_NUMBERS * n_runs * np.log(error) + surprise)
        kept = np.argsort(-log_posterior, kind="stable")[:ENSEMBLE]
        shares = np.exp(log_posterior[kept] - log_posterior[kept[0]])
        return Ensemble(self._places[kept], numbers[kept], shares / shares.sum())


Normal = tuple[Vector, Vector, Vector]
"""Of a least squares problem at each of `G` places: `G x 3 x 3`, `G x 3` and the sum of squares wanted."""


def non_negative(products: Vector, wanted: Vector, squares: Vector) -> tuple[Vector, Vector]:
    """Three numbers, none below 0, at each of `G` places, and what is left of the squares there.

    All seven sets of numbers that may be above 0 are tried: the best of those that are is the answer (Lawson,
    Hanson: Solving Least Squares Problems, 1974, ch. 23).

    >>> numbers, left = non_negative(np.eye(3)[None], np.array([[2.0, -1.0, 0.5]]), np.array(6.0))
    >>> numbers, left
    (array([[2. , 0. , 0.5]]), array([1.75]))
    """
    size = np.sqrt(np.einsum("gii->gi", products)) + 1e-300
    scaled = products / (size[:, :, None] * size[:, None, :])
    right = wanted / size
    best = np.zeros_like(right)
    left = np.broadcast_to(squares, len(right)).astype(float)
    for some in _SETS:
        part = scaled[:, some][:, :, some]
        found = np.linalg.solve(part + 1e-10 * np.eye(len(some)), right[:, some][:, :, None])[:, :, 0]
        rest = squares - 2 * (found * right[:, some]).sum(1) + np.einsum("gi,gij,gj->g", found, part, found)
        better = (found >= 0).all(1) & (rest < left)
        left[better] = rest[better]
        best[better] = 0.0
        best[np.ix_(better, some)] = found[better]
    return best / size, np.maximum(left, 0.0)


_SETS = [list(s) for n in (1, 2, 3) for s in itertools.combinations(range(3), n)]


def _terms(tables: Tables, unit: float) -> Vector:
    """What the three numbers are multiplied by at each place of the grid, `G x M x 3`."""
    sums = np.maximum(tables.sums / unit, LEAST_SUM)
    gained = sums[None, :] ** -np.array(EXPONENTS)[:, None]
    noise = memory(tables, np.array(FORGETTING) / unit, np.array(POWERS)).reshape(-1, len(sums))
    terms = np.empty((len(gained), len(noise), len(sums), 3))
    terms[..., 0] = 1.0
    terms[..., 1] = gained[:, None]
    terms[..., 2] = noise[None]
    return terms.reshape(-1, len(sums), 3)


def _normal_of(rows: Vector, wanted: Vector) -> Normal:
    products = np.einsum("gni,gnj->gij", rows, rows)
    return products, np.einsum("gni,n->gi", rows, wanted), np.asarray(wanted @ wanted)
