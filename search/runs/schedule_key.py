"""The key of a training: equal keys are equal trainings but for the seed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray


def schedule_key(lr_table: NDArray[np.float64], params: Mapping[str, Any] | None = None) -> str:
    """SHA-256 of a float64 lr table `[N]` and the other hyperparameters."""
    digest = hashlib.sha256(np.ascontiguousarray(lr_table, dtype="<f8").tobytes())
    if params:
        digest.update(json.dumps(dict(params), sort_keys=True).encode())
    return digest.hexdigest()
