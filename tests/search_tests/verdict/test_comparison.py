"""A whole contest on made-up trainings: what is trained for which outcome, and what is told of it."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from search.results.candidate import Candidate
from search.results.verdict import VerdictResult
from search.training.batch import Arms, PlannedRun, RunResult
from search.verdict.comparison import Conditions, contest
from search.verdict.in_steps import why_not_in_steps
from tests.search_tests.studies import study_spec
from warmboot.baseline_schedules import baselines
from warmboot.schedule import WarmbootSchedule

SPEC = study_spec(total_steps=300)
LEADER = WarmbootSchedule(lr=0.3, warmup=0.1, curve="cosine", eta_min=0.1)
LINEAR_LR = 0.3
AVERAGED_LR = 0.5
"""Best peak lr of whatever is averaged."""


class MadeUp(Arms):
    """Trainings that take no time: every schedule is as good as its peak lr, the leader better by `gain`."""

    def __init__(self, gain: float) -> None:
        super().__init__(SPEC, "cpu", lambda _: None)
        self.gain = gain
        self.trained: list[PlannedRun] = []

    def train(self, arms: Sequence[PlannedRun]) -> list[RunResult]:
        self.trained += arms
        self.n_trained += len(arms)
        return [RunResult(self.value(arm), diverged=False) for arm in arms]

    def value(self, arm: PlannedRun) -> float:
        assert arm.schedule.lr is not None
        is_leader = arm.schedule == LEADER
        best_lr = AVERAGED_LR if arm.averaged else LINEAR_LR
        away = 0.0 if is_leader else 0.2 * math.log(arm.schedule.lr / best_lr) ** 2
        late = 0.3 * (1 - arm.total_steps / SPEC.horizon_steps)
        noise = 0.01 * float(np.random.default_rng([*arm.seed, is_leader]).normal())
        return 2.0 + away + late + noise - (self.gain if is_leader else 0.0)

    @property
    def shorter(self) -> list[PlannedRun]:
        return [arm for arm in self.trained if arm.total_steps < SPEC.horizon_steps]


def held(arms: MadeUp, say: list[str] | None = None, **wishes: Any) -> VerdictResult:
    leader = Candidate("key", LEADER, (0,), (2.0,))
    shapes = {name: baselines()[name] for name in ("linear", "cosine", "rex")}
    conditions = Conditions(linear_lr=LINEAR_LR, search_runs=24, standards=shapes, **wishes)
    return contest(SPEC, leader, arms, conditions, ([] if say is None else say).append)


def test_a_win_is_told_in_steps() -> None:
    arms = MadeUp(gain=0.05)
    found = held(arms)
    assert found.outcome == "win"
    assert {arm.total_steps for arm in arms.shorter} == {180, 225, 270}
    assert found.lines[-1].startswith("It reaches ")
    assert not any("warmboot export" in line for line in found.lines)


@pytest.mark.parametrize(("gain", "outcome"), [(-0.05, "lose"), (0.0, "equivalent"), (0.003, "not settled")])
def test_nothing_is_trained_after_any_other_outcome_unless_asked_for(gain: float, outcome: str) -> None:
    arms = MadeUp(gain)
    found = held(arms, margin=0.004 if outcome == "not settled" else 0.02)
    assert found.outcome == outcome
    assert arms.shorter == []
    assert found.steps is None
    assert found.others == ()
    assert len(arms.trained) == found.tuning_runs + 2 * found.looks[-1].n_pairs


def test_the_gain_in_steps_may_be_asked_for() -> None:
    arms = MadeUp(gain=-0.05)
    found = held(arms, steps=True)
    assert found.outcome == "lose"
    assert len(arms.shorter) == 3 * min(8, found.looks[-1].n_pairs)
    assert found.steps is not None


def test_a_constant_lr_with_averaged_weights_is_tuned_and_told_beside_the_others() -> None:
    arms = MadeUp(gain=0.05)
    found = held(arms, others=True, averaged=True)
    averaged = [arm for arm in arms.trained if arm.averaged]
    assert {arm.schedule.replace(lr=None) for arm in averaged} == {baselines()["constant"]}
    judged = {arm.schedule for arm in averaged if arm.test}
    (best,) = judged
    assert best.lr is not None
    assert abs(math.log(best.lr / AVERAGED_LR)) < 0.25
    tuned = len({arm.schedule for arm in averaged})
    assert len(averaged) == tuned + found.looks[-1].n_pairs
    assert (
        found.others[-1].name
        == f"{best.describe()}, its weights averaged over about the last 3% of the steps"
    )
    assert found.others[-1].gain == pytest.approx(0.05, abs=0.03)
    assert VerdictResult.from_json(found.to_json()).told() == found.told()


def test_nothing_is_averaged_unless_the_others_are_told() -> None:
    arms = MadeUp(gain=0.05)
    held(arms, averaged=True)
    assert not any(arm.averaged for arm in arms.trained)


@pytest.mark.parametrize("gain", [-0.05, 0.0])
def test_where_the_standard_is_to_be_used_it_is_told_how_to_get_it(gain: float) -> None:
    found = held(MadeUp(gain), margin=0.02)
    assert found.outcome in ("lose", "equivalent")
    assert found.lines[0] == "warmboot export small writes it."


def test_the_table_of_standards_is_told_and_agrees_with_the_strongest() -> None:
    said: list[str] = []
    found = held(MadeUp(gain=0.05), said)
    start = said.index(f"3 baselines tuned with {found.tuning_runs} runs:")
    names = [line.split()[0] for line in said[start + 1 : start + 5]]
    assert names == ["baseline", *(each.name for each in found.tuned)]
    assert found.standard is found.tuned[0]


@pytest.mark.parametrize("gain", [0.05, -0.05, 0.0, 0.003])
def test_what_is_kept_says_all_that_was_found_and_no_sentence(gain: float) -> None:
    found = held(MadeUp(gain=gain), others=True, steps=True)
    kept = json.loads(json.dumps(found.to_json()))
    again = VerdictResult.from_json(kept)
    assert again == found
    assert again.told() == found.told()
    assert again.sentence not in json.dumps(kept)
    assert found.standard.schedule is not None
    assert found.standard.schedule.lr == found.standard.peak_lr


def test_a_leader_that_is_the_strongest_standard_is_told_so() -> None:
    candidate = Candidate("key", baselines()["linear"].replace(lr=0.2), (0,), (2.0,))
    shapes = {"linear": baselines()["linear"]}
    conditions = Conditions(linear_lr=LINEAR_LR, search_runs=24, standards=shapes)
    found = contest(SPEC, candidate, MadeUp(gain=0.0), conditions, print)
    assert (found.outcome, found.looks, found.lines) == ("standard", (), ())
    assert found.sentence.startswith(f"{candidate.schedule.describe()} is itself the strongest baseline here")
    assert f"found the peak lr {found.standard.peak_lr:.4g}." in found.sentence
    assert VerdictResult.from_json(found.to_json()).sentence == found.sentence


def test_a_command_without_steps_has_no_gain_in_steps() -> None:
    spec = study_spec(proxy={"command": "python train.py"}, total_steps=300)
    assert "trains to one horizon only" in str(why_not_in_steps(spec))
    assert why_not_in_steps(SPEC) is None


def test_schedules_without_room_have_no_gain_in_steps() -> None:
    spec = study_spec(total_steps=study_spec().parsed_space.min_total_steps + 1)
    assert "its schedules need" in str(why_not_in_steps(spec))
