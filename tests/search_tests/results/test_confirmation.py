"""Whom a study trains again on fresh seeds, and how an interrupted confirmation goes on."""

from __future__ import annotations

import json

import pytest

from search.direction import Direction
from search.results.candidate import Candidate
from search.results.confirmation import Confirmation, is_confirmed, plan_confirmation
from search.spec.confirmation import LEADERS, SEEDS, USUAL, ConfirmationSize
from warmboot.schedule import WarmbootSchedule

DIRECTION: Direction = "minimize"


def candidate(key: str, value: float, standard: str | None = None) -> Candidate:
    return Candidate(
        key=key, schedule=WarmbootSchedule(lr=0.1), trial_numbers=(0,), searched=(value,), standard=standard
    )


FOUND = [candidate(f"s{i}", 1.0 + i / 10) for i in range(6)]
STANDARD = candidate("linear", 9.0, standard="linear")


def keys(plan: Confirmation) -> list[str]:
    return [c.key for c in plan.candidates]


def complete(plan: Confirmation) -> None:
    for chosen, j in plan.missing:
        plan.add(chosen.key, j, 1.0 + j)


def test_the_leaders_and_the_best_baseline_are_confirmed() -> None:
    plan = plan_confirmation([STANDARD, *reversed(FOUND)], DIRECTION, None)
    assert keys(plan) == ["s0", "s1", "s2", "s3", "linear"]
    assert len(plan.missing) == (LEADERS + 1) * SEEDS


COSINE, REX = candidate("cosine", 8.0, standard="cosine"), candidate("rex", 9.5, standard="rex")


@pytest.mark.parametrize(
    ("found", "size", "chosen"),
    [
        # two baselines take places of the searched ones, the third is left out
        ([*FOUND, STANDARD, COSINE, REX], USUAL, ["s0", "s1", "s2", "cosine", "linear"]),
        # a baseline that leads is confirmed once
        ([*FOUND, candidate("linear", 0.5, standard="linear")], USUAL, ["s0", "s1", "s2", "s3", "linear"]),
        # where others are missing, further baselines take their places
        ([FOUND[0], STANDARD, COSINE, REX], USUAL, ["s0", "cosine", "linear", "rex"]),
        ([STANDARD, COSINE, REX], USUAL, ["cosine", "linear", "rex"]),
        (FOUND, USUAL, ["s0", "s1", "s2", "s3", "s4"]),
        # the fewest: the best searched one is always among them
        ([*FOUND, STANDARD, COSINE], ConfirmationSize(2, 2), ["s0", "cosine", "linear"]),
        ([*FOUND, STANDARD, COSINE], ConfirmationSize(1, 2), ["s0", "cosine"]),
        ([*FOUND, STANDARD], ConfirmationSize(0, 2), []),
    ],
)
def test_two_baselines_are_among_those_that_are_confirmed(
    found: list[Candidate], size: ConfirmationSize, chosen: list[str]
) -> None:
    plan = plan_confirmation(found, DIRECTION, None, size)
    assert keys(plan) == chosen
    assert len(plan.missing) <= size.most_runs


def test_a_study_without_standards_or_results_is_confirmed_as_far_as_it_goes() -> None:
    assert keys(plan_confirmation(FOUND[:2], DIRECTION, None)) == ["s0", "s1"]
    assert plan_confirmation([], DIRECTION, None).missing == []


def test_the_direction_chooses_the_other_end() -> None:
    assert keys(plan_confirmation(FOUND, "maximize", None)) == ["s5", "s4", "s3", "s2", "s1"]


def test_runs_come_contender_by_contender_on_the_same_seeds() -> None:
    plan = plan_confirmation(FOUND[:2], DIRECTION, None)
    assert [(c.key, j) for c, j in plan.missing] == [(key, j) for key in ("s0", "s1") for j in range(SEEDS)]


