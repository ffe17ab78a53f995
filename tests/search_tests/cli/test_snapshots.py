"""A snapshot in words and as JSON."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from typing import Any

import pytest

from search.cli.snapshots import counts_text, snapshot_json, state_text, status_lines, summary_lines
from search.lead import Lead
from search.results import Contender
from search.snapshot import Snapshot
from tests.search_tests.studies import study_spec
from warmboot.schedule import WarmbootSchedule

BEST = Contender(
    key="best",
    schedule=WarmbootSchedule(lr=0.1, warmup=0.05),
    trial_numbers=(4, 7),
    searched=(2.0, 2.2),
    confirmed=(2.1, 2.1, 2.4),
)


PLAIN = Contender(
    key="plain",
    schedule=WarmbootSchedule(lr=0.2, curve="linear"),
    trial_numbers=(0,),
    searched=(2.3,),
    standard="linear",
)
LEAD = Lead(BEST, PLAIN, gain=0.1, probability=0.9, noise_sd=0.1)


def snapshot(**changes: Any) -> Snapshot:
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
    return Snapshot(**{**fields, **changes})


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({}, "40 of 100 trials done"),
        ({"counts": {}}, "0 of 100 trials done"),
        ({"counts": {"complete": 3, "running": 2}}, "3 of 100 trials done, 2 running"),
        ({"counts": {"complete": 3, "fail": 2}}, "3 of 100 trials done, 2 failed"),
        ({"counts": {"waiting": 1}}, "0 of 100 trials done, 1 waiting"),
        ({"diverged": 6}, "40 of 100 trials done, 6 diverged"),
    ],
)
def test_counts_leave_out_what_there_is_none_of(changes: dict[str, Any], text: str) -> None:
    assert counts_text(snapshot(**changes)) == text


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"counts": {"complete": 100}, "confirmed": True}, "done"),
        ({"counts": {"complete": 100}}, "resting; the next launch goes on"),  # to be confirmed yet
        ({"stopped": True}, "stopped; the next launch goes on"),
        ({"counts": {"complete": 40, "running": 8}}, "running"),  # too early for a pace
        (
            {"counts": {"complete": 40, "running": 8}, "trials_per_second": 0.5},
            "running, 0.5 trials a second, 2 min left",
        ),
        ({"counts": {"complete": 40, "waiting": 2}}, "resting; the next launch goes on"),
    ],
)
def test_the_state_of_a_study_in_words(changes: dict[str, Any], text: str) -> None:
    assert state_text(snapshot(**changes)) == text


def test_status_is_readable_before_the_first_result() -> None:
    assert status_lines(snapshot(lead=None, counts={})) == [
        "small: 0 of 100 trials done (resting; the next launch goes on)"
    ]


def test_status_tells_the_answer_how_sure_it_is_and_its_opponent() -> None:
    lines = status_lines(snapshot())
    assert lines[1] == "answer    cosine to 0, peak lr 0.1, 5% warm-up"
    assert "is ahead of plain linear to 0" in lines[3]
    assert lines[4] == "baseline  linear to 0, peak lr 0.2"
    lines = status_lines(snapshot(lead=replace(LEAD, probability=0.5)))
    assert lines[1] == "answer    linear to 0, peak lr 0.2"
    assert "leader    cosine to 0, peak lr 0.1, 5% warm-up" in lines


def test_a_peak_lr_at_the_end_of_its_range_is_told_by_status() -> None:
    at_end = replace(LEAD, leader=replace(BEST, schedule=WarmbootSchedule(lr=1.0)))
    text = "\n".join(status_lines(snapshot(lead=at_end)))
    assert "at the high end of what was searched (1)" in text
    assert "such as high = 10" in text


def test_a_launch_ends_with_what_to_do_next() -> None:
    text = "\n".join(summary_lines(snapshot(), ("--storage", "sqlite:///mine.db")))
    assert "cosine to 0, peak lr 0.1, 5% warm-up" in text
    assert "warmboot export small --storage sqlite:///mine.db --total-steps 50000 -o schedule.json" in text
    assert "warmboot dashboard --storage sqlite:///mine.db" in text


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
    done = replace(snapshot(spec=spec), confirmed=True, n_trials=40)
    lines = summary_lines(done, ("--storage", "sqlite:///a b.db"))
    commands = [shlex.split(line)[2:] for line in lines if line[10:].startswith("warmboot ")]
    assert [words[0] for words in commands] == ["verdict", "export", "dashboard"]
    assert all("sqlite:///a b.db" in words for words in commands)
    for words in commands[:2]:
        assert words[1] == name or words[-2:] == ["--", name]
