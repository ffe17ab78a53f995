"""The answer in one sentence: in every state that a study can be in, never more than is known."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from search.results.headline import baseline_name, claim, headline
from search.results.lead import Lead
from search.results.tuned_standard import TunedStandard
from search.results.verdict import VerdictResult
from search.statistics.steps_gain import StepsGain
from tests.search_tests.leads import candidate, stored_verdict
from tests.search_tests.studies import study_spec
from warmboot.schedule import WarmbootSchedule

LEADER = candidate("best", 1.0, confirmed=(1.0, 1.1, 1.2))
LINEAR = candidate("linear", 1.1, confirmed=(1.1, 1.2, 1.3), standard="linear")
LEAD = Lead(LEADER, LINEAR, gain=0.1, probability=0.97, noise_sd=0.05, probability_of_margin=0.9)
BEHIND = replace(LEADER, confirmed=(1.2, 1.3, 1.4))


def judged(outcome: str, **changes: Any) -> Lead:
    verdict = replace(VerdictResult.from_json(stored_verdict(outcome)), **changes)
    return replace(LEAD, verdict=verdict)


AHEAD = "Not shown to be better than linear yet: it is "
SDS = "2 seed standard deviations"
STATES = [
    # the lead, the whole headline
    (LEAD, f"Use this: it is better than linear by {SDS} so far (97% likely to be better; no verdict yet)."),
    (
        replace(LEAD, probability_of_margin=0.5, gain=0.02),
        f"{AHEAD}ahead by 0.4 seed standard deviations, which is little or within the noise (97% likely to "
        "be better); either will do.",
    ),
    (
        replace(LEAD, leader=BEHIND),
        f"{AHEAD}expected to be ahead (97% likely to be better), but was not on the 3 fresh seeds; either "
        "will do.",
    ),
    (replace(LEAD, probability=0.5), "Use plain linear: nothing is shown to be better than linear yet."),
    (
        replace(LEAD, probability=None, gain=None),
        "Too early to say: nothing is shown to be better than linear yet.",
    ),
    (replace(LEAD, leader=None), "Use plain linear: only schedules in common use have been tried."),
    (
        replace(LEAD, baseline=None),
        "Use this, the best that was tried: the search space has no baseline to compare it with.",
    ),
    (judged("win"), f"Use this: it is better than tuned linear by {SDS}."),
    (
        judged("win", steps=StepsGain(fewer=0.14, low=0.1, high=0.2, level=0.05)),
        f"Use this: it is better than tuned linear by {SDS}, 14% fewer steps.",
    ),
    (
        judged("lose"),
        f"Use plain linear: the best searched schedule is worse than tuned linear by {SDS}.",
    ),
    (judged("equivalent"), "Use plain linear: the best searched schedule does as well, and no better."),
    (judged("standard"), "Use plain linear: it is what the search has found, too."),
    (
        judged("not settled"),
        f"Not shown to be better than tuned linear yet: it is ahead by {SDS} on fresh seeds, which is within "
        "the noise (97% likely to be better).",
    ),
    (
        replace(judged("not settled"), probability=0.6),
        "Use plain linear: nothing is shown to be better than tuned linear yet.",
    ),
]


@pytest.mark.parametrize(("lead", "said"), STATES)
def test_each_state_of_a_study_has_its_headline(lead: Lead, said: str) -> None:
    assert headline(study_spec(), lead) == said


def test_a_leader_that_is_behind_on_the_fresh_seeds_is_claimed_to_be_a_little_better_at_most() -> None:
    assert claim(study_spec(), LEAD) == "better"
    assert claim(study_spec(), replace(LEAD, leader=BEHIND)) == "a little better"
    higher = study_spec(objective="val_accuracy", direction="maximize")
    assert claim(higher, LEAD) == "a little better"
    assert claim(higher, replace(LEAD, leader=BEHIND)) == "better"


def test_baselines_have_names_that_people_use() -> None:
    assert baseline_name(replace(LINEAR, standard="cosine_floor")) == "cosine with a floor"
    assert baseline_name(replace(LINEAR, standard="our usual one")) == "our usual one"
    sgdr = WarmbootSchedule(lr=0.1, restarts=(1 / 3, 2 / 3))
    assert baseline_name(replace(LINEAR, standard=None, schedule=sgdr)) == "SGDR", "found by chance"
    assert headline(study_spec(), Lead(None, replace(LINEAR, standard="constant"))) == (
        "Use a constant lr: only schedules in common use have been tried."
    )


def test_the_strongest_baseline_of_a_verdict_is_named_whatever_the_search_had() -> None:
    strongest = TunedStandard.from_json({**stored_verdict("lose")["standard"], "name": "rex"})
    assert headline(study_spec(), judged("lose", standard=strongest)).startswith("Use plain REX: ")