def test_what_is_stored_is_enough_to_be_done() -> None:
    plan = plan_confirmation(FOUND, DIRECTION, None)
    complete(plan)
    stored = json.loads(json.dumps(plan.to_json()))
    assert is_confirmed(FOUND, DIRECTION, stored)
    assert stored["values"]["s0"] == [1.0, 2.0, 3.0], "in the order of the seeds"
    assert stored["leaders"] == ["s0", "s1", "s2", "s3", "s4"]


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
    assert {c.key for c, _ in resumed.missing} == {"s1", "s2", "s3", "s4"}


def test_new_leaders_are_confirmed_and_old_values_kept() -> None:
    plan = plan_confirmation(FOUND, DIRECTION, None)
    complete(plan)
    better = candidate("better", 0.1)
    again = plan_confirmation([*FOUND, better], DIRECTION, plan.to_json())
    assert keys(again) == ["better", "s0", "s1", "s2", "s3"]
    assert {c.key for c, _ in again.missing} == {"better"}
    complete(again)
    assert set(again.to_json()["values"]) == {"better", "s0", "s1", "s2", "s3", "s4"}


def pair_of(plan: Confirmation, n_seeds: int) -> Confirmation:
    """The second and the best standard go on."""
    plan.extend([FOUND[1], STANDARD], n_seeds)
    return plan


def test_a_pair_goes_on_on_the_same_further_seeds_and_nobody_else() -> None:
    plan = plan_confirmation([*FOUND, STANDARD], DIRECTION, None)
    complete(plan)
    assert [(c.key, j) for c, j in pair_of(plan, SEEDS + 2).missing] == [
        (key, j) for key in ("s1", "linear") for j in (SEEDS, SEEDS + 1)
    ]
    complete(plan)
    assert plan.n_runs == (LEADERS + 1) * SEEDS + 4
    stored = plan.to_json()
    assert {key: len(row) for key, row in stored["values"].items()} == {
        "s0": 3,
        "s1": 5,
        "s2": 3,
        "s3": 3,
        "linear": 5,
    }
    assert stored["values"]["s1"] == [1.0, 2.0, 3.0, 4.0, 5.0]


def test_one_of_a_pair_that_was_not_confirmed_trains_all_seeds() -> None:
    plan = plan_confirmation(FOUND, DIRECTION, None)
    complete(plan)
    plan.extend([FOUND[0], FOUND[5]], SEEDS + 1)
    assert [(c.key, j) for c, j in plan.missing] == [("s0", 3), *(("s5", j) for j in range(4))]
    assert keys(plan) == ["s0", "s1", "s2", "s3", "s4", "s5"]


def test_while_a_pair_goes_on_the_study_is_not_confirmed() -> None:
    plan = plan_confirmation(FOUND, DIRECTION, None)
    complete(plan)
    assert not is_confirmed(FOUND, DIRECTION, plan.to_json(is_open=True))
    assert is_confirmed(FOUND, DIRECTION, plan.to_json())


def test_a_confirmation_from_before_there_were_pairs_is_one() -> None:
    plan = plan_confirmation(FOUND, DIRECTION, None)
    complete(plan)
    stored = plan.to_json()
    del stored["open"]
    assert is_confirmed(FOUND, DIRECTION, stored)


def test_longer_rows_are_kept_when_a_confirmation_goes_on() -> None:
    plan = plan_confirmation([*FOUND, STANDARD], DIRECTION, None)
    complete(plan)
    complete(pair_of(plan, SEEDS + 2))
    stored = json.loads(json.dumps(plan.to_json(is_open=True)))
    resumed = plan_confirmation([*FOUND, STANDARD], DIRECTION, stored)
    assert resumed.missing == []
    assert resumed.values["s1"] == {j: 1.0 + j for j in range(SEEDS + 2)}
    assert [j for _, j in pair_of(resumed, SEEDS + 3).missing] == [SEEDS + 2, SEEDS + 2]
