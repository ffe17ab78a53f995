"""Whether a study that trains no more trials is settled: the best confirmed, the answer worked out.

The one place that decides, for the worker that settles a study and for whoever looks whether it is done. If
the two differed, a study would be opened for work for ever and nobody would find any.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from optuna.trial import FrozenTrial

from search.confirmation import is_confirmed
from search.expectations import is_fresh
from search.results import Contender
from search.study_spec import StudySpec


def is_settled(
    spec: StudySpec, found: Sequence[Contender], trials: Sequence[FrozenTrial], attributes: Mapping[str, Any]
) -> bool:
    """Whether nothing is left to do once the search is over (`TrialLimit.is_over`).

    Args:
        spec: the study.
        found: its contenders, with what is expected of them where that is known; those that can't be
            confirmed may be left out.
        trials: all its trials, or those that are complete.
        attributes: of its record.
    """
    if not found:
        return True
    confirmation, expected = attributes.get("confirmation"), attributes.get("expected")
    if not is_confirmed(found, spec.direction, confirmation, spec.confirmation_size):
        return False
    if expected is None:  # a study that was confirmed before answers were kept
        return confirmation is not None
    return is_fresh(expected, trials)
