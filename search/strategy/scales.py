"""The scales of the model in `surrogate.py`, and what is known of them beforehand."""

from __future__ import annotations

import math
from typing import NamedTuple


class Scales(NamedTuple):
    """What is fitted. Logs of standard deviations in units of the tail, and of lengths."""

    log_noise: float
    log_seed_effect: float
    log_common: float
    """Of `g`."""
    log_level: float
    """Of `A`."""
    log_own: float
    """Of `B`."""
    log_lr_length: float
    """In units of log lr."""
    log_shape_length: float
    """In units of the shapes' features."""
    rho: float
    law: float = 0.0
    """Share of the law of the loss in what is expected, 0 to 1; 0 without a law."""


TYPICAL = Scales(
    math.log(0.3),
    math.log(0.2),
    math.log(1.5),
    math.log(0.4),
    math.log(0.5),
    math.log(1.2),
    math.log(0.5),
    0.7,
    0.5,
)
SPREAD = Scales(0.5, 1.0, 0.6, 0.9, 0.8, 0.5, 0.5, 0.35, 0.5)
"""Standard deviations of the prior around `TYPICAL`."""
EXPLAINED_BY_LAW = Scales(0.0, 0.0, -1.0, -0.7, -1.0, 0.0, 0.0, 0.0)
"""What is typical where the share of the law is 1, less `TYPICAL`: it leaves so much less to explain."""
