"""What is said for and against a schedule: plain, honest, and readable by programs."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.results.against_cosine import against_cosine
from search.results.candidate import Candidate
from search.results.evidence import (
    basis_lines,
    comparison,
    edge_lines,
    evidence,
    evidence_lines,
    sentence,
    verdict_lines,
)
from search.results.headline import headline
from search.results.lead import Lead
from search.results.verdict import VerdictResult
from tests.search_tests.leads import BASELINE, LEADER, candidate, lead, stored_verdict, verdict_result
from tests.search_tests.studies import SPACE, study_spec
from warmboot.schedule import WarmbootSchedule

SETTLES = "This is the model's estimate over all runs; warmboot verdict small settles it."
UNSURE = lead(probability=0.6)
"""The plain schedule is the answer."""


def test_the_command_that_settles_it_can_be_pasted_where_the_training_is_code() -> None:
    spec = study_spec(proxy={"command": "python train.py"})
    assert "warmboot verdict small --allow-commands settles it." in sentence(spec, lead())


def test_the_data_keeps_searched_and_fresh_seeds_apart_and_claims_no_verdict() -> None:
    data = json.loads(json.dumps(evidence(study_spec(), LEADER, lead())))
    assert (data["objective"], data["direction"]) == ("val_loss", "minimize")
    assert (data["searched"], data["confirmed"]) == ([1.0], [1.1, 1.2, 1.3])
    assert data["verdict"].startswith("none")
    assert data["best_standard"]["name"] == "linear"
    assert data["best_standard"]["confirmed"] == [1.2, 1.1, 1.5]
    assert data["expected"] == {
        "gain_of_leader_over_baseline": 0.1,
        "probability_of_being_better": 0.97,
        "probability_of_more_than_the_margin": 0.9,
        "claim": "better",
        "seed_sd": 0.05,
    }


@pytest.mark.parametrize(
    ("schedule", "made", "role", "others"),
    [
        (LEADER, lead(), "leader", {"best_standard"}),
        (BASELINE, UNSURE, "baseline", {"leader"}),
        (LEADER, UNSURE, "another schedule of the study", {"best_standard"}),
        (BASELINE, lead(), "another schedule of the study", {"leader"}),
        (candidate("third", 1.1), lead(), "another schedule of the study", {"best_standard", "leader"}),
        (LEADER, lead(baseline=None, gain=None, probability=None), "leader", set()),
        (BASELINE, lead(leader=None, gain=None, probability=None), "baseline", set()),
    ],
)
def test_the_data_tells_the_role_of_a_schedule_and_what_it_is_compared_with(
    schedule: Candidate, made: Lead, role: str, others: set[str]
) -> None:
    data = evidence(study_spec(), schedule, made)
    assert data["answer"] == role
    assert {name for name in ("best_standard", "leader") if name in data} == others
    assert ("expected" in data) is (made.gain is not None)


def test_the_data_holds_the_whole_verdict_where_there_is_one() -> None:
    verdict = stored_verdict("win")
    data = evidence(study_spec(), LEADER, lead(verdict=VerdictResult.from_json(verdict)))
    assert data["verdict"] == {name: value for name, value in verdict.items() if name != "key"}
    assert "expected" not in data, "the verdict knows better"


COSINE = replace(candidate("cosine", 1.25, standard="cosine"), schedule=WarmbootSchedule(lr=0.3), siblings=3)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        (
            {"cosine": COSINE},
            "val_loss 1.250 at 0.3, the best of 3 peak lrs tried (1 run): the answer is ahead by 0.1 (2 seed "
            "standard deviations)",
        ),
        (
            {"cosine": replace(COSINE, searched=(1.15, 1.21), siblings=1)},
            "val_loss 1.180 at 0.3, the only peak lr tried (2 runs): the answer is ahead by 0.03 (0.6 seed "
            "standard deviations, within the noise)",
        ),
        (  # what the model expects of both counts more than a lucky run
            {
                "cosine": replace(COSINE, expected_at_last=1.3),
                "leader": replace(LEADER, expected_at_last=1.1),
            },
            "val_loss 1.300 at 0.3, the best of 3 peak lrs tried (1 run): the answer is ahead by 0.2 (4 seed "
            "standard deviations)",
        ),
        (
            {"cosine": replace(COSINE, searched=(1.0,)), "noise_sd": None},
            "val_loss 1 at 0.3, the best of 3 peak lrs tried (1 run): the answer is behind by 0.15",
        ),
        ({}, "not tried, so how the answer compares with it is not known"),
        ({"gain": None, "probability": None}, None),  # too early
        ({"baseline": COSINE, "cosine": COSINE}, None),  # compared anyway
        ({"cosine": COSINE, "verdict": verdict_result("win")}, None),
    ],
)
def test_how_the_answer_compares_with_plain_cosine_is_told_as_far_as_it_is_known(
    changes: dict[str, Any], text: str | None
) -> None:
    made = lead(**changes)
    assert against_cosine(study_spec(), made) == text
    lines = evidence_lines(study_spec(), made.chosen, made)
    assert [line for line in lines if line.startswith("cosine ")] == (
        [] if text is None else [f"cosine    {text}"]
    )
    assert (f"Plain cosine: {text}." in basis_lines(study_spec(), made)) is (text is not None)


def test_higher_is_ahead_of_cosine_where_the_objective_is_to_be_maximized() -> None:
    told = against_cosine(study_spec(objective="val_accuracy", direction="maximize"), lead(cosine=COSINE))
    assert "the answer is behind by 0.1" in str(told)


def test_a_schedule_that_was_never_confirmed_is_said_to_be_so() -> None:
    once, twice = replace(LEADER, confirmed=()), replace(LEADER, searched=(1.0, 1.1), confirmed=())
    for leader, words in (
        (once, "val_loss 1.000 in the search (trial 0); trained once, not confirmed on fresh seeds"),
        (twice, "val_loss 1.050 in the search (trial 0); not confirmed on fresh seeds"),
    ):
        assert f"{'':10s}{words}" in evidence_lines(study_spec(), leader, lead(leader=leader))
    assert "not confirmed" not in "\n".join(evidence_lines(study_spec(), LEADER, lead()))


def test_the_comparison_is_paired_by_seed() -> None:
    text = comparison(study_spec(), LEADER, BASELINE)
    assert text == "On the same 3 fresh seeds the one above is ahead by 0.067 on average (ahead on 2 of 3)."
    longer = replace(LEADER, confirmed=(*LEADER.confirmed, 9.0))
    assert comparison(study_spec(), longer, BASELINE) == text, "only of what both have"


def test_ahead_means_higher_where_the_objective_is_to_be_maximized() -> None:
    text = comparison(study_spec(objective="val_accuracy", direction="maximize"), LEADER, BASELINE)
    assert "behind by 0.067" in text
    assert "ahead on 1 of 3" in text


def test_single_runs_are_not_compared() -> None:
    for best, standard in (
        (candidate("a", 1.0), BASELINE),
        (LEADER, candidate("b", 1.0, standard="linear")),
    ):
        assert comparison(study_spec(), best, standard) == ""


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        # better, as sure as a search alone can be
        (
            {"probability": 0.97},
            "It is better than the baseline linear to 0 by 0.1 (2 standard deviations between seeds) so far "
            f"(97% likely). {SETTLES}",
        ),
        ({"probability": 0.9999}, "(over 99% likely)"),
        ({"gain": 0.05}, "by 0.05 (1 standard deviation between seeds) so far"),
        # likely enough to be the answer, and no more: a verdict may call the two equivalent
        (
            {"probability": 0.87, "gain": 0.025, "probability_of_margin": 0.5},
            "It is ahead of the baseline linear to 0 by 0.025 (0.5 standard deviations between seeds) (87% "
            f"likely to be better); a gain this small may not matter. {SETTLES}",
        ),
        (
            {"probability": 0.999, "probability_of_margin": 0.79},
            "It is ahead of the baseline linear to 0 by 0.1",
        ),
        ({"probability": 0.8, "probability_of_margin": 0.8}, "It is better than the baseline linear to 0"),
        ({"probability_of_margin": None}, "It is ahead of the baseline linear to 0"),
        # the plain one is the answer
        (
            {"probability": 0.799},
            "The best searched schedule is ahead by 0.1 (2 "
            f"standard deviations between seeds), which is not enough (80% likely to be better). {SETTLES}",
        ),
        (
            {"probability": 0.2, "gain": -0.1, "leader": candidate("a", 1.0)},
            "The best searched schedule is behind by 0.1 (2 "
            f"standard deviations between seeds) (20% likely to be better). {SETTLES}",
        ),
        ({"probability": 0.001, "gain": -0.1}, "(under 1% likely to be better)"),
        # without the noise between seeds
        ({"noise_sd": None}, "by 0.1 so far"),
        ({"noise_sd": 0.0}, "by 0.1 so far"),
        # nothing is known of a difference
        (
            {"probability": None, "gain": None},
            "Too early to say whether anything is better than the baseline linear",
        ),
        (
            {"leader": None, "probability": None, "gain": None},
            "Only baselines have been tried; linear to 0 is the best of them.",
        ),
        (
            {"baseline": None, "probability": None, "gain": None},
            "The search space has no baseline to compare it with.",
        ),
    ],
)
def test_each_grade_of_what_is_known_has_its_sentence(changes: dict[str, Any], said: str) -> None:
    text = sentence(study_spec(), lead(**changes))
    assert said in text
    if said.endswith((SETTLES, "them.", "with.")):
        assert text == said


@given(
    st.floats(-10, 10).filter(lambda gain: gain == 0 or abs(gain) > 1e-9), st.floats(0, 1), st.floats(0, 1)
)
def test_below_the_threshold_nothing_is_claimed_to_be_better(
    gain: float, probability: float, of_margin: float
) -> None:
    made = lead(gain=gain, probability=probability, probability_of_margin=of_margin)
    text = sentence(study_spec(), made)
    assert (re.search(r"is (better than|ahead of) the baseline", text) is not None) is (probability >= 0.8)
    assert ("is better than the baseline" in text) is (probability >= 0.8 and of_margin >= 0.8)
    assert (made.chosen is BASELINE) is text.startswith("The best searched schedule is ")
    first = headline(study_spec(), made)
    assert ("it is better than" in first) is ("is better than the baseline" in text)
    assert (
        first.startswith("Use this: it is better than linear by ") or "to be better than linear yet" in first
    )
    assert "proves" not in text
    assert "100%" not in text
    assert " 0%" not in text
    assert text.endswith("; warmboot verdict small settles it.")


@pytest.mark.parametrize(("gain", "says"), [(-0.1, True), (0.1, False)])
def test_fresh_seeds_that_say_otherwise_than_all_runs_are_told(gain: float, says: bool) -> None:
    text = sentence(study_spec(), lead(gain=gain, probability=0.2))  # the leader is ahead on the fresh seeds
    assert ("(on the fresh seeds alone it is ahead by 0.067)" in text) is says


def test_a_person_reads_the_answer_its_values_how_sure_that_is_and_the_opponent() -> None:
    lines = evidence_lines(study_spec(), LEADER, lead())
    assert lines == [
        "answer    Use this: it is better than linear by 2 seed standard deviations so far (97% likely to be "
        "better; no verdict yet).",
        "schedule  cosine to 5% of the peak, peak lr 0.1",
        "          val_loss 1.200 on 3 fresh seeds, 1.000 in the search (trial 0)",
        f"          {sentence(study_spec(), lead())}",
        "baseline  linear to 0, peak lr 0.1",
        "          val_loss 1.267 on 3 fresh seeds, 1.200 in the search (trial 0)",
        f"          {comparison(study_spec(), LEADER, BASELINE)}",
        "cosine    not tried, so how the answer compares with it is not known",
    ]


def test_a_plain_answer_is_told_with_the_best_other_schedule() -> None:
    lines = evidence_lines(study_spec(), BASELINE, UNSURE)
    assert lines[0] == "answer    Use plain linear: nothing is shown to be better than linear yet."
    assert lines[1] == "schedule  linear to 0, peak lr 0.1"
    assert lines[3].strip().startswith("The best searched schedule is ahead by")
    assert lines[4] == "searched  cosine to 5% of the peak, peak lr 0.1"
    assert "the one above is behind by 0.067" in lines[-2]


def test_where_only_plain_schedules_were_tried_there_is_no_opponent() -> None:
    lines = evidence_lines(study_spec(), BASELINE, lead(leader=None, gain=None, probability=None))
    assert len(lines) == 4
    assert lines[-1].strip() == "Only baselines have been tried; linear to 0 is the best of them."


def test_a_space_without_standards_says_so() -> None:
    lines = evidence_lines(study_spec(), LEADER, lead(baseline=None, gain=None, probability=None))
    assert lines[-1].strip() == "The search space has no baseline to compare it with."


@pytest.mark.parametrize(
    ("schedule", "made"),
    [
        (candidate("third", 1.5), lead()),
        (LEADER, UNSURE),
        (BASELINE, lead()),
    ],
)
def test_of_another_schedule_than_the_answer_nothing_is_said_that_is_the_answers(
    schedule: Candidate, made: Lead
) -> None:
    """ "It is better" would be read as of the schedule above it."""
    lines = evidence_lines(study_spec(), schedule, made)
    assert lines[0].startswith("schedule  ")
    text = " ".join(lines)
    assert "It is better than" not in text
    assert "answer    " not in text
    assert made.chosen.describe() in text, "what the answer is"
    if made is UNSURE:
        assert "nothing is shown to be better than linear yet. warmboot verdict small settles it." in text


def test_after_a_verdict_its_words_stand_instead_of_the_models() -> None:
    made = lead(verdict=verdict_result("win"))
    lines = evidence_lines(study_spec(), LEADER, made)
    assert lines[0] == "answer    Use this: it is better than tuned linear by 2 seed standard deviations."
    assert lines[3] == "verdict   The verdict: win."
    assert len(lines) == 4


@pytest.mark.parametrize(
    ("outcome", "probability", "last"),
    [
        ("win", 0.99, "The verdict: win."),
        ("lose", 0.01, "warmboot export small writes it."),
        ("equivalent", 0.6, "warmboot export small writes it."),
        ("standard", None, "The verdict: standard."),
        (
            "not settled",
            0.85,
            "Given these pairs it is 85% likely to be better, so the answer is the searched schedule.",
        ),
        (
            "not settled",
            0.6,
            "Given these pairs it is 60% likely to be better, so the answer is the baseline.",
        ),
        ("not settled", None, "The verdict: not settled."),  # an older one, without its pairs
    ],
)
def test_a_verdict_is_told_with_what_follows_from_it(
    outcome: str, probability: float | None, last: str
) -> None:
    lines = verdict_lines(study_spec(), lead(verdict=verdict_result(outcome), probability=probability))
    assert lines[0] == f"The verdict: {outcome}."
    assert lines[-1] == last


def at_lr(lr: float) -> Candidate:
    return replace(LEADER, schedule=WarmbootSchedule(lr=lr))


@pytest.mark.parametrize(
    ("lr", "said"),
    [
        (0.01, "low end of the searched range (0.01): .* such as low = 0.001."),
        (0.0109, "low end"),  # within 2% of the range's log
        (0.011, None),
        (0.1, None),
        (0.91, None),
        (0.92, "high end"),
        (1.0, "high end of the searched range (1): .* such as high = 10."),
    ],
)
def test_a_peak_lr_at_an_end_of_its_range_is_told_with_the_way_out(lr: float, said: str | None) -> None:
    lines = edge_lines(study_spec(), at_lr(lr))
    if said is None:
        assert lines == []
        return
    (line,) = lines
    assert re.search(said.replace("(", r"\(").replace(")", r"\)"), line)
    assert "Search again under another name" in line
    assert f"          {line}" in evidence_lines(study_spec(), at_lr(lr), lead(leader=at_lr(lr)))


def test_a_fixed_peak_lr_lies_at_no_end() -> None:
    fixed = study_spec(space={**SPACE, "lr": 0.1})
    assert edge_lines(fixed, at_lr(0.1)) == []


def test_settings_that_differ_besides_the_schedule_are_named() -> None:
    """A gain that may come from the weight decay is not the schedule's."""
    best, standard = (replace(c, params={"weight_decay": w}) for c, w in ((LEADER, 0.05), (BASELINE, 0.01)))
    lines = evidence_lines(study_spec(), best, lead(leader=best, baseline=standard))
    assert lines[1].endswith("; weight_decay 0.05")
    assert lines[-2].endswith("They differ in weight_decay as well, not only in the schedule.")
    same = lead(leader=best, baseline=replace(standard, params=best.params))
    assert "They differ" not in " ".join(evidence_lines(study_spec(), best, same))


@pytest.mark.parametrize(
    ("siblings", "said"),
    [
        (1, "The baseline was tried at only 1 peak lr; warmboot verdict small tunes it."),
        (3, "The baseline was tried at only 3 peak lrs; warmboot verdict small tunes it."),
        (4, ""),
        (6, ""),
    ],
)
def test_a_standard_that_met_few_peak_lrs_is_no_fair_rival(siblings: int, said: str) -> None:
    made = lead(baseline=replace(BASELINE, siblings=siblings))
    text = " ".join(evidence_lines(study_spec(), LEADER, made))
    assert said in text
    assert ("was tried at only" in text) is bool(said)
    fixed = study_spec(space={**SPACE, "lr": 0.1})
    assert "was tried at only" not in " ".join(evidence_lines(fixed, LEADER, made)), "there is but one lr"
