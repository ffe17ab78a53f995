"""Which studies share a machine, on what part of it, and when they take turns."""

from __future__ import annotations

from search.launch.shares import Candidate, Machine, Share, rearranged

FOUR_GPUS = Machine(workers=None, processes=1, gpus=("0", "1", "2", "3"))
ONE = Machine(workers=None, processes=1)
EIGHT = Machine(workers=None, processes=8)


def studies(*names: str, **every: int) -> list[Candidate]:
    return [Candidate(name=name, **every) for name in names]


def workers(shares: dict[str, Share]) -> dict[str, int | None]:
    return {name: share.workers for name, share in shares.items()}


def test_nothing_open_is_nothing_served() -> None:
    assert rearranged([], [], EIGHT) == {}


def test_a_study_alone_has_the_machine_as_it_was_asked_for() -> None:
    assert rearranged(studies("a"), [], EIGHT) == {"a": Share(workers=None)}
    assert rearranged(studies("a"), [], FOUR_GPUS) == {"a": Share(workers=None, gpus=FOUR_GPUS.gpus)}


def test_open_studies_get_equal_parts_and_the_oldest_what_is_left_over() -> None:
    assert workers(rearranged(studies("a", "b", "c"), [], EIGHT)) == {"a": 3, "b": 3, "c": 2}


def test_a_script_of_ones_own_gets_no_more_processes_than_alone() -> None:
    script = Candidate(name="script", most_workers=1)
    assert workers(rearranged([script, *studies("b")], [], EIGHT)) == {"script": 1, "b": 4}


def test_the_highest_priority_alone_is_served() -> None:
    open_now = [*studies("a", "b"), Candidate(name="urgent", priority=1)]
    assert list(rearranged(open_now, ["a", "b"], EIGHT)) == ["urgent"]


def test_gpus_are_shared_out_side_by_side_in_whole_groups() -> None:
    pair = Candidate(name="pair", gpus_per_trial=2)
    shares = rearranged([*studies("a"), pair], [], FOUR_GPUS)
    assert {name: share.gpus for name, share in shares.items()} == {"a": ("0", "1"), "pair": ("2", "3")}
    three = rearranged(studies("a", "b", "c"), [], FOUR_GPUS)
    assert {name: share.gpus for name, share in three.items()} == {"a": ("0", "1"), "b": ("2",), "c": ("3",)}


def test_workers_that_were_asked_for_go_with_their_gpus() -> None:
    machine = Machine(workers=8, processes=8, gpus=FOUR_GPUS.gpus)
    assert workers(rearranged(studies("a", "b"), [], machine)) == {"a": 4, "b": 4}


def test_a_study_that_wants_more_than_there_is_is_begun_to_hear_so() -> None:
    large = Candidate(name="large", gpus_per_trial=8)
    assert rearranged([large], [], FOUR_GPUS) == {"large": FOUR_GPUS.whole}


def test_while_the_same_studies_are_served_nothing_changes() -> None:
    crowd = studies("a", "b", "c")
    two = Machine(workers=None, processes=2)
    served = {"b": Share(workers=1), "c": Share(workers=1)}
    assert rearranged(crowd, served, two) == served, "though a is older: their turn is not over"
    whatever_others_do = [Candidate(name="a", at_work=5), Candidate(name="b", served_at=9.0), *studies("c")]
    assert rearranged(whatever_others_do, served, two) == served


def test_a_study_that_ends_leaves_its_part_to_the_others() -> None:
    assert rearranged(studies("b"), ["b"], EIGHT) == {"b": EIGHT.whole}


def test_at_the_end_of_a_turn_the_study_that_waited_longest_comes_next() -> None:
    waiting = [
        Candidate(name="a", served_at=30.0),
        Candidate(name="b", served_at=10.0),
        Candidate(name="c", served_at=20.0),
    ]
    served = ["a"]
    assert list(rearranged(waiting, served, ONE)) == ["a"]
    assert list(rearranged(waiting, served, ONE, ["a"])) == ["b"]


def test_no_turn_ends_for_a_study_that_others_work_on() -> None:
    busy = Candidate(name="busy", at_work=3)
    served = ["a"]
    assert list(rearranged([*studies("a"), busy], served, ONE, ["a"])) == ["a"]


def test_of_several_the_one_with_the_fewest_at_work_is_taken_up() -> None:
    assert list(rearranged([Candidate(name="a", at_work=8), Candidate(name="b", at_work=2)], [], ONE)) == [
        "b"
    ]
