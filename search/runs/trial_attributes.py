"""The attributes of a trial: every one of ours, each named once, and how they are kept.

What a person can read is a user attribute, so that dashboards show it; what only we read is `OUT_OF_SIGHT`, a
system attribute under `warmboot:`. Studies of earlier versions have all of them among their user attributes:
`kept` reads either, `in_sight` and `out_of_sight` say what is written where.

| who | attribute |
| --- | --- |
| plans it (`worker/planner.py`) | `PROPOSAL`, `PURPOSE`, `WHY`, `HORIZON_STEPS`, `LEFT_TO_GAIN`, `BASELINE` |
| | `SCHEDULE_KEY`, `SEED_INDEX`, `SCHEDULE`, `RESTARTS`, `KNOWN_BELOW` |
| begins it (`storage/begun_trials.py`) | `TRAINED_SPAN`, `REPORTED_BEFORE` |
| makes its runs (`worker/trial_runs.py`) | `STEPS_IN_ALL` |
| takes it back (`storage/lost_trials.py`) | `LOST`, `LOST_BY` |
| trains and tells it (`worker/jobs.py`) | `HELD`, |
| | `RUNS`, `DIVERGED`, `STOPPED`, `EXPECTED_VALUE`, `AVERAGED_AT_HALFWAY`, `REMARK`, `FAILURE` |

The values of the constants are stored in people's databases and stay as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

PROPOSAL = "proposal"
"""Its parameters from the moment it is asked for."""
PURPOSE = "purpose"
"""What it is for: one of the four below."""
SWEEP, PEAK_LR, SHAPE, ANOTHER_SEED = "lr sweep", "peak lr", "shape", "another seed"
WHY = "why"
"""Why it was proposed, in words."""
HORIZON_STEPS = "horizon_steps"
"""To which horizon it trains; the study's where it is missing."""
LEFT_TO_GAIN = "left_to_gain"
"""By how much more trials were expected to improve on the leader, in the objective's unit."""
BASELINE = "standard"
"""Name of the baseline that it is; missing where it is none."""

SCHEDULE_KEY = "schedule_key"
"""Equal keys are equal trainings but for the seed."""
SEED_INDEX = "seed"
"""Which of its schedule's seeds it trains with, counted from 0."""
SCHEDULE = "schedule"
"""The schedule in words."""
RESTARTS = "restarts"
"""Where it restarts, in words; missing where it does not."""
KNOWN_BELOW = "known_below"
"""Its round knew the results of the trials below this number; what may stop it knows no others either."""
STEPS_IN_ALL = "steps"
"""Of a trial that trains shorter horizons first: its steps in all, if it is not stopped early."""
ASKED_FOR = (
    PROPOSAL,
    PURPOSE,
    WHY,
    HORIZON_STEPS,
    LEFT_TO_GAIN,
    BASELINE,
    SCHEDULE_KEY,
    SEED_INDEX,
    SCHEDULE,
    RESTARTS,
    KNOWN_BELOW,
    STEPS_IN_ALL,
)
"""What a trial has before anything of it is measured."""

TRAINED_SPAN = "trained"
"""When it trained, as `{"clock": ..., "from": ..., "to": ...}` in seconds; without "to" while it does."""
REPORTED_BEFORE = "reported_before"
"""Of a trial that was taken up again: the last step it had reported until then."""
HELD = "held"
"""Whether its training has failed while none had succeeded; until one does, it may wait again. It stays
RUNNING until then, so that it is not taken up."""
LOST = "lost"
"""How many workers disappeared in it, where it was given up for that."""

LOST_BY = "lost_by"
"""Which workers disappeared in it: a list of `[process, how many trials it held]`."""

RUNS = "runs"
"""The measurements: a list of one `{"seed": ..., "step": [...], metric: [...]}`."""
DIVERGED = "diverged"
"""Why its value says nothing of its schedule's quality but that its lr was too high."""
STOPPED = "stopped"
"""Why it was stopped early, in words."""
EXPECTED_VALUE = "expected_value"
"""Value that a stopped trial was expected to reach."""
AVERAGED_AT_HALFWAY = "averaged_at_halfway"
"""Its value with averaged weights at the rung."""
REMARK = "remark"
"""A remark on its training, for the user."""
FAILURE = "failed"
"""What was left behind by a training of it that failed, the reason as its last line."""

OUT_OF_SIGHT = frozenset(
    {
        PROPOSAL,
        LEFT_TO_GAIN,
        SCHEDULE_KEY,
        KNOWN_BELOW,
        STEPS_IN_ALL,
        TRAINED_SPAN,
        REPORTED_BEFORE,
        HELD,
        LOST_BY,
        RUNS,
        AVERAGED_AT_HALFWAY,
    }
)
"""What only we read."""
PREFIX = "warmboot:"
"""Of their names among the system attributes."""


class Attributed(Protocol):
    """A trial, with what is kept on it."""

    @property
    def user_attrs(self) -> Mapping[str, Any]: ...

    @property
    def system_attrs(self) -> Mapping[str, Any]: ...


def kept(trial: Attributed, key: str, default: Any = None) -> Any:
    """What is kept on a trial under the name `key`; `default` where nothing is."""
    name = PREFIX + key
    return trial.system_attrs[name] if name in trial.system_attrs else trial.user_attrs.get(key, default)


def is_kept(trial: Attributed, key: str) -> bool:
    """Whether anything is kept on a trial under the name `key`."""
    return PREFIX + key in trial.system_attrs or key in trial.user_attrs


def in_sight(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Those of `attributes` that become user attributes.

    >>> in_sight({"why": "a baseline", "held": False}), out_of_sight({"why": "a baseline", "held": False})
    ({'why': 'a baseline'}, {'warmboot:held': False})
    """
    return {key: value for key, value in attributes.items() if key not in OUT_OF_SIGHT}


def out_of_sight(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """The others, under the names that they have among the system attributes."""
    return {PREFIX + key: value for key, value in attributes.items() if key in OUT_OF_SIGHT}
