"""From an Optuna study of one's own to a schedule file: `write_best`.

Nothing of Optuna's is imported: a study is asked for its best trial, and that for its parameters,
from which the space draws again what `suggest_schedule` drew in the objective.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from warmboot.checks import show
from warmboot.errors import ScheduleError
from warmboot.schedule_file import Horizon, ScheduleFile, write
from warmboot.space import Space, suggest_schedule


class HasBestTrial(Protocol):
    """What is asked of an `optuna.Study`."""

    @property
    def study_name(self) -> str: ...

    @property
    def best_trial(self) -> Any: ...


def write_best(
    study: HasBestTrial,
    space: Space | Mapping[str, Any],
    path: str | os.PathLike[str],
    *,
    total_steps: int | None = None,
) -> ScheduleFile:
    """Write the schedule of a study's best trial, as `suggest_schedule(trial, space)` drew it, to a file.

    Args:
        study: your `optuna.Study`, with one objective and a complete trial.
        space: the space that your objective gave to `suggest_schedule`.
        path: the schedule file, `.json`; whole or not at all.
        total_steps: the horizon to note in the file, in optimizer steps; what `attach` warns by.

    Returns:
        What was written. Its origin names the study, the trial, its value and all its parameters.

    Raises:
        ScheduleError: a `ValueError`, if the study has no best trial, or its parameters are not
            those of the space; if the schedule has no room on the horizon.
        SpaceError: if the space has problems; all are named.
        OSError: if the file can't be written.
    """
    trial = _best_trial(study)
    origin = {
        "study": study.study_name,
        "trial": trial.number,
        "value": trial.value,
        "params": dict(trial.params),
    }
    schedule = suggest_schedule(_Drawn(trial.number, trial.params), space)
    file = ScheduleFile(schedule, None if total_steps is None else Horizon(total_steps), origin)
    write(file, path)
    return file


def _best_trial(study: HasBestTrial) -> Any:
    try:
        return study.best_trial
    except (ValueError, RuntimeError) as error:  # none is complete; more than one objective
        raise ScheduleError("write_best", [f"the study has no best trial: {error}"]) from error


@dataclass(frozen=True)
class _Drawn:
    """A trial that is over: it suggests what was drawn, if the space could have drawn it."""

    number: int
    params: Mapping[str, Any]

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        value: float = self._within(name, low, high)
        return value

    def suggest_int(self, name: str, low: int, high: int) -> int:
        value: int = self._within(name, low, high)
        return value

    def suggest_categorical(self, name: str, choices: Sequence[str]) -> Any:
        if self._value(name) not in choices:
            raise self._other_space(f"{name} {show(self.params[name])}, which is none of {show(choices)}")
        return self.params[name]

    def _within(self, name: str, low: float, high: float) -> Any:
        value = self._value(name)
        if isinstance(value, str) or not low <= value <= high:
            raise self._other_space(f"{name} {show(value)}, outside {low} to {high}")
        return value

    def _value(self, name: str) -> Any:
        if name not in self.params:
            raise self._other_space(f"no parameter {name}, only {', '.join(self.params) or 'none at all'}")
        return self.params[name]

    def _other_space(self, what: str) -> ScheduleError:
        rule = f"trial {self.number} has {what}; give the space with which suggest_schedule drew it"
        return ScheduleError("write_best", [rule])
