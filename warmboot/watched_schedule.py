"""The schedule that a function of the user's is called with: it notes whether it was looked at.

A function that trains with an lr of its own looks like any other from outside, and its study would be noise.
"""

from __future__ import annotations

import copy
import dataclasses
from typing import Any

from warmboot.schedule import WarmbootSchedule
from warmboot.trial_files import TrialFile


def watched(trial: TrialFile) -> TrialFile:
    """The trial with a schedule that counts as taken, as by `attach`, once it is looked at."""
    schedule = object.__new__(_Watched)
    fields = {field.name: getattr(trial.schedule, field.name) for field in dataclasses.fields(trial.schedule)}
    schedule.__dict__.update(fields, _unseen_of=trial)
    told = copy.copy(trial)  # `replace` would look at it
    object.__setattr__(told, "schedule", schedule)
    return told


class _Watched(WarmbootSchedule):
    """Gives itself out as what it is a copy of, so that comparing, copying and pickling see no difference."""

    _unseen_of: TrialFile | None

    @property  # type: ignore[misc]
    def __class__(self) -> type[WarmbootSchedule]:  # type: ignore[override]
        return WarmbootSchedule

    def __getattribute__(self, name: str) -> Any:
        own = object.__getattribute__(self, "__dict__")
        if not name.startswith("_") and own["_unseen_of"] is not None:
            own["_unseen_of"].taken.touch()
            own["_unseen_of"] = None
        return object.__getattribute__(self, name)

    def __reduce__(self) -> Any:
        state = {field.name: getattr(self, field.name) for field in dataclasses.fields(WarmbootSchedule)}
        return _plain, (state,)


def _plain(fields: dict[str, Any]) -> WarmbootSchedule:
    return WarmbootSchedule(**fields)
