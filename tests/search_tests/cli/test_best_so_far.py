"""Why a best so far may become worse."""

from __future__ import annotations

from dataclasses import replace

from search.cli.best_so_far import BestSoFar
from search.results.candidate import Candidate
from search.results.lead import Lead
from search.results.status import StudyStatus
from tests.search_tests.studies import study_spec
from warmboot.schedule import WarmbootSchedule

A = Candidate(key="a", schedule=WarmbootSchedule(lr=0.1), trial_numbers=(0,), searched=(2.0,), confirmed=())
B = replace(A, key="b", searched=(2.1,))


def snapshot(best: Candidate | None, direction: str = "minimize") -> StudyStatus:
    return StudyStatus(
        spec=study_spec(direction=direction),
        n_trials=8,
        counts={},
        diverged=0,
        lead=None if best is None else Lead(best, None, ahead=True),
        trials_per_second=None,
        confirmed=False,
        stopped=False,
    )


def told(*bests: Candidate | None, direction: str = "minimize") -> str:
    """What is said of the last after the others were shown."""
    following = BestSoFar()
    return [following.why_worse(snapshot(best, direction)) for best in bests][-1]


def test_nothing_is_said_of_what_is_better_or_as_good() -> None:
    assert told(None) == ""
    assert told(None, B, A, A) == ""
    assert told(A, B, direction="maximize") == ""


def test_more_seeds_of_the_same_schedule() -> None:
    assert told(A, replace(A, searched=(2.0, 2.4))).startswith("2.000 before; trained on another seed")
    assert "on 2 more seeds it did worse" in told(A, replace(A, searched=(2.0, 2.4, 2.5)))


def test_another_schedule_leads_since_the_first_did_worse_on_further_seeds() -> None:
    why = "2.000 before, of another schedule that did worse on further seeds"
    assert told(A, B) == why
    assert told(A, B, B) == why
    assert told(A, B, replace(A, key="c", searched=(1.9,))) == ""


def test_what_was_trained_on_fresh_seeds_comes_first() -> None:
    assert "fresh seeds comes first" in told(A, replace(B, confirmed=(2.2, 2.2)))


def test_all_runs_together_decide() -> None:
    assert "all runs together decide" in told(A, replace(B, expected_at_last=2.05))


def test_a_higher_value_is_better_where_it_is_to_be_maximized() -> None:
    assert told(B, A, direction="maximize").startswith("2.100 before")
