"""How the result depends on the shape and on the peak lr, learnt from every full run together.

The value of run `i`, of shape `s`, at log peak lr `l` and with seed `j`, above the best one and drawn in
where it is far above (see `drawn_in`), is

    y_i = m + g(z) + A(s) + B(s, z) + S_j + e_i,        z = l - rho * log scale(s).

`g` is what the peak lr does to all shapes, `A` the level of a shape, `B` what the lr does to it alone: its
own optimum, its own cliff. `z` is the lr relative to where the last-iterate bound (`peak_lr.py`) puts the
shape's best one, as far (`rho`) as the study bears the bound out. `g`, `A` and `B` are Gaussian processes
(Matern 3/2) over `z`, over the shapes' features and over both, so neighbours share what is known; `S_j` and
`e_i` are independent noise. The scales, `rho` among them, are fitted by their posterior (Rasmussen,
Williams: Gaussian Processes for Machine Learning, 2006, ch. 2, 5) under wide priors: how wide a valley is,
how far apart the shapes' optima lie and how large the noise is differ by a hundred times from task to task.

No form is assumed for `g`: seen from its best lr a training is flat on one side and falls off a cliff on the
other, and a parabola through three such points has neither its centre nor its width right.

To Optuna's samplers, on the trial's parameters, a shape at a wrong peak lr looks bad and one at a lucky seed
good. Here a run says something about its neighbours and the seed is told apart, so fewer runs are needed.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence

import numpy as np
from scipy.linalg import cho_solve, solve_triangular

from search.strategy.kernels import Matern, Vector, squared_distances
from search.strategy.law_mean import LawMean
from search.strategy.observations import Belief, Observation, Points, points_at
from search.strategy.scales import EXPLAINED_BY_LAW, SPREAD, TYPICAL, Scales
from search.strategy.tail import drawn_in, drawn_out, tail_of

MEAN, MEAN_SD = 1.5, 1.5
"""What is expected where nothing is near, in units of the tail: worse than most that was tried."""
LR_PLACES = 81
RHO = Scales._fields.index("rho")
_JITTER = 1e-10


class Surrogate:
    """The fitted model. Values are those of `Observation.value`."""

    def __init__(
        self,
        observations: Sequence[Observation],
        scales: Scales | None = None,
        law: LawMean | None = None,
    ) -> None:
        """Fit to `observations`, at least one; `scales` of an earlier fit save fitting them again; `law`: of
        the same study, if its runs have curves."""
        self._points = points_at(observations)
        self._seeds = np.array([o.seed for o in observations])
        self._same_seed = (self._seeds[:, None] == self._seeds[None, :]).astype(float)
        values = np.array([o.value for o in observations])
        self._best = float(values.min())
        self.tail = tail_of(values)
        self._y = drawn_in(values - self._best, self.tail) / self.tail - MEAN
        self._shape_distances = np.sqrt(squared_distances(self._points.features, self._points.features))
        self._law = law
        self._foretold = np.zeros(len(self._y))
        self.scales = self._fitted() if scales is None else scales
        self._factor = np.linalg.cholesky(self._covariance(self.scales, *self._kernels(self.scales)))
        self._weights = cho_solve((self._factor, True), self._y - self._by_law(self._points))

    @property
    def tried_range(self) -> tuple[float, float]:
        """Lowest and highest log peak lr of the observations."""
        return float(self._points.log_lr.min()), float(self._points.log_lr.max())

    @property
    def noise_sd(self) -> float:
        """Standard deviation between two seeds of one schedule, the part that pairing by seed removes
        included."""
        return self.tail * math.hypot(math.exp(self.scales.log_noise), math.exp(self.scales.log_seed_effect))

    @property
    def paired_noise_sd(self) -> float:
        """The part of `noise_sd` that a comparison on one seed keeps."""
        return self.tail * math.exp(self.scales.log_noise)

    def predict(self, points: Points) -> tuple[Vector, Vector]:
        """Expected value over seeds, and its standard deviation, both `M`.

        Far above the best, the values are as they were drawn in; see `drawn_out`.
        """
        mean, halves = self.explanation(points)
        return mean, self.sd_left((halves**2).sum(0))

    def explanation(self, points: Points) -> tuple[Vector, Vector]:
        """Expected values over seeds, `M`, and what the runs explain of them, `runs x M`: the sum of its
        squares is a variance."""
        cross = self._cross(points)
        halves = solve_triangular(self._factor, cross.T, lower=True, check_finite=False)
        return self._best + self.tail * (MEAN + self._by_law(points) + cross @ self._weights), halves

    def sd_left(self, explained: Vector) -> Vector:
        """Standard deviation over seeds where a variance of `explained` is explained."""
        deviation: Vector = self.tail * np.sqrt(np.maximum(self._own_variance - explained, _JITTER))
        return deviation

    def signal(self, a: Points, b: Points) -> Vector:
        """Covariance of what is expected over seeds, `len(a) x len(b)`, in units of the tail squared."""
        return self._signal(a, b, self.scales)

    def believing(self, runs: Sequence[Observation]) -> tuple[Surrogate, Belief]:
        """The model with more runs, of which their expected values are believed; their `value` is not read.

        What is expected stays what it is everywhere, and is surer near the runs.
        """
        points = points_at(runs)
        seeds = np.array([run.seed for run in runs])
        luck = math.exp(2 * self.scales.log_seed_effect)
        cross = self._cross(points) + luck * (seeds[:, None] == self._seeds[None, :])
        rows = solve_triangular(self._factor, cross.T, lower=True, check_finite=False).T
        own = self._signal(points, points, self.scales) + luck * (seeds[:, None] == seeds[None, :])
        own[np.diag_indices_from(own)] += math.exp(2 * self.scales.log_noise) + _JITTER
        corner = np.linalg.cholesky(own - rows @ rows.T)
        more = copy.copy(self)
        more._points = Points(*(np.concatenate(pair) for pair in zip(self._points, points, strict=True)))
        more._seeds = np.concatenate([self._seeds, seeds])
        more._factor = np.block([[self._factor, np.zeros(rows.T.shape)], [rows, corner]])
        more._weights = np.concatenate([self._weights, np.zeros(len(runs))])
        return more, Belief(points, rows, corner)

    def differences(self, points: Points, base: Points) -> tuple[Vector, Vector]:
        """How much worse than `base` (one point) each is expected to be over seeds, and the standard
        deviation of that, both `M`.

        What is uncertain about both alike, such as how good the seeds were, is not in it.
        """
        apart = self._cross(points) - self._cross(base)
        between = self._signal(points, base, self.scales)[:, 0]
        variance = 2 * (self._own_variance - between) - self._explained(apart)
        behind = apart @ self._weights + self._by_law(points) - self._by_law(base)
        return self.tail * behind, self.tail * np.sqrt(np.maximum(variance, _JITTER))

    def drawn_out(self, expected: Vector) -> Vector:
        """Values that `predict` gave, in the unit of those that were measured."""
        return self._best + drawn_out(expected - self._best, self.tail)

    def best_log_lr(self, features: Vector, log_scale: float) -> float:
        """The log peak lr at which a shape is expected to be best, among those between the tried ones."""
        log_lrs = np.linspace(*self.tried_range, LR_PLACES)
        many = Points(np.tile(features, (LR_PLACES, 1)), log_lrs, np.full(LR_PLACES, log_scale))
        return float(log_lrs[int(self.predict(many)[0].argmin())])

    def _by_law(self, points: Points) -> Vector:
        """What the law adds to `MEAN`, `M`, in units of the tail."""
        if self._law is None or self.scales.law == 0.0:
            return np.zeros(len(points.log_lr))
        return self.scales.law * self._in_tails(self._law, self._law.losses(points), points)

    def _in_tails(self, law: LawMean, losses: Vector, points: Points) -> Vector:
        return law.trust(points) * (drawn_in(losses - self._best, self.tail) / self.tail - MEAN)

    def _cross(self, points: Points) -> Vector:
        return self._signal(points, self._points, self.scales)

    def _explained(self, cross: Vector) -> Vector:
        half = solve_triangular(self._factor, cross.T, lower=True, check_finite=False)
        explained: Vector = (half**2).sum(0)
        return explained

    @property
    def _own_variance(self) -> float:
        """Variance of what is expected over seeds before any run."""
        s = self.scales
        return MEAN_SD**2 + sum(math.exp(2 * log) for log in (s.log_common, s.log_level, s.log_own))

    def _signal(self, a: Points, b: Points, scales: Scales) -> Vector:
        """Covariance of what is expected over seeds, `len(a) x len(b)`."""
        apart = np.abs(_relative(a, scales)[:, None] - _relative(b, scales)[None, :])
        lr = Matern(apart, scales.log_lr_length)
        shape = Matern(np.sqrt(squared_distances(a.features, b.features)), scales.log_shape_length)
        return _sum_of_parts(lr.covariance, shape.covariance, scales)

    def _kernels(self, scales: Scales) -> tuple[Matern, Matern]:
        """Of the observations, by their lrs and by their shapes."""
        z = _relative(self._points, scales)
        by_lr = Matern(np.abs(z[:, None] - z[None, :]), scales.log_lr_length)
        return by_lr, Matern(self._shape_distances, scales.log_shape_length)

    def _covariance(self, scales: Scales, lr: Matern, shape: Matern) -> Vector:
        """Of the observations, whose kernels are `lr` and `shape`."""
        covariance = _sum_of_parts(lr.covariance, shape.covariance, scales)
        covariance += math.exp(2 * scales.log_seed_effect) * self._same_seed
        covariance[np.diag_indices_from(covariance)] += math.exp(2 * scales.log_noise) + _JITTER
        return covariance

    def _fitted(self) -> Scales:
        """The scales with the highest posterior; the law has a share where it foretells the schedules left
        out better than a constant."""
        plain, loss = self._most_likely(len(TYPICAL) - 1)
        if self._law is None:
            return plain
        self._foretold = self._in_tails(self._law, self._law.left_out(self._points), self._points)
        with_law, loss_with_law = self._most_likely(len(TYPICAL))
        return with_law if with_law.law > 0.0 and loss_with_law < loss else plain

    def _most_likely(self, n_scales: int) -> tuple[Scales, float]:
        """Of the first `n_scales`, and minus the log of the posterior."""
        from scipy.optimize import minimize  # takes long to import; who trains has begun by now

        typical, spread = np.array(TYPICAL)[:n_scales], np.array(SPREAD)[:n_scales]
        bounds = list(zip(typical - 3 * spread, typical + 3 * spread, strict=True))
        bounds[RHO] = (0.0, 1.2)
        bounds[RHO + 1 :] = [(0.0, 1.0)] * (n_scales - RHO - 1)
        found = minimize(
            self._loss, typical, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 40}
        )
        return Scales(*(float(x) for x in found.x)), float(found.fun)

    def _loss(self, x: Vector) -> tuple[float, Vector]:
        """Minus the log posterior of the scales, up to a constant, and its gradient."""
        scales = Scales(*x)
        n, spread = len(x), np.array(SPREAD)[: len(x)]
        explained = np.array(EXPLAINED_BY_LAW)[:n]
        surprise = (x - np.array(TYPICAL)[:n] - scales.law * explained) / spread
        kernels = self._kernels(scales)
        try:
            factor = np.linalg.cholesky(self._covariance(scales, *kernels))
        except np.linalg.LinAlgError:
            return 1e10, np.zeros_like(x)
        inverse = cho_solve((factor, True), np.eye(len(factor)))
        rest = self._y - scales.law * self._foretold
        weights = inverse @ rest
        loss = 0.5 * rest @ weights + np.log(np.diag(factor)).sum() + 0.5 * surprise @ surprise
        pull = inverse - np.outer(weights, weights)
        by_law = -self._foretold @ weights - explained @ (surprise / spread)
        product = np.empty_like(pull)  # one for all: to make it anew takes longer than the product
        slopes = [
            *(
                0.5 * np.multiply(pull, part, out=product).sum()
                for part in self._derivatives(scales, *kernels)
            ),
            by_law,
        ]
        return float(loss), np.array(slopes[:n]) + surprise / spread

    def _derivatives(self, s: Scales, lr: Matern, shape: Matern) -> list[Vector]:
        """Of the observations' covariance by each of the scales."""
        z, c = _relative(self._points, s), self._points.log_scale
        common, level, own = (math.exp(2 * log) for log in (s.log_common, s.log_level, s.log_own))
        by_lr = common + own * shape.covariance
        pull = 3.0 * (z[:, None] - z[None, :]) * np.exp(-2 * s.log_lr_length) * lr.decay
        return [
            2 * math.exp(2 * s.log_noise) * np.eye(len(z)),
            2 * math.exp(2 * s.log_seed_effect) * self._same_seed,
            2 * common * lr.covariance,
            2 * level * shape.covariance,
            2 * own * shape.covariance * lr.covariance,
            by_lr * lr.by_length,
            (level + own * lr.covariance) * shape.by_length,
            by_lr * pull * (c[:, None] - c[None, :]),
        ]


def _relative(points: Points, scales: Scales) -> Vector:
    relative: Vector = points.log_lr - scales.rho * points.log_scale
    return relative


def _sum_of_parts(lr: Vector, shape: Vector, s: Scales) -> Vector:
    common, level, own = (math.exp(2 * log) for log in (s.log_common, s.log_level, s.log_own))
    covariance: Vector = MEAN_SD**2 + common * lr + (level + own * lr) * shape
    return covariance
