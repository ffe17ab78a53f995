"""What is said for and against a schedule: plain, honest, and readable by programs."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from search.evidence import comparison, evidence, evidence_lines
from search.results import Contender
from tests.search_tests.studies import study_spec
from warmboot.schedule import WarmbootSchedule


def contender(
    key: str, *searched: float, confirmed: tuple[float, ...] = (), standard: str | None = None
) -> Contender:
    schedule = WarmbootSchedule(lr=0.1, curve="linear" if standard else "cosine")
    return Contender(
        key=key,
        schedule=schedule,
        trial_numbers=tuple(range(len(searched))),
        searched=searched,
        confirmed=confirmed,
        standard=standard,
    )


BEST = contender("best", 1.0, confirmed=(1.1, 1.2, 1.3))
STANDARD = contender("linear", 1.2, confirmed=(1.2, 1.1, 1.5), standard="linear")


def test_the_data_keeps_searched_and_fresh_seeds_apart_and_claims_no_verdict() -> None:
    data = json.loads(json.dumps(evidence(study_spec(), BEST, STANDARD)))
    assert (data["objective"], data["direction"]) == ("val_loss", "minimize")
    assert (data["searched"], data["confirmed"]) == ([1.0], [1.1, 1.2, 1.3])
    assert data["verdict"].startswith("none")
    assert data["best_standard"]["name"] == "linear"
    assert data["best_standard"]["confirmed"] == [1.2, 1.1, 1.5]


@pytest.mark.parametrize("standard", [None, BEST])
def test_a_schedule_is_not_compared_with_itself_or_nothing(standard: Contender | None) -> None:
    assert "best_standard" not in evidence(study_spec(), BEST, standard)


def test_the_comparison_is_paired_by_seed() -> None:
    text = comparison(study_spec(), BEST, STANDARD)
    assert "On the same 3 fresh seeds the best is ahead by 0.06667 on average (ahead on 2 of 3)" in text
    assert "they do not prove" in text


def test_ahead_means_higher_where_the_objective_is_to_be_maximized() -> None:
    text = comparison(study_spec(objective="val_accuracy", direction="maximize"), BEST, STANDARD)
    assert "behind by 0.06667" in text
    assert "ahead on 1 of 3" in text


def test_single_runs_say_nothing() -> None:
    for best, standard in ((contender("a", 1.0), STANDARD), (BEST, contender("b", 1.0, standard="linear"))):
        assert "do not say which is better" in comparison(study_spec(), best, standard)


def test_a_person_reads_the_schedule_its_values_and_the_comparison() -> None:
    lines = evidence_lines(study_spec(), BEST, STANDARD)
    assert lines[0] == "best      cosine to 0, peak lr 0.1"
    assert "val_loss 1.2 on 3 fresh seeds, 1 in the search (trial 0)" in lines[1]
    assert lines[2] == "standard  linear to 0, peak lr 0.1"
    assert lines[-1].strip() == comparison(study_spec(), BEST, STANDARD)


def test_a_standard_that_leads_is_said_to_be_one() -> None:
    lines = evidence_lines(study_spec(), STANDARD, STANDARD)
    assert lines[-1].strip() == "It is a standard schedule (linear): nothing beat it here."


def test_a_space_without_standards_says_so() -> None:
    assert "holds no standard schedule" in evidence_lines(study_spec(), BEST, None)[-1]


def test_settings_that_differ_besides_the_schedule_are_named() -> None:
    """A gain that may come from the weight decay is not the schedule's."""
    best, standard = (replace(c, params={"weight_decay": w}) for c, w in ((BEST, 0.05), (STANDARD, 0.01)))
    lines = evidence_lines(study_spec(), best, standard)
    assert lines[0].endswith("; weight_decay 0.05")
    assert lines[-1].endswith("They differ in weight_decay as well, not in the schedule alone.")
    assert "They differ" not in evidence_lines(study_spec(), best, replace(standard, params=best.params))[-1]


@pytest.mark.parametrize(("siblings", "said"), [(1, "at 1 peak lr only"), (3, "at 3 peak lrs only"), (6, "")])
def test_a_standard_that_met_few_peak_lrs_is_no_fair_rival(siblings: int, said: str) -> None:
    text = comparison(study_spec(), BEST, replace(STANDARD, siblings=siblings))
    assert (said or "they do not prove.") in text
    assert ("peak lr" in text) is bool(said)
