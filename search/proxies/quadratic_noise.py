"""What a study sees of a `NoisyQuadratic`: its expected loss and, on top, a noise of a known size.

With `z ~ N(0, 1)` and `s = noise`, a run's validation loss is `floor + excess exp(s z - s^2 / 2)`: on average
exactly the expected loss, and never below the floor. `z` has a part that belongs to the seed, the same all
through a run, and one that belongs to seed and schedule, another at each step: two schedules on one seed have
noise of the stated correlation, as paired trainings do.
"""

from __future__ import annotations

import hashlib
import math

import numpy as np

from search.proxies.noisy_quadratic import FloatArray, NoisyQuadratic
from search.runs.seeds import Seed


def observed(task: NoisyQuadratic, risk: float, *, seed: Seed, trained: FloatArray) -> float:
    """The validation loss of a run, the same whenever it is asked for.

    Args:
        risk: its expected loss now.
        seed: of the run.
        trained: the rates of all steps up to now; runs that have been alike until now measure alike.
    """
    log_noise = task.noise * standard_noise(seed, trained, correlation=task.correlation)
    return task.floor + (risk - task.floor) * math.exp(log_noise - task.noise**2 / 2)


def standard_noise(seed: Seed, trained: FloatArray, *, correlation: float) -> float:
    """`z` of a seed and the rates trained: `sqrt(c) z_seed + sqrt(1 - c) z_own`, with `c = correlation`."""
    digest = hashlib.sha256(np.ascontiguousarray(trained, dtype="<f8").tobytes()).digest()
    own = np.random.SeedSequence((*seed, *np.frombuffer(digest, dtype="<u4").tolist()))
    of_seed, of_run = (_draw(sequence) for sequence in (np.random.SeedSequence(seed), own))
    return math.sqrt(correlation) * of_seed + math.sqrt(1 - correlation) * of_run


def _draw(sequence: np.random.SeedSequence) -> float:
    return float(np.random.Generator(np.random.PCG64(sequence)).standard_normal())
