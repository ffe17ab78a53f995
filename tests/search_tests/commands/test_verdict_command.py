"""`warmboot verdict` on a small study: real trainings, kept on the study, told everywhere."""

from __future__ import annotations

import json
import signal
from typing import Any

import pytest

import warmboot
from search.results.verdict import VerdictResult
from tests.search_tests.commands.watching import wait_until
from tests.search_tests.commands.workplace import Workplace

OUTCOMES = {"win", "lose", "equivalent", "not settled"}


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    """A small study that is done; no standard lies inside its space."""
    workplace = Workplace(tmp_path_factory.mktemp("searched"))
    path = workplace.write_study(n_trials=8)
    path.write_text(path.read_text().replace("[space]", "[space]\neta_min = 0.2"))
    workplace.run("launch", "small.toml", "--workers", "1")
    return workplace


@pytest.fixture(scope="module")
def judged(searched: Workplace) -> dict[str, object]:
    """The verdict on it."""
    done = searched.run("verdict", "small", "--all", "--pairs", "5", "--json")
    assert "up to 11 a constant lr with averaged weights: at most 43 runs" in done.stderr
    assert "the search took 8 runs (" in done.stderr
    lines = done.stderr.splitlines()
    counted = next(line for line in lines if line.endswith("of 43 at most"))
    tuned = next(line for line in lines if line.startswith("2 baselines tuned with "))
    assert lines.index(counted) < lines.index(tuned), "a pipe hears of it before anything is found"
    assert "strongest baseline: " in done.stderr
    assert "look at 5 pairs: " in done.stderr
    found: dict[str, object] = json.loads(done.stdout)
    return found


def test_the_others_are_told_and_a_constant_lr_with_averaged_weights(judged: dict[str, object]) -> None:
    others = judged["others"]
    assert isinstance(others, list)
    assert len(others) == 2
    assert "constant, peak lr" in others[-1]["name"]
    assert "weights averaged" in others[-1]["name"]
    assert others[-1]["n_pairs"] == 5


def test_it_tells_an_outcome_with_everything_behind_it(judged: dict[str, object]) -> None:
    assert judged["outcome"] in OUTCOMES
    assert isinstance(judged["tuned"], list)
    assert len(judged["tuned"][0]["values"]) == 10
    assert judged["objective"] == "test_loss"
    for arm in ("candidate_values", "standard_values"):
        values = judged[arm]
        assert isinstance(values, list)
        assert len(values) == 5
    assert isinstance(judged["looks"], list)
    assert [look["n_pairs"] for look in judged["looks"]] == [5]
    assert judged["margin"] == pytest.approx(0.5 * float(str(judged["seed_sd"])))


def test_it_is_kept_on_the_study_and_told_by_status(searched: Workplace, judged: dict[str, object]) -> None:
    out = searched.run("status", "small").stdout
    assert f"verdict   {judged['sentence']}" in out


def test_it_travels_with_the_exported_file(searched: Workplace, judged: dict[str, object]) -> None:
    evidence = warmboot.reads(searched.run("export", "small").stdout).origin["evidence"]
    assert evidence["verdict"]["sentence"] == judged["sentence"]
    assert evidence["verdict"]["standard_values"] == judged["standard_values"]


def test_a_baseline_of_ones_own_is_tuned_beside_the_standards(searched: Workplace) -> None:
    schedule = warmboot.WarmbootSchedule(curve="linear", eta_min=0.2, warmup=0.1)
    (searched.folder / "mine.json").write_text(warmboot.writes(warmboot.ScheduleFile(schedule)))
    done = searched.run("verdict", "small", "--baseline", "mine.json", "--pairs", "5", "--json")
    assert "mine.json" in [each["name"] for each in json.loads(done.stdout)["tuned"]]


def test_the_strongest_can_be_made_again_from_what_is_kept(judged: dict[str, Any]) -> None:
    schedule = VerdictResult.from_json(judged).standard.schedule
    assert schedule is not None
    assert schedule.describe() == judged["standard"]["schedule"]
    assert schedule.lr == judged["standard"]["peak_lr"]


def test_an_interrupted_verdict_says_that_nothing_is_kept(searched: Workplace) -> None:
    before = searched.run("status", "small").stdout
    verdict = searched.begin("verdict", "small", "--storage", searched.storage)
    wait_until(lambda: "leader: " in verdict.said(), verdict)
    verdict.kill_all(signal.SIGINT)
    err = searched.finish(verdict, expect=130).stderr
    assert err.splitlines()[-1] == (
        "interrupted: nothing of this verdict is kept; study small and any earlier verdict on it are "
        "unchanged. The same command begins it again"
    )
    assert searched.run("status", "small").stdout == before


def test_a_study_that_goes_on_is_told_first(finished: Workplace) -> None:
    finished.run("launch", "small.toml", "--n-trials", "20", "--detach")
    first = finished.run("verdict", "small", "--pairs", "5").stderr.splitlines()[0]
    assert first.startswith("study small is not finished (12 of 20 trials): its leader may change")


@pytest.mark.parametrize("pairs", ["17", "31"])
def test_a_comparison_ends_only_at_a_look(workplace: Workplace, pairs: str) -> None:
    done = workplace.run("verdict", "small", "--pairs", pairs, expect=2)
    assert f"--pairs: got {pairs}; accepted are 5, 10, 20, 30" in done.stderr
    assert not (workplace.folder / "studies.db").exists()


def test_a_study_without_a_result_has_no_verdict(workplace: Workplace) -> None:
    workplace.write_study()
    workplace.run("launch", "small.toml", "--detach")
    done = workplace.run("verdict", "small", expect=1)
    assert "no completed trial yet" in done.stderr


def test_a_baseline_that_is_not_there_is_told(searched: Workplace) -> None:
    done = searched.run("verdict", "small", "--baseline", "nowhere.json", expect=2)
    assert "--baseline nowhere.json: can't be read" in done.stderr
