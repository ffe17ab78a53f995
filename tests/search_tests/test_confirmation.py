"""Whom a study trains again on fresh seeds, and how an interrupted confirmation goes on."""

from __future__ import annotations

import json

from search.confirmation import Confirmation, is_confirmed, plan_confirmation
from search.confirmation_size import LEADERS, SEEDS
from search.results import Contender
from warmboot.schedule import WarmbootSchedule

DIRECTION = "minimize"


def contender(key: str, value: float, standard: str | None = None) -> Contender:
    return Contender(
        key=key, schedule=WarmbootSchedule(lr=0.1), trial_numbers=(0,), searched=(value,), standard=standard
    )


FOUND = [contender(f"s{i}", 1.0 + i / 10) for i in range(6)]
STANDARD = contender("linear", 9.0, standard="linear")


def keys(plan: Confirmation) -> list[str]:
    return [c.key for c in plan.contenders]


def complete(plan: Confirmation) -> None:
    for chosen, j in plan.missing:
        plan.add(chosen.key, j, 1.0 + j)


def test_the_leaders_and_the_best_standard_are_confirmed() -> None:
    plan = plan_confirmation([STANDARD, *reversed(FOUND)], DIRECTION, None)
    assert keys(plan) == ["s0", "s1", "s2", "s3", "linear"]
    assert len(plan.missing) == (LEADERS + 1) * SEEDS


def test_a_standard_among_the_leaders_is_confirmed_once() -> None:
    leading = contender("linear", 0.5, standard="linear")
    assert keys(plan_confirmation([*FOUND, leading], DIRECTION, None)) == ["linear", "s0", "s1", "s2"]


def test_a_study_without_standards_or_results_is_confirmed_as_far_as_it_goes() -> None:
    assert keys(plan_confirmation(FOUND[:2], DIRECTION, None)) == ["s0", "s1"]
    assert plan_confirmation([], DIRECTION, None).missing == []


def test_the_direction_chooses_the_other_end() -> None:
    assert keys(plan_confirmation(FOUND, "maximize", None)) == ["s5", "s4", "s3", "s2"]


def test_runs_come_contender_by_contender_on_the_same_seeds() -> None:
    plan = plan_confirmation(FOUND[:2], DIRECTION, None)
    assert [(c.key, j) for c, j in plan.missing] == [(key, j) for key in ("s0", "s1") for j in range(SEEDS)]


def test_what_is_stored_is_enough_to_be_done() -> None:
    plan = plan_confirmation(FOUND, DIRECTION, None)
    complete(plan)
    stored = json.loads(json.dumps(plan.to_json()))
    assert is_confirmed(FOUND, DIRECTION, stored)
    assert stored["values"]["s0"] == [1.0, 2.0, 3.0], "in the order of the seeds"
    assert stored["leaders"] == ["s0", "s1", "s2", "s3"]


def test_values_are_kept_by_seed_whatever_the_order_they_end_in() -> None:
    plan = plan_confirmation(FOUND[:1], DIRECTION, None)
    for j in (2, 0, 1):
        plan.add("s0", j, float(j))
    assert plan.to_json()["values"]["s0"] == [0.0, 1.0, 2.0]


def test_only_complete_rows_count() -> None:
    plan = plan_confirmation(FOUND, DIRECTION, None)
    for j in range(SEEDS):
        plan.add("s0", j, 1.0)
    plan.add("s1", 0, 1.0)
    stored = plan.to_json()
    assert list(stored["values"]) == ["s0"]
    assert not is_confirmed(FOUND, DIRECTION, stored)
    resumed = plan_confirmation(FOUND, DIRECTION, stored)
    assert {c.key for c, _ in resumed.missing} == {"s1", "s2", "s3"}


def test_new_leaders_are_confirmed_and_old_values_kept() -> None:
    plan = plan_confirmation(FOUND, DIRECTION, None)
    complete(plan)
    better = contender("better", 0.1)
    again = plan_confirmation([*FOUND, better], DIRECTION, plan.to_json())
    assert keys(again) == ["better", "s0", "s1", "s2"]
    assert {c.key for c, _ in again.missing} == {"better"}
    complete(again)
    assert set(again.to_json()["values"]) == {"better", "s0", "s1", "s2", "s3"}
