"""What a verdict says beforehand about its cost."""

from __future__ import annotations

from typing import Any

import pytest

from search.verdict.cost import Cost


def told(**changes: Any) -> list[str]:
    facts: dict[str, Any] = {"tuning_runs": 24, "n_standards": 4, "most_pairs": 30, **changes}
    return Cost(**facts).lines(name="small", time_text=lambda runs: f"{runs:g} s", searched="24 runs (50 s)")


def test_the_cost_stands_beside_that_of_the_search_and_the_cheap_one_is_named() -> None:
    assert told() == [
        "up to 24 runs tune 4 baselines, 9 measure the noise of the strongest, 10 to 60 compare it with the "
        "leader, up to 18 tell a gain in steps: at most 111 runs (117 trainings, some of them shorter), 111 "
        "s; the search took 24 runs (50 s)",
        "warmboot verdict small --pairs 5 stops after 5 pairs: at most 55 runs",
    ]


@pytest.mark.parametrize(
    ("changes", "most", "words"),
    [
        # 24 + 9 + 60: no shorter horizons can be trained
        ({"in_steps": False}, 93, "10 to 60 compare it with the leader: "),
        # 4 others on up to 30 seeds
        ({"in_steps": False, "n_others": 3}, 183, "up to 90 compare 3 other baselines"),
        ({"in_steps": False, "n_others": 1}, 123, "up to 30 compare 1 other baseline: "),
        # 6 peak lrs of the constant lr, and up to 30 seeds
        ({"in_steps": False, "averaged_lrs": 6}, 129, "up to 36 a constant lr with averaged weights"),
        # the first look is the last; 5 pairs at three shorter horizons are as long as 11.25 runs
        ({"most_pairs": 5}, 55, "10 compare it with the leader"),
        ({"n_standards": 1}, 111, "tune 1 baseline,"),
    ],
)
def test_what_is_asked_for_is_counted(changes: dict[str, Any], most: int, words: str) -> None:
    first = told(**changes)[0]
    assert f"at most {most} runs" in first
    assert words in first


def test_the_cheapest_names_no_cheaper_one() -> None:
    assert len(told(most_pairs=5)) == 1


def test_the_cheap_one_is_counted_without_the_others() -> None:
    assert told(n_others=3, averaged_lrs=6)[1].endswith("at most 55 runs")


def test_a_shorter_training_counts_as_one_of_those_that_are_heard_of() -> None:
    cost = Cost(tuning_runs=24, n_standards=4, most_pairs=30)
    assert cost.most(30) == 24 + 9 + 60 + 18
    assert cost.most_trainings == 24 + 9 + 60 + 24, "8 pairs at three shorter horizons"
