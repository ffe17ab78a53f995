"""One of Optuna's pruners on what a trial's round knew, so that it decides alike whoever trains the trial.

Optuna's pruners read their study at every decision, and some keep what they have learnt from it. Here each
trial has a pruner of its own and is shown a study in memory: the trials that its round knew, with all that
they reported, and itself with what it has reported so far.
"""

from __future__ import annotations

import copy
from collections.abc import Container, Sequence
from typing import Any

import optuna
from optuna.storages import InMemoryStorage
from optuna.trial import FrozenTrial, TrialState, create_trial

from search.early_stopping.pruners import build_pruner
from search.early_stopping.stoppers import Known, Look
from search.spec.study import StudySpec


class RoundPruner:
    """Whether a trial should be pruned, asked at each of its measurements from the first on.

    Args:
        spec: the study; its name and the number below choose a trial's bracket of Hyperband.
        number: of the trial.

    Attributes:
        marks: system attributes that the pruner has given the trial, for others to be judged by.
    """

    def __init__(self, spec: StudySpec, number: int) -> None:
        self._spec, self._pruner = spec, build_pruner(spec.early_stopping)
        self._trial = create_trial(state=TrialState.RUNNING)
        self._trial.number = number
        self.marks: dict[str, Any] = self._trial.system_attrs
        self._study: optuna.Study | None = None

    def __call__(self, look: Look, known: Known) -> bool:
        if self._study is None:
            storage = _Shown(known(), self._trial)
            self._study = optuna.create_study(
                storage=storage, study_name=self._spec.name, direction=self._spec.direction
            )
        self._trial.intermediate_values[look.step] = look.value
        return self._pruner.prune(self._study, self._trial)


class _Shown(InMemoryStorage):
    """A storage of one study, that shows trials as they are and keeps nothing but the marks of the judged."""

    def __init__(self, known: Sequence[FrozenTrial], judged: FrozenTrial) -> None:
        super().__init__()
        self._known, self._judged = known, judged

    def get_all_trials(
        self, study_id: int, deepcopy: bool = True, states: Container[TrialState] | None = None
    ) -> list[FrozenTrial]:
        shown = [*self._known, copy.deepcopy(self._judged)]  # a mark that is set later does not change it
        return [trial for trial in shown if states is None or trial.state in states]

    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:
        self._judged.system_attrs[key] = value
