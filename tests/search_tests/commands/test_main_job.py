"""Launch, look, export: what a new user does first."""

from __future__ import annotations

import json
import os
import re
import signal
import urllib.request

import numpy as np
import pytest
from optuna.trial import TrialState

import warmboot
from search.runs.trial_attributes import RUNS, kept
from tests.search_tests.commands.watching import wait_until
from tests.search_tests.commands.workplace import Workplace


def test_a_study_is_trained_to_its_exact_number_of_trials(finished: Workplace) -> None:
    trials = finished.trials()
    assert [t.number for t in trials] == list(range(12))
    assert all(t.state == TrialState.COMPLETE for t in trials)


def test_every_trial_tells_a_person_what_it_was(finished: Workplace) -> None:
    for trial in finished.trials():
        assert f"peak lr {trial.params['lr']:.4g}" in trial.user_attrs["schedule"]
        assert trial.user_attrs["seed"] >= 0
        assert trial.user_attrs["why"]
        assert kept(trial, RUNS)[0]["step"] == [8, 16, 24, 32, 40]
        assert list(trial.intermediate_values) == [8, 16, 24, 32, 40]
        assert trial.intermediate_values[40] == trial.value


def test_the_first_trials_are_standards(finished: Workplace) -> None:
    first = [t.user_attrs.get("standard") for t in finished.trials()]
    assert first[:3] == ["linear"] * 3, "at three peak lrs"
    assert "cosine" in first[3:]


def test_the_answer_and_what_it_is_compared_with_are_confirmed_on_fresh_seeds(finished: Workplace) -> None:
    report = json.loads(finished.run("status", "small", "--json").stdout)[0]
    assert report["confirmed"] is True
    best = report["best"]
    other = best["best_standard" if best["answer"] == "leader" else "leader"]
    assert len(best["confirmed"]) == len(other["confirmed"]) >= 3


def test_status_shows_the_study_and_its_answer(finished: Workplace) -> None:
    table = finished.run("status").stdout.splitlines()
    assert re.fullmatch(r"small +done +12 of 12 +val_loss \d\.\d+ +.* peak lr .*", table[1])
    out = finished.run("status", "small").stdout
    assert "small: 12 of 12 trials done (done)" in out
    assert re.search(r"^answer    (Use|Not shown) ", out, re.M)
    assert re.search(r"^schedule  .* peak lr ", out, re.M)
    assert re.search(r"val_loss \d\.\d+ on \d+ fresh seeds", out)
    assert re.search(r"\((\d+|over 99|under 1)% likely", out), "how sure that is"


def test_the_exported_file_works_in_plain_python(finished: Workplace) -> None:
    finished.run("export", "small", "--epochs", "10", "--steps-per-epoch", "500", "-o", "schedule.json")
    file = warmboot.read(finished.folder / "schedule.json")
    assert file.horizon == warmboot.Horizon(5000, 10, 500)
    assert file.schedule.lr is None, "the proxy's lr is not the user's"
    assert file.schedule.factors(5000).max() == 1.0
    assert file.origin["study"] == "small"
    assert file.origin["proxy"]["name"] == "char_lm_mlp"


def test_all_formats_hold_the_same_numbers(finished: Workplace) -> None:
    schedule = warmboot.reads(finished.run("export", "small").stdout).schedule
    numbers = finished.run("export", "small", "--format", "numbers", "--total-steps", "100").stdout
    np.testing.assert_array_equal([float(x) for x in numbers.split()], schedule.factors(100))
    code: dict[str, object] = {}
    exec(finished.run("export", "small", "--format", "torch").stdout, code)
    factor = code["factor"]
    assert callable(factor)
    np.testing.assert_allclose(
        [factor(k, 100) for k in range(100)], schedule.factors(100), rtol=1e-12, atol=1e-300
    )


def test_a_single_trial_can_be_exported_with_its_lr(finished: Workplace) -> None:
    text = finished.run("export", "small", "--trial", "5", "--with-lr").stdout
    assert warmboot.reads(text).schedule.lr == finished.trials()[5].params["lr"]


def test_the_leader_and_a_baseline_can_be_exported_whatever_the_answer_is(finished: Workplace) -> None:
    leader = warmboot.reads(finished.run("export", "small", "--leader").stdout)
    assert leader.origin["trials"]
    done = finished.run("export", "small", "--baseline", "linear", "--with-lr")
    baseline = warmboot.reads(done.stdout)
    assert baseline.schedule.replace(lr=None) == warmboot.WarmbootSchedule(curve="linear")
    assert baseline.schedule.lr in {trial.params["lr"] for trial in finished.trials()}
    done = finished.run("export", "small", "--leader", "--baseline", "linear", expect=2)
    assert "give one of --trial, --leader and --baseline" in done.stderr
    done = finished.run("export", "small", "--baseline", "linar", expect=2)
    assert "--baseline linar: not tried in study 'small'; did you mean linear" in done.stderr


def test_preview_draws_the_exported_file(finished: Workplace) -> None:
    finished.run("export", "small", "--total-steps", "200", "-o", "seen.json")
    out = finished.run("preview", "seen.json").stdout
    assert "at 200 steps" in out
    assert "last step" in out
    assert "█" in out


def test_launching_a_finished_study_again_trains_nothing(finished: Workplace) -> None:
    before = [t.datetime_complete for t in finished.trials()]
    out = finished.run("launch", "small.toml").stderr
    assert "resuming after 12 trials" in out
    assert [t.datetime_complete for t in finished.trials()] == before


def test_the_dashboard_command_serves_the_study_read_only(finished: Workplace) -> None:
    dashboard = finished.begin("dashboard", "--port", "0")
    wait_until(lambda: "\n" in dashboard.said(), dashboard)
    found = re.search(r"(http://127\.0\.0\.1:\d+\S*) \(read-only\)", dashboard.said())
    assert found is not None
    with urllib.request.urlopen(f"{found[1].rstrip('/')}/api/studies") as answer:
        assert "small" in answer.read().decode()
    os.kill(dashboard.process_id, signal.SIGTERM)
    finished.finish(dashboard)


def test_another_search_under_the_same_name_is_refused_with_the_difference(finished: Workplace) -> None:
    other = finished.folder / "other.toml"
    other.write_text((finished.folder / "small.toml").read_text().replace("high = 1.0", "high = 2.0"))
    err = finished.run("launch", "other.toml", expect=2).stderr
    assert "space.lr.high: the study has 1.0, the file has 2.0" in err
    assert len(finished.trials()) == 12


def test_more_trials_go_on_where_the_study_ended(finished: Workplace) -> None:
    err = finished.run("launch", "small.toml", "--n-trials", "16").stderr
    assert "16 of 16 trials done" in err
    assert [t.number for t in finished.trials()] == list(range(16))


@pytest.mark.parametrize("value", ["0", "-3", "many"])
def test_a_count_that_is_none_is_wrong_usage(finished: Workplace, value: str) -> None:
    finished.run("launch", "small.toml", f"--n-trials={value}", expect=2)
