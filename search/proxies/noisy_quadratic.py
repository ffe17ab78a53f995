"""`noisy_quadratic`: SGD on linear regression, whose expected risk after any schedule is computed exactly.

It is the yardstick of a search: nothing is sampled to train it, a run costs milliseconds, and the best of
all schedules is known (`benchmarks/quadratic_optimum.py`, `quadratic_family.py`). Start at `NoisyQuadratic`.

The task: inputs `x ~ N(0, diag(l))` with `D` eigenvalues `l`, targets `y = w* . x + e`, `e ~ N(0, sigma^2)`,
loss `(w . x - y)^2 / 2`, each step on `B` fresh samples. Let `m_i = E[(w_i - w*_i)^2]` and `S = sum l_i m_i`.
The gradient has the mean `l_i (w_i - w*_i)`; by the fourth moments of a Gaussian its part `i` has the second
moment `l_i^2 m_i (B + 1) / B + l_i (S + sigma^2) / B`. So a step of rate `a` takes `m_i` to

    (1 - 2 a l_i + a^2 l_i^2 (B + 1) / B) m_i + a^2 l_i (S + sigma^2) / B

and the expected loss on fresh data is `(S + sigma^2) / 2`. The noisy quadratic of Zhang et al., arXiv
1907.04164, and of Wu et al., ICLR 2018 (arXiv 1803.02021), has noise of a fixed covariance in place of the
sampled inputs'.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from search.direction import Direction
from search.proxies.fingerprints import built_in_fingerprint
from search.proxies.proxy import SGD

VERSION = 1
"""Goes up when the same arguments train something else, here or in what this module imports."""
FloatArray = NDArray[np.float64]
METRICS: Mapping[str, Direction] = MappingProxyType({"val_loss": "minimize"})
STEPS_PER_EPOCH = 60


@dataclass(frozen=True, kw_only=True, eq=False)
class NoisyQuadratic:
    """The task, a value; `risks` trains one schedule. What a study sees of it is in `quadratic_noise.py`."""

    spectrum: FloatArray
    """`D`: eigenvalues of the inputs' covariance, > 0."""
    start: FloatArray
    """`D`: `m_i` before the first step, >= 0."""
    sigma: float
    """Standard deviation of the targets' noise, >= 0."""
    batch_size: int
    """Samples of a step, >= 1."""
    noise: float
    """Standard deviation between seeds of the logarithm of the excess loss that a study sees, >= 0."""
    correlation: float
    """Correlation of two schedules' noise on the same seed, in [0, 1]."""
    fingerprint: str
    """SHA-256 of version and arguments: workers must agree on it."""
    name: str = "noisy_quadratic"
    steps_per_epoch: int = STEPS_PER_EPOCH
    optimizer: SGD = field(default_factory=SGD)
    metrics: Mapping[str, Direction] = field(default_factory=lambda: METRICS)
    python_note: str | None = None

    def __post_init__(self) -> None:
        if self.spectrum.ndim != 1 or not np.all((self.spectrum > 0) & np.isfinite(self.spectrum)):
            raise ValueError("spectrum must be a vector of finite eigenvalues > 0.")
        if self.start.shape != self.spectrum.shape or not np.all((self.start >= 0) & np.isfinite(self.start)):
            raise ValueError("start must be finite, >= 0 and of the spectrum's shape.")
        if self.batch_size < 1:
            raise ValueError(f"batch_size must be at least 1 but got {self.batch_size!r}.")
        for name in ("sigma", "noise"):
            if not 0.0 <= getattr(self, name) < float("inf"):
                raise ValueError(f"{name} must be finite, >= 0, but got {getattr(self, name)!r}.")
        if not 0.0 <= self.correlation <= 1.0:
            raise ValueError(f"correlation must lie in [0, 1] but got {self.correlation!r}.")

    @property
    def parameter_count(self) -> int:
        """How many weights are trained, `D`."""
        return len(self.spectrum)

    @property
    def floor(self) -> float:
        """The expected loss of `w*`: no training goes below it."""
        return self.sigma**2 / 2

    @property
    def untrained(self) -> float:
        """The expected loss before the first step."""
        return self.risk(self.start)

    def risk(self, moments: FloatArray) -> float:
        """The expected loss on fresh data where the weights' second moments are `moments`, `D`."""
        return (float(self.spectrum.dot(moments)) + self.sigma**2) / 2

    def train(self, moments: FloatArray, lrs: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Some steps on from any state; cut into pieces or not, the numbers are the same bits.

        Args:
            moments: `D`, not changed.
            lrs: `T`, >= 0.

        Returns:
            `D`, the moments after them, and `T`, the expected loss after each; inf or nan on overflow.
        """
        moments, risks = moments.copy(), np.empty(len(lrs))
        with np.errstate(over="ignore", invalid="ignore"):
            risk = self.risk(moments)
            for step, (shrink, noise) in enumerate(zip(*self.step_terms(lrs), strict=True)):
                moments *= shrink
                noise *= risk
                moments += noise
                risk = risks[step] = self.risk(moments)
        return moments, risks

    def step_terms(self, lrs: FloatArray) -> tuple[FloatArray, FloatArray]:
        """`T x D` each: what a step multiplies `m` by, and what it adds for each unit of expected loss."""
        rates = lrs[:, None] * self.spectrum
        shrink = 1 - 2 * rates + rates**2 * ((self.batch_size + 1) / self.batch_size)
        return shrink, lrs[:, None] * rates * (2 / self.batch_size)

    def risks(self, lr_table: FloatArray) -> FloatArray:
        """`N + 1`: the expected loss before the first step of a schedule and after each."""
        _, risks = self.train(self.start, np.asarray(lr_table, dtype=np.float64))
        return np.concatenate([[self.untrained], risks])

    def excess(self, lr_table: FloatArray) -> float:
        """The expected loss above `floor` after a whole schedule, `sum l_i m_i / 2`."""
        return float(self.risks(lr_table)[-1]) - self.floor


def noisy_quadratic(
    *,
    n_eigenvalues: int = 128,
    exponent: float = 1.0,
    sigma: float = 1.0,
    batch_size: int = 8,
    noise: float = 0.03,
    correlation: float = 0.7,
) -> NoisyQuadratic:
    """Eigenvalues `i^-exponent`, every weight one away from its optimum at the start.

    Args:
        n_eigenvalues: `D`, >= 1.
        exponent: of the power law, >= 0.
        sigma: standard deviation of the targets' noise, >= 0.
        batch_size: samples of a step, >= 1.
        noise: standard deviation between seeds of the log excess loss that a study sees, >= 0.
        correlation: of two schedules' noise on the same seed, in [0, 1].
    """
    arguments = dict(locals())
    if n_eigenvalues < 1:
        raise ValueError(f"n_eigenvalues must be at least 1 but got {n_eigenvalues!r}.")
    if not 0.0 <= exponent < float("inf"):
        raise ValueError(f"exponent must be finite, >= 0, but got {exponent!r}.")
    return NoisyQuadratic(
        spectrum=np.arange(1, n_eigenvalues + 1, dtype=np.float64) ** -exponent,
        start=np.ones(n_eigenvalues),
        sigma=sigma,
        batch_size=batch_size,
        noise=noise,
        correlation=correlation,
        fingerprint=built_in_fingerprint(
            "noisy_quadratic", version=VERSION, data=b"", arguments=arguments, module="noisy_quadratic"
        ),
    )
