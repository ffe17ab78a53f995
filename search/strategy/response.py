"""How the result depends on the shape and on the peak lr, learnt from every full run together.

The value of run `i`, of shape `s`, with relative log peak lr `x` (see `Observation`) and seed `j`, is

    y_i = b_0 + b_1 (x - m) + b_2 (x - m)^2       one parabola for all shapes,
          + A(s) + B(s) (x - m)                   a level and an optimum of its own for each shape,
          + S_j + e_i                             what the seed does to all, and what is left.

`A` and `B` are Gaussian processes over the shapes' features (Matern 3/2), so shapes that look alike share
what is known; `S_j` and `e_i` are independent noise. Everything is Gaussian given a handful of scales, which
are fitted by their posterior (Rasmussen, Williams: Gaussian Processes for Machine Learning, 2006, ch. 2, 5).

Why not Optuna's samplers on the trial's parameters: a shape tried at a wrong peak lr looks bad, and one tried
at a lucky seed looks good. Here a run says something about its neighbours and the seed is told apart, so
fewer runs are needed; `benchmarks/search_quality.py` has the comparison.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve
from scipy.optimize import minimize

Vector = NDArray[np.float64]

LR_OFFSET_SD = 0.12
"""How far the best peak lr of a shape lies from where the bound puts it: standard deviation of the log."""
SHARED_OFFSET_SD = 0.3
"""The same for all shapes together, after the sweep on the first shape."""
TAIL = 0.3
"""Values further above the best than this times the curvature are drawn towards it: they are bad, and how
bad says nothing about the good ones."""
LR_PLACES = 21
BEYOND = 0.2
"""How far beyond the tried peak lrs the parabola is believed."""
_JITTER = 1e-12


@dataclass(frozen=True, eq=False)
class Observation:
    """One run to the full horizon."""

    features: Vector
    x: float
    """log(peak lr / the shape's `lr_scale`)."""
    value: float
    """Lower is better."""
    seed: int


@dataclass(frozen=True)
class LrPrior:
    """What the sweep of the peak lr has found before any full run."""

    x: float
    """Where the best relative log peak lr may lie."""
    curvature: float
    """Half the second derivative of the value there, > 0."""


class Response:
    """The fitted model. Values are those of `Observation.value`."""

    def __init__(
        self, observations: Sequence[Observation], prior: LrPrior, scales: Vector | None = None
    ) -> None:
        """Fit to `observations`, at least one; `scales` of an earlier fit save fitting them again."""
        self.prior = prior
        self._features = np.array([o.features for o in observations])
        self._u = np.array([o.x for o in observations]) - prior.x
        seeds = np.array([o.seed for o in observations])
        self._same_seed = seeds[:, None] == seeds[None, :]
        values = np.array([o.value for o in observations])
        self._best = float(values.min())
        self._tail = TAIL * prior.curvature
        self._y = _drawn_in(values - self._best, self._tail)
        self._distances = _squared_distances(self._features, self._features)
        self._typical = np.log(prior.curvature * np.array([0.04, 0.05, 0.3, 0.6 / prior.curvature]))
        self.scales = self._fitted() if scales is None else scales
        self._factor = self._cholesky(self.scales)
        self._weights = cho_solve((self._factor, True), self._residual)

    @property
    def tried_range(self) -> tuple[float, float]:
        """Lowest and highest relative log peak lr of the observations, and a little beyond."""
        x = self._u + self.prior.x
        return float(x.min()) - BEYOND, float(x.max()) + BEYOND

    @property
    def noise_sd(self) -> float:
        """Standard deviation between two seeds of one schedule, the part that pairing by seed removes
        included."""
        return float(np.hypot(*np.exp(self.scales[:2])))

    @property
    def paired_noise_sd(self) -> float:
        """The part of `noise_sd` that a comparison on one seed keeps."""
        return float(np.exp(self.scales[0]))

    def predict(self, features: Vector, x: Vector) -> tuple[Vector, Vector]:
        """Expected value over seeds, and its standard deviation.

        Args:
            features: `M x F`.
            x: `M`, relative log peak lrs.
        """
        u = x - self.prior.x
        cross = self._covariance_of(features, u, self._features, self._u)
        mean = self.prior.curvature * u**2 + cross @ self._weights
        own = self._own_variance(u)
        explained = np.einsum("ij,ji->i", cross, cho_solve((self._factor, True), cross.T))
        return self._best + mean, np.sqrt(np.maximum(own - explained, _JITTER))

    def differences(
        self, features: Vector, x: Vector, base_features: Vector, base_x: float
    ) -> tuple[Vector, Vector]:
        """How much worse than a base each is expected to be over seeds, and the standard deviation of that.

        What is uncertain about both alike, such as how good the seeds were, is not in it.

        Args:
            features: `M x F`.
            x: `M`, relative log peak lrs.
            base_features: `F`, of the base.
            base_x: its relative log peak lr.
        """
        u, base_u = x - self.prior.x, np.array([base_x - self.prior.x])
        base = base_features[None, :]
        cross = self._covariance_of(features, u, self._features, self._u)
        cross_base = self._covariance_of(base, base_u, self._features, self._u)
        apart = cross - cross_base
        mean = self.prior.curvature * (u**2 - base_u**2) + apart @ self._weights
        own = self._own_variance(u) + self._own_variance(base_u)
        own = own - 2 * self._covariance_of(features, u, base, base_u)[:, 0]
        explained = np.einsum("ij,ji->i", apart, cho_solve((self._factor, True), apart.T))
        return mean, np.sqrt(np.maximum(own - explained, _JITTER))

    def best_x(self, features: Vector, low: float, high: float) -> Vector:
        """The relative log peak lr at which each shape is expected to be best, within [low, high].

        Args:
            features: `M x F`.
        """
        if high <= low:
            return np.full(len(features), low)
        grid = np.linspace(low, high, LR_PLACES)
        means = self._means_along(features, grid - self.prior.x)
        least = np.clip(means.argmin(1), 1, len(grid) - 2)
        rows = np.arange(len(features))
        left, middle, right = (means[rows, least + d] for d in (-1, 0, 1))
        bend = left - 2 * middle + right
        shift = np.where(bend > 0, 0.5 * (left - right) / np.where(bend > 0, bend, 1.0), 0.0)
        shift = np.where(bend > 0, shift, np.where(left < right, -1.0, 1.0))
        found: Vector = np.clip(grid[least] + np.clip(shift, -1, 1) * (grid[1] - grid[0]), low, high)
        return found

    def _means_along(self, features: Vector, u: Vector) -> Vector:
        """Expected values, `M x len(u)`: each shape at each place.

        The covariance is a sum of products of something of the shapes and something of the places, so the
        shapes' part is made once.
        """
        alike = _matern(_squared_distances(features, self._features), float(np.exp(self.scales[3])))
        level = np.exp(2 * self.scales[2]) * alike @ self._weights
        tilt = self._offset_variance * alike @ (self._u * self._weights)
        parabola = _basis(u) @ (self._basis_variance * (_basis(self._u).T @ self._weights))
        means: Vector = level[:, None] + np.outer(tilt, u) + parabola + self.prior.curvature * u**2
        return means

    @property
    def _offset_variance(self) -> float:
        return (2 * self.prior.curvature * LR_OFFSET_SD) ** 2

    @property
    def _basis_variance(self) -> Vector:
        c = self.prior.curvature
        return np.array([(3 * c) ** 2, (2 * c * SHARED_OFFSET_SD) ** 2, (0.4 * c) ** 2])

    @property
    def _residual(self) -> Vector:
        residual: Vector = self._y - self.prior.curvature * self._u**2
        return residual

    def _own_variance(self, u: Vector) -> Vector:
        """Variance of what is expected over seeds before any run, at each place."""
        variance: Vector = np.exp(2 * self.scales[2]) + self._offset_variance * u**2
        return variance + _basis(u) ** 2 @ self._basis_variance

    def _covariance_of(self, a: Vector, u_a: Vector, b: Vector, u_b: Vector) -> Vector:
        """Covariance of what is expected over seeds."""
        return self._signal(_squared_distances(a, b), u_a, u_b, self.scales)

    def _signal(self, distances: Vector, u_a: Vector, u_b: Vector, scales: Vector) -> Vector:
        alike = _matern(distances, float(np.exp(scales[3])))
        by_shape = (np.exp(2 * scales[2]) + self._offset_variance * np.outer(u_a, u_b)) * alike
        parabola = _basis(u_a) @ (self._basis_variance[:, None] * _basis(u_b).T)
        covariance: Vector = by_shape + parabola
        return covariance

    def _cholesky(self, scales: Vector) -> Vector:
        covariance = self._signal(self._distances, self._u, self._u, scales)
        covariance = covariance + np.exp(2 * scales[1]) * self._same_seed
        diagonal = np.exp(2 * scales[0]) + _JITTER
        factor: Vector = np.linalg.cholesky(covariance + diagonal * np.eye(len(self._u)))
        return factor

    def _fitted(self) -> Vector:
        """The scales with the highest posterior: log of noise, seed effect, shape effect and length."""
        if len(self._y) < 4:
            return self._typical
        bounds = [(centre - 3.0, centre + 3.0) for centre in self._typical]
        found = minimize(self._loss, self._typical, method="L-BFGS-B", bounds=bounds, options={"maxiter": 25})
        return np.asarray(found.x)

    def _loss(self, scales: Vector) -> float:
        """Minus the log posterior of the scales, up to a constant."""
        try:
            factor = self._cholesky(scales)
        except np.linalg.LinAlgError:
            return 1e10
        white = np.linalg.solve(factor, self._residual)
        surprise = (scales - self._typical) / np.array([0.7, 0.9, 0.8, 0.6])
        return float(0.5 * white @ white + np.log(np.diag(factor)).sum() + 0.5 * surprise @ surprise)


def _basis(u: Vector) -> Vector:
    return np.stack([np.ones_like(u), u, u**2], axis=1)


def _matern(squared_distances: Vector, length: float) -> Vector:
    scaled = np.sqrt(3.0 * squared_distances) / length
    result: Vector = (1.0 + scaled) * np.exp(-scaled)
    return result


def _squared_distances(a: Vector, b: Vector) -> Vector:
    """`len(a) x len(b)`."""
    squares = (a**2).sum(1)[:, None] + (b**2).sum(1)[None, :] - 2.0 * a @ b.T
    positive: Vector = np.maximum(squares, 0.0)
    return positive


def _drawn_in(above_best: Vector, tail: float) -> Vector:
    """Linear up to `tail`, logarithmic beyond."""
    over = np.maximum(above_best, tail)
    return np.where(above_best > tail, tail * (1.0 + np.log(over / tail)), above_best)
