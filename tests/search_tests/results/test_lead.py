"""What leads a study: before a verdict by the model of all runs, after one by the verdict."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from optuna.trial import FrozenTrial

from search.results.candidate import Candidate, candidates
from search.results.kept_estimates import expectations, model_of, to_json
from search.results.lead import LEAD, Lead, lead_by_means, lead_by_model, lead_of
from search.results.lead import to_json as lead_json
from search.results.status import read_status, study_lead
from search.results.verdict import VerdictResult
from search.runs.run import Measurement
from search.runs.trial_attributes import EXPECTED_VALUE
from search.storage.database import Database
from search.storage.plans import NextTrial
from search.storage.study_attributes import VERDICT
from search.storage.study_reader import KnownTrials
from search.storage.study_record import StudyRecord
from search.strategy.sureness import probability_of
from search.worker.trial_runs import trial_job
from tests.search_tests.leads import (
    BASELINE,
    LEADER,
    TUNED,
    lead,
    stored_verdict,
    verdict_result,
    without_document,
)
from tests.search_tests.studies import LINEAR, fill, make_study, study_spec, trial_queue

WARM = {"lr": 0.2, "warmup": 0.1, "n_restarts": 0, "curve": "cosine"}


@pytest.mark.parametrize(
    ("changes", "chosen", "other"),
    [
        ({"probability": 0.97}, LEADER, BASELINE),
        ({"probability": 0.8}, LEADER, BASELINE),
        ({"probability": 0.799}, BASELINE, LEADER),
        ({"probability": 0.1, "gain": -0.1}, BASELINE, LEADER),
        ({"probability": None, "gain": None}, BASELINE, LEADER),
        ({"probability": None, "gain": None, "ahead": True}, LEADER, BASELINE),  # by the means while it runs
        ({"probability": 0.3, "ahead": True}, BASELINE, LEADER),  # more is known than the means
        ({"baseline": None, "probability": None, "gain": None}, LEADER, None),
        ({"leader": None, "probability": None, "gain": None}, BASELINE, None),
    ],
)
def test_without_a_verdict_the_probability_decides(
    changes: dict[str, Any], chosen: Candidate, other: Candidate | None
) -> None:
    made = lead(**changes)
    assert (made.chosen, made.other) == (chosen, other)


@pytest.mark.parametrize(
    ("outcome", "probability", "leader_is_better"),
    [
        ("win", 0.5, True),  # whatever the model says
        ("lose", 0.99, False),
        ("equivalent", 0.99, False),
        ("standard", 0.99, False),
        ("not settled", 0.9, True),
        ("not settled", 0.7, False),
        ("not settled", None, False),
    ],
)
def test_a_verdict_decides_and_where_it_settles_nothing_its_pairs_do(
    outcome: str, probability: float | None, leader_is_better: bool
) -> None:
    made = lead(verdict=verdict_result(outcome), probability=probability)
    assert made.leader_is_better is leader_is_better
    assert made.chosen is (LEADER if leader_is_better else BASELINE)
    assert made.subject is LEADER, "a verdict is about the leader, whatever the answer is"


def trials_of(record: StudyRecord) -> list[FrozenTrial]:
    return record.load().get_trials(deepcopy=False)


def found_in(record: StudyRecord) -> list[Candidate]:
    return candidates(trials_of(record), record.spec.parsed_space, record.attributes.get("confirmation"))


def by_model(record: StudyRecord, verdict: VerdictResult | None = None) -> Lead:
    found = found_in(record)
    model = model_of(record.spec, trials_of(record), found, confirmed=True)
    assert model is not None
    return lead_by_model(found, model.answer(), verdict, record.spec.direction)


@pytest.fixture
def tried(database: Database) -> StudyRecord:
    """Linear at three peak lrs, cosine, and a searched schedule that is 0.3 better on each of three seeds."""
    record = make_study(database, n_trials=20)
    lrs = [({**LINEAR, "lr": lr}, value) for lr, value in ((0.03, 2.6), (0.1, 2.2), (0.3, 2.5))]
    fill(record, [*lrs, (LINEAR, 2.21), (LINEAR, 2.19)], standard="linear")
    fill(record, [({**LINEAR, "curve": "cosine"}, 2.3)], standard="cosine")
    fill(record, [(WARM, 1.9), (WARM, 1.91), (WARM, 1.89)])
    return record


def test_the_model_names_leader_and_best_baseline_and_how_likely_it_is_better(tried: StudyRecord) -> None:
    made = by_model(tried)
    assert made.leader is not None
    assert made.baseline is not None
    assert made.leader.trial_numbers == (6, 7, 8)
    assert (made.baseline.standard, made.baseline.schedule.lr) == ("linear", 0.1)
    assert made.baseline.siblings == 3, "linear met three peak lrs"
    assert made.gain == pytest.approx(0.3, abs=0.1)
    assert made.probability is not None
    assert made.probability > 0.8
    assert made.chosen is made.leader


def test_by_the_means_the_first_of_the_ranking_leads_while_a_study_runs(tried: StudyRecord) -> None:
    """How sure that is nobody has worked out, so nothing is claimed of it."""
    made = lead_by_means(found_in(tried), tried.spec)
    assert made is not None
    assert made.leader is not None
    assert made.leader.trial_numbers == (6, 7, 8)
    assert (made.gain, made.probability) == (None, None)
    assert made.chosen is made.leader
    assert lead_by_means([], tried.spec) is None
    fill(tried, [({**LINEAR, "curve": "cosine", "lr": 0.15}, 1.0)], standard="cosine")
    made = lead_by_means(found_in(tried), tried.spec)
    assert made is not None
    assert made.chosen is made.baseline
    assert made.chosen.standard == "cosine"


def kept(record: StudyRecord) -> dict[str, Any]:
    """What a worker keeps when the search has ended."""
    found, trials = found_in(record), trials_of(record)
    model = model_of(record.spec, trials, found, confirmed=True)
    assert model is not None
    expected = expectations(model, found)
    return to_json(trials, expected, expected, **{LEAD: lead_json(model.answer(), found)})


def test_what_is_kept_on_the_study_is_read_back_the_same(tried: StudyRecord) -> None:
    tried.set_attribute("expected", kept(tried))
    stored = tried.attributes["expected"]
    assert lead_of(found_in(tried), stored, trials_of(tried), None, tried.spec.direction) == by_model(tried)


def test_a_lead_that_was_kept_before_the_last_trial_is_no_lead(tried: StudyRecord) -> None:
    stored = kept(tried)
    fill(tried, [({**WARM, "lr": 0.3}, 1.0)])
    assert lead_of(found_in(tried), stored, trials_of(tried), None, tried.spec.direction) is None
    assert lead_of([], stored, trials_of(tried), None, tried.spec.direction) is None


def test_a_study_that_was_kept_without_a_lead_is_read_and_worked_out_anew(tried: StudyRecord) -> None:
    """By an earlier version; whoever only looks gets the means."""
    stored = kept(tried)
    del stored[LEAD]
    tried.set_attribute("expected", stored)
    assert (
        lead_of(found_in(tried), tried.attributes["expected"], trials_of(tried), None, tried.spec.direction)
        is None
    )
    quick = read_status(tried, tried.reader()).lead
    settled = read_status(tried, tried.reader(), settle=True).lead
    assert quick is not None
    assert settled is not None
    assert quick.probability is None
    assert settled.chosen.trial_numbers == (6, 7, 8)
    assert settled == study_lead(tried)[0]


@pytest.mark.parametrize("sampler", ["warmboot", "tpe"])
def test_a_lead_is_the_same_whoever_has_read_the_trials(database: Database, sampler: str) -> None:
    """A look reads of thousands of trials what the model needs, and rebuilds the schedules that matter."""
    record = make_study(database, sampler={"name": sampler}, n_trials=60)
    fill(
        record,
        [({**LINEAR, "lr": 0.05 * 1.2**i}, 2.2 + 0.01 * (i - 8) ** 2) for i in range(16)],
        standard="linear",
    )
    fill(record, [({**WARM, "lr": 0.1 * 1.1**i}, 2.0 + 0.02 * (i % 5)) for i in range(20)])
    fill(record, [({**WARM, "lr": 0.11}, 2.01), ({**WARM, "lr": 0.11}, 2.02)])
    looked = read_status(record, record.reader(), settle=True)
    known = read_status(record, KnownTrials(trials_of(record)), settle=True)
    assert looked.lead == known.lead == by_model(record)
    assert looked == known
    assert study_lead(record, also=3)[0] == looked.lead
    assert any(3 in found.trial_numbers for found in study_lead(record, also=3)[1])


@pytest.mark.parametrize(
    ("outcome", "gains", "answer_is_leader"),
    [
        ("win", (0.05, 0.03, 0.04, 0.06, 0.02), True),
        ("lose", (-0.05, -0.03, -0.04, -0.06, -0.02), False),
        ("equivalent", (0.01, -0.01, 0.0, 0.01, 0.0), False),
        ("not settled", (0.05, 0.03, 0.04, -0.01, 0.02), True),
        ("not settled", (0.05, -0.03, 0.04, -0.06, 0.02), False),
    ],
)
def test_a_verdict_brings_the_tuned_baseline_and_the_gain_of_its_pairs(
    tried: StudyRecord, outcome: str, gains: tuple[float, ...], answer_is_leader: bool
) -> None:
    leader = by_model(tried).leader
    assert leader is not None
    made = by_model(tried, verdict_result(outcome, leader.key, gains))
    assert made.verdict is not None
    assert made.leader == leader
    assert made.baseline is not None
    assert made.baseline.schedule == TUNED
    assert made.baseline.standard == "linear"
    assert made.baseline.confirmed == (2.0, 2.1, 1.9)
    assert made.gain == pytest.approx(sum(gains) / 5)
    assert made.noise_sd == 0.05
    assert (made.chosen is made.leader) is answer_is_leader
    assert made.subject == leader


def test_the_probability_after_a_verdict_is_students_of_its_pairs(tried: StudyRecord) -> None:
    """Five gains of mean 0.02 and standard deviation 0.02: t = 2.236 on 4 degrees of freedom."""
    leader = by_model(tried).leader
    assert leader is not None
    gains = (0.0, 0.04, 0.02, 0.0, 0.04)
    made = by_model(tried, verdict_result("not settled", leader.key, gains))
    assert made.probability == pytest.approx(probability_of(0.02, 0.02 / 5**0.5, 4))
    assert made.probability == pytest.approx(0.955, abs=0.002)


def test_a_verdict_that_is_older_than_its_document_keeps_the_baseline_of_the_search(
    tried: StudyRecord,
) -> None:
    before = by_model(tried)
    assert before.leader is not None
    old = VerdictResult.from_json(without_document(stored_verdict("lose", before.leader.key)))
    made = by_model(tried, old)
    assert made == replace(before, verdict=old)
    assert made.chosen == before.baseline, "it lost: the plain one as the search has it"


def test_a_verdict_on_another_schedule_than_the_leader_of_now_is_none(tried: StudyRecord) -> None:
    assert by_model(tried, verdict_result("lose", "another")) == by_model(tried)


def test_a_verdict_on_the_best_plain_schedule_is_the_answer_where_nothing_else_was_tried(
    database: Database,
) -> None:
    record = make_study(database)
    keys = fill(record, [(LINEAR, 2.0), (LINEAR, 2.1)], standard="linear")
    made = by_model(record, verdict_result("standard", keys[0]))
    assert made.verdict is not None
    assert made.chosen.schedule == TUNED
    assert made.probability is None


def test_a_baseline_of_a_curve_that_is_not_known_here_is_not_read() -> None:
    verdict = stored_verdict("lose")
    assert VerdictResult.from_json(verdict).standard.schedule == TUNED
    document = verdict["standard"]["document"]
    text = str(document["schedule"]["curve"])
    verdict["standard"]["document"] = {
        **document,
        "schedule": {**document["schedule"], "curve": {"name": f"not {text[:4]}"}},
    }
    assert VerdictResult.from_json(verdict).standard.schedule is None


def test_the_verdict_of_a_study_is_told_by_its_snapshot(tried: StudyRecord) -> None:
    leader = by_model(tried).leader
    assert leader is not None
    verdict = verdict_result("lose", leader.key)
    tried.set_attribute(VERDICT, verdict.to_json())
    snapshot = read_status(tried, tried.reader(), settle=True)
    assert snapshot.verdict == verdict
    assert snapshot.best is not None
    assert snapshot.best.schedule == TUNED
    assert snapshot.other == leader


def test_what_was_stopped_early_does_not_lead(database: Database) -> None:
    """The model learns from what it was expected to reach; nobody has seen it there."""
    rules = {"name": "squeezed", "plateau": True}
    record = make_study(database, total_steps=900, n_trials=40, early_stopping=rules)
    fill(record, [(LINEAR, 2.2), (LINEAR, 2.21)], standard="linear")
    fill(record, [({**WARM, "lr": 0.4}, 2.15)])
    queue = trial_queue(record, lambda _: NextTrial(WARM, {}))
    trial = queue.next()
    assert trial is not None
    job = trial_job(queue, record.spec, trial)
    job.began({"val_loss": 2.0})
    diverged = Measurement(key=job.run.key, step=7, metrics={}, last=True, diverged_at_step=7)
    assert job.measured(diverged) is None
    assert queue.stored(3).user_attrs[EXPECTED_VALUE] == 2.0, "it is expected to be the best of all"
    made, _ = study_lead(record)
    assert made is not None
    assert made.leader is not None
    assert made.leader.trial_numbers == (2,)


def test_two_sets_of_parameters_of_one_lr_table_are_one_schedule_that_may_lead(database: Database) -> None:
    """At 100 steps a warm-up of 0.1001 is one of 0.1."""
    record = make_study(database)
    fill(record, [(LINEAR, 2.2)], standard="linear")
    twin = {**WARM, "warmup": 0.1001}
    keys = fill(record, [(WARM, 2.1), (twin, 2.05), (twin, 2.0)])
    assert len(set(keys)) == 1
    made, _ = study_lead(record)
    assert made is not None
    assert made.leader is not None
    assert made.leader.trial_numbers == (1, 2, 3)


def test_the_direction_decides_who_leads_by_the_means() -> None:
    spec = study_spec(objective="val_accuracy", direction="maximize")
    worse, better = (
        replace(LEADER, key=key, searched=(v,), confirmed=()) for key, v in (("a", 0.1), ("b", 0.9))
    )
    made = lead_by_means([worse, better, BASELINE], spec)
    assert made is not None
    assert made.leader == better
