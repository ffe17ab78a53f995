"""Whether a study that trains no more trials is settled: the best confirmed, the answer worked out.

The one place that decides, for the worker that settles a study and for readers that ask if it is done. If
the two differed, a study would be opened for work for ever although none is left.
"""

from __future__ import annotations

from collections.abc import Sequence

from search.results.candidate import Candidate
from search.results.confirmation import is_confirmed
from search.results.kept_estimates import is_fresh
from search.runs.trial import Trial
from search.spec.study import StudySpec
from search.storage.study_attributes import StudyAttributes


def is_settled(
    spec: StudySpec, found: Sequence[Candidate], trials: Sequence[Trial], attributes: StudyAttributes
) -> bool:
    """Whether nothing is left to do once the search is over (`Budget.is_over`).

    Args:
        spec: the study.
        found: its candidates, with what is expected of them where that is known; those that can't be
            confirmed may be left out.
        trials: all its trials, or those that are complete.
        attributes: of its record.
    """
    if not found:
        return True
    confirmation, expected = attributes.confirmation, attributes.estimates
    if not is_confirmed(found, spec.direction, confirmation, spec.confirmation_size):
        return False
    if expected is None:  # a study that was confirmed before answers were kept
        return confirmation is not None
    return is_fresh(expected, trials)
