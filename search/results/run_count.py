"""`RunCount`: how much of a study's `n_runs` is used, counted as the study file does.

The one place that adds up: what the search trains and what confirms its best are both full runs that the user
has asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from search.runs.trial import Trial
from search.storage.study_attributes import StudyAttributes


@dataclass(frozen=True, kw_only=True)
class RunCount:
    """Full runs of a study that is limited by their number.

    Attributes:
        asked: how many the study file gives it.
        to_confirm: how many of them are kept to confirm the best.
        searching: how many its trials have taken, those in training counted whole, those that wait or are to
            be tried again not at all.
        confirming: how many its confirmation has taken.
    """

    asked: int
    to_confirm: int = 0
    searching: float = 0.0
    confirming: int = 0

    @property
    def used(self) -> float:
        return self.searching + self.confirming

    @property
    def kept(self) -> int:
        """How many are still to confirm the best."""
        return max(0, self.to_confirm - self.confirming)

    @property
    def share_searched(self) -> float:
        """How much of what the search may take is used, in [0, 1]."""
        return min(1.0, self.searching / (self.asked - self.to_confirm))


def run_count(attributes: StudyAttributes, begun: Sequence[Trial]) -> RunCount | None:
    """The count of one study; None where something else limits it.

    Args:
        attributes: of its record.
        begun: its trials that train or have ended.
    """
    spec = attributes.spec
    if spec.n_runs is None:
        return None
    return RunCount(
        asked=spec.n_runs,
        to_confirm=spec.confirmation_size.most_runs,
        searching=attributes.limit.runs_used(begun),
        confirming=sum(map(len, (attributes.confirmation or {}).get("values", {}).values())),
    )
