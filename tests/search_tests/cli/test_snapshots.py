"""A snapshot in words and as JSON."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from typing import Any

import pytest

from search.cli.snapshots import (
    snapshot_json,
    status_lines,
    summary_lines,
    training_lines,
)
from search.cli.terminal import fitted
from search.results.candidate import Candidate
from search.results.lead import Lead
from search.results.pace import Training
from search.results.progress_text import counts_text, pace_text, state_text
from search.results.status import StudyStatus
from tests.search_tests.studies import study_spec
from warmboot.schedule import WarmbootSchedule

BEST = Candidate(
    key="best",
    schedule=WarmbootSchedule(lr=0.1, warmup=0.05),
    trial_numbers=(4, 7),
    searched=(2.0, 2.2),
    confirmed=(2.1, 2.1, 2.4),
)

PLAIN = Candidate(
    key="plain",
    schedule=WarmbootSchedule(lr=0.2, curve="linear"),
    trial_numbers=(0,),
    searched=(2.3,),
    standard="linear",
)
LEAD = Lead(BEST, PLAIN, gain=0.1, probability=0.9, noise_sd=0.1)


def snapshot(**changes: Any) -> StudyStatus:
    fields: dict[str, Any] = {
        "spec": study_spec(n_trials=100),
        "n_trials": 100,
        "counts": {"complete": 40},
        "diverged": 0,
        "lead": LEAD,
        "trials_per_second": None,
        "confirmed": False,
        "stopped": False,
    }
    return StudyStatus(**{**fields, **changes})


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({}, "40 of 100 trials done"),
        ({"counts": {}}, "0 of 100 trials done"),
        ({"counts": {"complete": 3, "running": 2}}, "3 of 100 trials done, 2 running"),
        ({"counts": {"complete": 3, "fail": 2}}, "3 of 100 trials done, 2 failed"),
        ({"counts": {"waiting": 1}}, "0 of 100 trials done, 1 waiting"),
        ({"diverged": 6}, "40 of 100 trials done, 6 diverged"),
        ({"n_trials": 3}, "40 trials done, 3 were asked for"),
    ],
)
def test_counts_leave_out_what_there_is_none_of(changes: dict[str, Any], text: str) -> None:
    assert counts_text(snapshot(**changes)) == text


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"counts": {"complete": 100}, "search_is_over": True, "settled": True}, "done"),
        # to be confirmed yet
        ({"counts": {"complete": 100}, "search_is_over": True}, "paused; run the same launch to resume"),
        ({"stopped": True}, "stopped; run the same launch to resume"),
        ({"counts": {"complete": 40, "running": 8}}, "running"),  # too early for a pace
        (
            {"counts": {"complete": 40, "running": 8}, "trials_per_second": 0.5, "seconds_left": 120},
            "running, 30.0 trials/min, at most 2 min left",
        ),
        ({"counts": {"complete": 40, "waiting": 2}}, "paused; run the same launch to resume"),
    ],
)
def test_the_state_of_a_study_in_words(changes: dict[str, Any], text: str) -> None:
    assert state_text(snapshot(**changes)) == text


OWN = {"proxy": {"command": "python train.py"}, "early_stopping": {"plateau": False}}
AT_60 = Training(number=7, step=60, total_steps=100, value=1.25)


@pytest.mark.parametrize(
    ("trials_per_second", "seconds_left", "text"),
    [
        (None, None, ""),
        (0.04, 3600, "2.4 trials/min, about 1 h left"),
        (1 / 3000, 90_000, "1.2 trials/h, about 25 h left"),
        (None, 90, "about 1 min 30 s left"),  # by the reports of the first training
        (2.0, 0.0, "2.0 trials/s"),
    ],
)
def test_a_pace_is_told_in_a_unit_that_shows_it(
    trials_per_second: float | None, seconds_left: float | None, text: str
) -> None:
    spec = study_spec(**OWN)
    told = snapshot(spec=spec, trials_per_second=trials_per_second, seconds_left=seconds_left)
    assert pace_text(told) == text


@pytest.mark.parametrize(
    ("early_stopping", "sampler", "text"),
    [
        ({"plateau": True}, {"name": "warmboot"}, "at most 10 s left"),
        ({"plateau": True}, {"name": "tpe"}, "about 10 s left"),
        ({"plateau": False, "name": "squeezed"}, {"name": "tpe"}, "at most 10 s left"),
    ],
)
def test_where_a_search_may_end_early_the_time_left_is_a_bound(
    early_stopping: dict[str, Any], sampler: dict[str, Any], text: str
) -> None:
    spec = study_spec(early_stopping=early_stopping, sampler=sampler)
    assert pace_text(snapshot(spec=spec, seconds_left=10)) == text


def test_how_far_trainings_of_ones_own_are_is_told() -> None:
    waiting = Training(number=8, step=0, total_steps=100, value=None)
    lines = training_lines(snapshot(spec=study_spec(**OWN), training=[AT_60, waiting]))
    assert lines == ["trial 7: step 60 of 100, val 1.250", "trial 8: no report yet, of 100 steps"]
    again = replace(AT_60, again=True)
    (line,) = training_lines(snapshot(spec=study_spec(**OWN), training=[again]))
    assert line == "trial 7: taken up again after step 60 of 100, val 1.250"
    assert training_lines(snapshot(spec=study_spec(**OWN), training=[AT_60] * 9))[4:] == ["and 5 more"]
    assert training_lines(snapshot(training=[AT_60])) == [], "a population trains many, each for a moment"


def test_status_shows_what_trains() -> None:
    lines = status_lines(snapshot(spec=study_spec(**OWN), training=[AT_60]))
    assert lines[1] == "training  trial 7: step 60 of 100, val 1.250"


def test_status_is_readable_before_the_first_result() -> None:
    assert status_lines(snapshot(lead=None, counts={})) == [
        "small: 0 of 100 trials done (paused; run the same launch to resume)"
    ]


def test_status_tells_the_answer_how_sure_it_is_and_its_opponent() -> None:
    lines = status_lines(snapshot())
    assert lines[1].startswith("answer    Not shown to be better than linear yet: it is ahead by ")
    assert lines[2] == "schedule  cosine to 0, peak lr 0.1, 5% warm-up"
    assert "is ahead of the baseline linear to 0" in lines[4]
    assert lines[5] == "baseline  linear to 0, peak lr 0.2"
    lines = status_lines(snapshot(lead=replace(LEAD, probability=0.5)))
    assert lines[1] == "answer    Use plain linear: nothing is shown to be better than linear yet."
    assert lines[2] == "schedule  linear to 0, peak lr 0.2"
    assert "searched  cosine to 0, peak lr 0.1, 5% warm-up" in lines


def test_a_peak_lr_at_the_end_of_its_range_is_told_by_status() -> None:
    at_end = replace(LEAD, leader=replace(BEST, schedule=WarmbootSchedule(lr=1.0)))
    text = "\n".join(status_lines(snapshot(lead=at_end)))
    assert "at the high end of the searched range (1)" in text
    assert "such as high = 10" in text


def test_what_failed_is_looked_up_where_the_study_is() -> None:
    failed = snapshot(failures={"no data": 2})
    hint = "          the last output of each: warmboot logs small --storage sqlite:///mine.db"
    assert hint in status_lines(failed, ("--storage", "sqlite:///mine.db"))
    assert hint in summary_lines(failed, ("--storage", "sqlite:///mine.db"))


def test_a_remark_is_told_once_with_how_many_trials_have_one() -> None:
    text = status_lines(snapshot(remarks={7: "of seven", 3: "two lrs\ntwo values"}))
    assert text[-2:] == ["note      trial 3 and 1 more: two lrs", "          two values"]
    assert snapshot_json(snapshot(remarks={7: "of seven"}))["remarks"] == {"7": "of seven"}


def test_a_launch_ends_with_what_to_do_next() -> None:
    text = "\n".join(summary_lines(snapshot(), ("--storage", "sqlite:///mine.db")))
    assert "cosine to 0, peak lr 0.1, 5% warm-up" in text
    assert "warmboot export small --storage sqlite:///mine.db --total-steps 2500 -o schedule.json" in text
    assert "warmboot dashboard --storage sqlite:///mine.db" in text
    done = replace(snapshot(), search_is_over=True, settled=True)
    first, second = summary_lines(done, ())[1:3]
    assert first.startswith("answer    Not shown to be better than linear yet: ")
    assert second == "next      warmboot verdict small"
    assert summary_lines(snapshot(), ())[2] == "next      the same launch resumes it"
    assert len([line for line in summary_lines(done, ()) if line.startswith("answer ")]) == 1


def test_the_answers_other_hyperparameters_are_told_with_its_schedule() -> None:
    spec = study_spec(proxy={"command": "python train.py --wd {wd}"})
    start = "          start your training as usual, with WARMBOOT_SCHEDULE=schedule.json set"
    assert start in summary_lines(snapshot(spec=spec), ())
    best = replace(BEST, params={"wd": 0.01})
    lines = summary_lines(snapshot(spec=spec, lead=replace(LEAD, leader=best)), ())
    assert f"{start} and wd 0.01" in lines


def test_the_end_of_a_launch_fits_a_small_terminal() -> None:
    done = replace(snapshot(), search_is_over=True, settled=True)
    fitted_lines = [part for line in summary_lines(done, ()) for part in fitted(line, 80).split("\n")]
    assert len(fitted_lines) <= 24
    assert max(map(len, fitted_lines)) <= 80


def test_the_json_is_json_with_the_evidence() -> None:
    data = json.loads(json.dumps(snapshot_json(snapshot())))
    assert data["study"] == "small"
    assert data["trials"] == {"complete": 40}
    assert data["best"]["trials"] == [4, 7]
    assert data["best"]["answer"] == "leader"
    assert data["best"]["expected"]["probability_of_being_better"] == 0.9
    assert data["best"]["best_standard"]["schedule"] == "linear to 0, peak lr 0.2"
    assert data["best"]["confirmed"] == [2.1, 2.1, 2.4]
    assert json.loads(json.dumps(snapshot_json(snapshot(lead=None))))["best"] is None


@pytest.mark.parametrize("name", ["my study", "-x"])
def test_the_next_commands_can_be_pasted(name: str) -> None:
    spec = study_spec(name=name, proxy={"command": "python train.py"})
    done = replace(snapshot(spec=spec), search_is_over=True, settled=True)
    lines = summary_lines(done, ("--storage", "sqlite:///a b.db"))
    commands = [shlex.split(line[10:])[1:] for line in lines if line[10:].startswith("warmboot ")]
    assert [words[0] for words in commands] == ["verdict", "export", "status", "dashboard"]
    assert all("sqlite:///a b.db" in words for words in commands)
    for words in commands[:3]:
        assert words[1] == name or words[-2:] == ["--", name]
