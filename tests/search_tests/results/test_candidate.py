"""From trials to candidates, and who leads."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.results.candidate import Candidate, best_standard, candidates, leaders, ranked
from search.runs.schedule_key import schedule_key
from search.storage.database import Database
from search.storage.study_record import StudyRecord
from tests.search_tests.studies import LINEAR, fill, make_study, trial_queue
from warmboot.schedule import WarmbootSchedule

COSINE = {**LINEAR, "curve": "cosine"}
HIGHER_LR = {**LINEAR, "lr": 0.3}


def candidate(
    key: str, *searched: float, confirmed: tuple[float, ...] = (), standard: str | None = None
) -> Candidate:
    return Candidate(
        key=key,
        schedule=WarmbootSchedule(lr=0.1),
        trial_numbers=tuple(range(len(searched))),
        searched=searched,
        confirmed=confirmed,
        standard=standard,
    )


def found_in(record: StudyRecord) -> list[Candidate]:
    confirmation = record.attributes.get("confirmation")
    return candidates(record.load().get_trials(), record.spec.parsed_space, confirmation)


def test_trials_of_one_schedule_are_the_seeds_of_one_contender(record: StudyRecord) -> None:
    keys = fill(record, [(LINEAR, 2.0), (COSINE, 3.0), (LINEAR, 2.4)])
    linear, cosine = found_in(record)
    assert (linear.key, cosine.key) == (keys[0], keys[1])
    assert linear.trial_numbers == (0, 2)
    assert linear.searched == (2.0, 2.4)
    assert linear.mean == pytest.approx(2.2)
    assert linear.schedule == WarmbootSchedule(lr=0.1, curve="linear")


def test_unfinished_and_failed_trials_are_no_results(record: StudyRecord) -> None:
    fill(record, [(LINEAR, 2.0)])
    queue = trial_queue(record)
    failed, running = queue.next(), queue.next()
    assert failed is not None
    assert running is not None
    queue.fail(failed.number, "out of memory")
    assert len(found_in(record)) == 1


def test_a_standard_is_known_by_its_name(database: Database) -> None:
    record = make_study(database)
    fill(record, [(LINEAR, 2.0)], standard="linear")
    fill(record, [(COSINE, 1.0)])
    assert [c.standard for c in found_in(record)] == ["linear", None]


def test_confirmation_values_belong_to_their_schedule(record: StudyRecord) -> None:
    keys = fill(record, [(LINEAR, 2.0), (COSINE, 1.9)])
    record.set_attribute("confirmation", {"values": {keys[0]: [2.1, 2.2, 2.3]}})
    linear, cosine = found_in(record)
    assert linear.confirmed == (2.1, 2.2, 2.3)
    assert linear.mean == pytest.approx(2.15), "the mean of all its runs"
    assert cosine.confirmed == ()


def test_the_confirmed_rank_before_a_lucky_single_run() -> None:
    lucky = candidate("lucky", 1.0)
    good = candidate("good", 1.5, confirmed=(1.6, 1.6, 1.6))
    worse = candidate("worse", 1.4, confirmed=(2.0, 2.0, 2.0))
    assert [c.key for c in ranked([lucky, worse, good], "minimize")] == ["good", "worse", "lucky"]


def test_the_mean_over_seeds_decides_and_not_the_best_of_them() -> None:
    steady, lucky_once = candidate("steady", 2.0, 2.0), candidate("lucky once", 1.5, 2.9)
    assert [c.key for c in ranked([lucky_once, steady], "minimize")] == ["steady", "lucky once"]


def test_the_direction_turns_the_order() -> None:
    low, high = candidate("low", 0.1), candidate("high", 0.9)
    assert [c.key for c in ranked([low, high], "maximize")] == ["high", "low"]
    assert [c.key for c in ranked([low, high], "minimize")] == ["low", "high"]
    assert [c.key for c in leaders([low, high], "maximize", 1)] == ["high"]


def test_leaders_go_by_what_the_search_measured() -> None:
    """Or a second confirmation would choose by the first."""
    bad_luck = candidate("bad luck", 1.0, confirmed=(3.0, 3.0, 3.0))
    other = candidate("other", 1.5)
    assert [c.key for c in leaders([other, bad_luck], "minimize", 1)] == ["bad luck"]


def test_the_best_standard_is_the_one_the_search_liked() -> None:
    found = [
        candidate("a", 1.0),
        candidate("b", 2.0, standard="linear"),
        candidate("c", 1.5, standard="cosine"),
    ]
    best = best_standard(found, "minimize")
    assert best is not None
    assert best.standard == "cosine"
    assert best_standard(found[:1], "minimize") is None


@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=20))
def test_a_key_is_the_tables_bits(values: list[float]) -> None:
    table = np.array(values)
    assert schedule_key(table) == schedule_key(table.copy())
    assert len(schedule_key(table)) == 64
    assert schedule_key(np.nextafter(table, 2.0)) != schedule_key(table)
    assert schedule_key(np.append(table, 0.0)) != schedule_key(table)


def test_other_hyperparameters_make_another_contender(database: Database) -> None:
    record = make_study(database, params={"weight_decay": {"low": 0.0, "high": 0.1}, "batch_size": [16, 32]})
    light, heavy = ({**LINEAR, "weight_decay": w, "batch_size": 32} for w in (0.01, 0.05))
    keys = fill(record, [(light, 2.0), (heavy, 2.1), (light, 2.2)])
    first, second = found_in(record)
    assert (first.key, second.key) == (keys[0], keys[1])
    assert keys[2] == keys[0]
    assert first.params == {"weight_decay": 0.01, "batch_size": 32}
    assert first.trial_numbers == (0, 2)
    assert first.schedule == second.schedule
    assert first.describe() == "linear to 0, peak lr 0.1; batch_size 32, weight_decay 0.01"


def test_without_other_hyperparameters_a_key_is_that_of_the_table() -> None:
    table = WarmbootSchedule(lr=0.1).lr_table(10)
    assert schedule_key(table, {}) == schedule_key(table)
    assert schedule_key(table, {"a": 1, "b": 2.0}) == schedule_key(table, {"b": 2.0, "a": 1})
    assert schedule_key(table, {"a": 1}) != schedule_key(table)


def test_equal_lrs_are_one_schedule_however_they_came_about(record: StudyRecord) -> None:
    """A restart at the very peak of a constant lr changes nothing that is trained."""
    constant = WarmbootSchedule(lr=0.1, curve="constant")
    restarted = constant.replace(restarts=(0.5,))
    assert schedule_key(constant.lr_table(100)) == schedule_key(restarted.lr_table(100))
    keys = fill(record, [(LINEAR, 1.0), (HIGHER_LR, 1.0)])
    assert keys[0] != keys[1], "the same shape with another lr is another candidate"
