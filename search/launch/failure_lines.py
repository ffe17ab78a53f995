"""`FailureLines`: the failures of a launch as they happen, a line each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any


class FailureLines:
    """Of all workers. A reason is told in full once; after that, how often it has come up."""

    def __init__(self) -> None:
        self._seen = Counter[str]()

    def line(self, message: Mapping[str, Any]) -> str:
        """The line for a worker's message of kind "failed"."""
        reason, numbers = str(message["reason"]), list(message["trials"])
        self._seen[reason] += 1
        count = self._seen[reason]
        why = reason if count == 1 else f"again: {count} x {reason[:_SHORT]}{'...' * (len(reason) > _SHORT)}"
        return f"{_who(numbers)} failed: {why}"


_SHORT = 40
"""Characters by which a reason that was told is known again."""


def _who(numbers: list[int]) -> str:
    """
    >>> _who([3]), _who([3, 4]), _who([])
    ('trial 3', 'trials 3, 4', 'a training that confirms')
    """
    if not numbers:
        return "a training that confirms"
    return f"trial{'s' * (len(numbers) > 1)} {', '.join(map(str, numbers))}"
