"""Every baseline has its place wherever baselines have an order."""

from __future__ import annotations

from search.strategy import initial_design
from search.verdict import verdict
from warmboot.baseline_schedules import baselines, opponents


def test_the_verdict_tunes_every_baseline() -> None:
    assert sorted(verdict.BASELINE_ORDER) == sorted(baselines())


def test_further_opponents_come_after_the_baselines_and_are_none_of_them() -> None:
    tuned = verdict.built_in_standards()
    assert list(tuned) == [*verdict.BASELINE_ORDER, *opponents()]
    assert len(set(tuned.values())) == len(tuned)


def test_the_search_tries_every_baseline_that_lies_in_its_space() -> None:
    named = [entry for entry in initial_design.KNOWN if isinstance(entry, str)]
    assert sorted(named) == sorted(baselines())
