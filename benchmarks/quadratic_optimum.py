"""The best of all lr tables for a `NoisyQuadratic`: no schedule of any family can do better.

The recursion of `search/proxies/noisy_quadratic.py` is a network of `N` layers with one weight each, the lr
of that step, so its gradient comes by going back through it. With `J = log excess` after `N` steps, `m_t`
before step `t`, the rate `a` of that step, `b = batch_size` and `p_N = dJ / dm_N = l / (l . m_N)`,

    dJ / da = p_(t+1) . ((-2 l + 2 a l^2 (b + 1) / b) m_t + 2 a l (S_t + sigma^2) / b)
    p_t     = (1 - 2 a l + a^2 l^2 (b + 1) / b) p_(t+1) + (a^2 / b) (l . p_(t+1)) l

and L-BFGS-B descends on it (Byrd et al., SIAM J. Sci. Comput. 1995). Zhang et al., arXiv 1907.04164, and
Wu et al., arXiv 1803.02021, optimise schedules of noisy quadratics numerically too. `J` is not convex: the
best of several starts is taken, and `Optimum.slope` says how nearly it is a local optimum.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from search.proxies.noisy_quadratic import FloatArray, NoisyQuadratic

_HOPELESS = 1e3  # stands for the log excess of a table that overflows: a line search turns back from it


@dataclass(frozen=True, eq=False)
class Optimum:
    """The best lr table that was found."""

    lr_table: FloatArray
    """`N`, >= 0."""
    excess: float
    """The expected loss above the task's floor after it."""
    slope: float
    """Largest change of the log excess by a relative change of one rate, to first order; 0 at an optimum."""


def best_table(
    task: NoisyQuadratic, total_steps: int, *, starts: Sequence[FloatArray] = (), max_iterations: int = 2000
) -> Optimum:
    """The best of all tables of `total_steps` rates >= 0.

    Args:
        task: with some excess to lose.
        total_steps: `N`, >= 1.
        starts: more tables to start from, `N` each, besides linear ones of several rates.
        max_iterations: of L-BFGS-B from each start.

    Raises:
        ValueError: `total_steps` is below 1, or a start has another length.
    """
    if total_steps < 1:
        raise ValueError(f"total_steps must be at least 1 but got {total_steps}.")
    if wrong := [len(start) for start in starts if len(start) != total_steps]:
        raise ValueError(f"each start must have {total_steps} rates but one has {wrong[0]}.")
    found = [_descend(task, start, max_iterations) for start in (*_linear_starts(task, total_steps), *starts)]
    return min(found, key=lambda optimum: optimum.excess)


def log_excess_and_gradient(task: NoisyQuadratic, lr_table: FloatArray) -> tuple[float, FloatArray]:
    """The logarithm of the excess loss after a table, and its derivative by each rate, `N`.

    Where the excess overflows, it is a large number with no slope.
    """
    spectrum, batch_size = task.spectrum, task.batch_size
    with np.errstate(over="ignore", invalid="ignore"):
        states, risks = _forward(task, lr_table)
        total = float(spectrum @ states[-1])
        if not (np.isfinite(total) and total > 0):
            return _HOPELESS, np.zeros(len(lr_table))
        shrink, _ = task.step_terms(lr_table)
        sensitivities = np.empty_like(states[1:])
        p = spectrum / total
        for step in reversed(range(len(lr_table))):
            sensitivities[step] = p
            p = shrink[step] * p + (lr_table[step] ** 2 / batch_size) * (spectrum @ p) * spectrum
    rates = lr_table[:, None]
    drift = -2 * spectrum + 2 * rates * spectrum**2 * ((batch_size + 1) / batch_size)
    diffusion = 2 * rates * spectrum * (2 * risks[:, None] / batch_size)
    gradient: FloatArray = np.sum(sensitivities * (drift * states[:-1] + diffusion), axis=1)
    return float(np.log(total / 2)), gradient


def _forward(task: NoisyQuadratic, lr_table: FloatArray) -> tuple[FloatArray, FloatArray]:
    """`N + 1 x D` moments from before the first step on, and `N` expected losses before each."""
    shrink, noise = task.step_terms(lr_table)
    states, risks = np.empty((len(lr_table) + 1, len(task.start))), np.empty(len(lr_table))
    states[0] = task.start
    for step in range(len(lr_table)):
        risks[step] = task.risk(states[step])
        states[step + 1] = states[step] * shrink[step] + noise[step] * risks[step]
    return states, risks


def _linear_starts(task: NoisyQuadratic, total_steps: int) -> list[FloatArray]:
    """Linear to zero from a fraction of the largest rate at which the first eigenvalue alone is stable."""
    edge = 2 / float(task.spectrum.max()) * task.batch_size / (task.batch_size + 1)
    falling = 1 - np.arange(total_steps) / total_steps
    return [edge * fraction * falling for fraction in (0.05, 0.2, 0.5)]


def _descend(task: NoisyQuadratic, start: FloatArray, max_iterations: int) -> Optimum:
    found = minimize(
        lambda table: log_excess_and_gradient(task, table),
        np.asarray(start, dtype=np.float64),
        jac=True,
        method="L-BFGS-B",
        bounds=[(0.0, None)] * len(start),
        options={"maxiter": max_iterations, "maxfun": 2 * max_iterations, "ftol": 1e-13, "gtol": 1e-9},
    )
    table = np.asarray(found.x, dtype=np.float64)
    _, gradient = log_excess_and_gradient(task, table)
    # A rate of zero may want to fall further; any other counts by what a relative change of it would bring.
    held = np.where(table > 0, np.abs(gradient) * table, np.maximum(-gradient, 0.0))
    return Optimum(table, task.excess(table), float(held.max()))
