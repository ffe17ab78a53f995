"""`warmboot transfer` on a small study: real trainings at three horizons, kept, told and exported."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

import warmboot
from tests.search_tests.commands.workplace import Workplace

HORIZONS = (60, 180, 540)


@pytest.fixture(scope="module")
def found(finished: Workplace) -> dict[str, Any]:
    horizons = ",".join(map(str, HORIZONS))
    done = finished.run("transfer", "small", "--horizons", horizons, "--pairs", "3", "--json")
    assert "at the pace of the search" in done.stderr
    data: dict[str, Any] = json.loads(done.stdout)
    return data


def test_an_export_without_a_transfer_says_that_the_lr_is_of_another_horizon(
    launched_once: Workplace,
) -> None:
    done = launched_once.run("export", "small", "--total-steps", "5000", "--with-lr")
    assert "warmboot transfer small measures how much" in done.stderr


def test_it_tells_peak_lrs_and_gains_at_every_horizon(found: dict[str, Any]) -> None:
    assert found["horizons"] == list(HORIZONS)
    assert found["objective"] == "test_loss"
    assert len(found["standards"]) == 2
    for side in (found["leader"], *found["standards"]):
        assert len(side["peak_lrs"]) == 3
        assert all(lr > 0 for lr in side["peak_lrs"])
    for standard in found["standards"]:
        assert [row["steps"] for row in standard["gains"]] == list(HORIZONS)


def test_a_longer_training_gets_the_lr_of_its_own_horizon(finished: Workplace, found: dict[str, Any]) -> None:
    done = finished.run("export", "small", "--leader", "--total-steps", "2000", "--with-lr")
    file = warmboot.reads(done.stdout)
    told = file.origin["peak_lr"]
    assert file.schedule.lr == told["lr"]
    assert told["interval"][0] < told["lr"] < told["interval"][1]
    assert "power law through 60, 180, 540 steps" in told["from"]
    assert "At 2,000 steps its best peak lr is" in done.stderr
    assert file.origin["evidence"]["transfer"]["leader"] == found["leader"]
    assert file.origin["at_horizon"][0].startswith("At 2,000 steps its best peak lr is")


def test_too_far_is_refused_unless_asked_for(finished: Workplace, found: dict[str, Any]) -> None:
    del found
    leader = ("export", "small", "--leader", "--total-steps", "20000", "--with-lr")
    done = finished.run(*leader, expect=2)
    assert "20,000 steps are more than 30 times the longest horizon" in done.stderr
    far = finished.run(*leader, "--however-far")
    assert warmboot.reads(far.stdout).schedule.lr is not None
    without = finished.run(*leader[:-1], "--without-lr")
    told = "At 20,000 steps neither its best peak lr nor its gain is known: that is more than 30 times"
    assert told in without.stderr


def test_status_and_report_tell_it(finished: Workplace, found: dict[str, Any]) -> None:
    out = finished.run("status", "small").stdout
    assert re.search(r"^transfer  (Of the best searched schedule, .*:\n +)?Best peak lr: ", out, re.M)
    finished.run("report", "small", "-o", "found.html")
    page = Path(finished.folder / "found.html").read_text(encoding="utf-8")
    assert "Other horizons" in page
    assert f"Gain in test_loss over {found['standards'][0]['name']}" in page


def test_horizons_that_are_no_numbers(finished: Workplace) -> None:
    done = finished.run("transfer", "small", "--horizons", "60,many,540", expect=2)
    assert "--horizons: got 'many'; accepted are whole numbers" in done.stderr
