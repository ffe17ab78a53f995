"""`BestSoFar`: why the value of the leading schedule has become worse, for users who watch a launch."""

from __future__ import annotations

from search.direction import sign_of
from search.results.candidate import Candidate
from search.results.status import StudyStatus


class BestSoFar:
    """Follows what is shown as the best. A mean over more runs may be worse than that of fewer, and another
    schedule that leads then may be worse than the first has been."""

    def __init__(self) -> None:
        self._record: Candidate | None = None
        self._last: tuple[str, int] | None = None
        self._why = ""

    def why_worse(self, snapshot: StudyStatus) -> str:
        """Why the current best has a worse value than one shown before; empty if it has not."""
        best = snapshot.best
        if best is None:
            return ""
        sign = sign_of(snapshot.spec.direction)
        if self._record is None or sign * (best.mean - self._record.mean) <= 0:
            self._record, self._why = best, ""
        elif self._last != (best.key, len(best.values)):
            self._why = _reason(self._record, best)
        self._last = (best.key, len(best.values))
        return self._why


def _reason(before: Candidate, best: Candidate) -> str:
    value = f"{before.mean:#.4g} before"
    if best.key == before.key:
        n_more = len(best.values) - len(before.values)
        more = "another seed" if n_more == 1 else f"{n_more} more seeds"
        return f"{value}; trained on {more} it did worse, and the mean counts"
    if best.confirmed and not before.confirmed:
        return f"{value}, of another schedule; what was trained again on fresh seeds comes first now"
    if best.expected_at_last is not None:
        return f"{value}, of another schedule; all runs together decide now, not the best mean"
    return f"{value}, of another schedule that did worse on further seeds"
