"""`study_hash`: one word for all that a study has trained, so that two studies can be told to be the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable

from search.runs.trial import Trial

LENGTH = 16


def study_hash(trials: Iterable[Trial]) -> str:
    """The first 16 hexadecimal digits of SHA-256 over number, state, parameters and value of each trial.

    Args:
        trials: of a study, in the order of their numbers.
    """
    digest = hashlib.sha256()
    for trial in trials:
        row = [trial.number, trial.state.name, dict(sorted(trial.params.items())), trial.values]
        digest.update(json.dumps(row, sort_keys=True, default=str).encode())
    return digest.hexdigest()[:LENGTH]
