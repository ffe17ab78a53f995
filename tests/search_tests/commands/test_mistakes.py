"""Wrong input on the command line: one or two lines, exit code 2 (1 for a failed run), nothing stored."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from optuna.trial import TrialState

from tests.search_tests.commands.workplace import Workplace

CASES = {
    # what is typed -> what the message must say
    ("launch", "char_lmm"): "did you mean char_lm",
    ("launch", "missing.toml"): "no such file",
    ("launch", "."): "is a folder",
    ("launch", "small.toml", "--storage", "postgres://host/db"): "postgres",
    ("launch", "small.toml", "--storage", "sqlite://x.db"): "three slashes",
    ("launch", "small.toml", "--storage", "x.db"): "sqlite:///x.db",
    ("launch", "small.toml", "--storage", "sqlite:////no/such/folder/x.db"): "does not exist",
    ("launch", "small.toml", "--storage", "sqlite:///small.toml"): "not a SQLite database",
    ("launch", "small.toml", "--device", "cuda:99"): "--device: 'cuda:99' can't be used here",
    ("status",): "no studies yet",
    ("export", "small"): "no studies yet",
    ("export", "small", "--epochs", "3"): "--epochs and --steps-per-epoch go together",
    ("export", "small", "--total-steps", "0"): "--total-steps: got 0",
    ("preview", "missing.json"): "no such file",
    ("preview", "small.toml"): "format",
    ("dashboard",): "no studies yet",
    ("copy", "small", "--to", "x.db"): "--to: got a path; write it as sqlite:///x.db",
    ("copy", "small", "--to", "sqlite:///copies.db"): "no studies yet",
    ("priority", "small", "1"): "no studies yet",
    ("worker", "--log-format", "xml"): "Invalid value for '--log-format'",
    ("frobnicate",): "No such command",
}


@pytest.mark.parametrize("arguments", CASES, ids=" ".join)
def test_a_mistake_is_named_and_nothing_is_stored(workplace: Workplace, arguments: tuple[str, ...]) -> None:
    workplace.write_study()
    err = workplace.run(*arguments, expect=2).stderr
    assert CASES[arguments] in err
    assert not (workplace.folder / "studies.db").exists()


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_gpu_that_is_not_there_is_no_failure_of_a_worker(workplace: Workplace) -> None:
    workplace.write_study()
    err = workplace.run("launch", "small.toml", "--gpus", "0", expect=2).stderr
    assert "--gpus: torch finds no GPU (CUDA) here" in err
    assert not (workplace.folder / "studies.db").exists()


def test_all_problems_of_a_study_file_are_listed_at_once(workplace: Workplace) -> None:
    path = workplace.write_study()
    text = path.read_text().replace("n_trials = 12", "n_trials = 0\nbudgett = 1")
    path.write_text(text.replace("low = 1e-2", "low = 0.0").replace('"cosine"', '"cosin"'))
    err = workplace.run("launch", "small.toml", expect=2).stderr
    for part in ("n_trials: got 0", "budgett: unknown key", "space.lr", "'cosin'"):
        assert part in err, err


def test_debug_shows_the_traceback(workplace: Workplace) -> None:
    err = workplace.run("--debug", "launch", "missing.toml", expect=1).stderr
    assert "Traceback" in err


def test_an_unknown_study_is_told_with_the_nearest_names(workplace: Workplace) -> None:
    workplace.write_study()
    workplace.run("launch", "small.toml", "--detach")
    for command in ("status", "stop", "export"):
        err = workplace.run(command, "smal", expect=2).stderr
        assert "no study 'smal' in this storage; did you mean small?" in err


PROXIES = """
from dataclasses import replace

import torch

from search.proxies.registry import build_proxy


class UnbuildableLayer(torch.nn.Linear):
    def __init__(self, *sizes):
        super().__init__(*sizes)
        raise RuntimeError("the model can't be built on a Sunday")


class BrokenOrder:
    def draw_epoch(self, generator, **sizes):
        raise RuntimeError("the data has run away")


def unbuildable(device):
    def model():
        return torch.nn.Sequential(UnbuildableLayer(64, 10))

    return replace(build_proxy("digits_mlp", {}), name="unbuildable", model=model)


def convolution(device):
    def model():
        return torch.nn.Sequential(torch.nn.Conv1d(1, 1, 1))

    return replace(build_proxy("digits_mlp", {}), name="convolution", model=model)


def sound(device):
    return replace(build_proxy("digits_mlp", {}), name="sound")


def failing(device):
    return replace(build_proxy("digits_mlp", {}), name="failing", batches=BrokenOrder())
"""


@pytest.fixture
def own_proxies(workplace: Workplace, monkeypatch: pytest.MonkeyPatch) -> Workplace:
    (workplace.folder / "own_proxies.py").write_text(PROXIES)
    monkeypatch.setenv("PYTHONPATH", str(workplace.folder))
    return workplace


@pytest.mark.parametrize(
    ("factory", "message"),
    [
        ("unbuildable", "the model can't be built on a Sunday"),
        ("convolution", "Given groups=1"),
        ("missing", "has no function 'missing'"),
    ],
)
def test_a_model_that_can_not_be_trained_is_refused_before_the_study_exists(
    own_proxies: Workplace, factory: str, message: str
) -> None:
    own_proxies.write_study(proxy=f"own_proxies:{factory}")
    assert message in own_proxies.run("launch", "small.toml", expect=2).stderr
    assert not (own_proxies.folder / "studies.db").exists()


def test_a_proxy_that_always_raises_stops_the_study_and_every_trial_keeps_the_reason(
    own_proxies: Workplace,
) -> None:
    own_proxies.write_study(proxy="own_proxies:failing", n_trials=100)
    err = own_proxies.run("launch", "small.toml", "--workers", "1", expect=1).stderr
    assert "5 trainings in a row failed, the last with: RuntimeError: the data has run away" in err
    left = own_proxies.trials()
    assert {t.state for t in left} == {TrialState.WAITING}, "none has trained, so none is used up"
    failed = [t.user_attrs["failed"] for t in left if "failed" in t.user_attrs]
    assert failed
    assert all("in draw_epoch" in text for text in failed)


def test_a_study_in_which_everything_diverges_ends_and_says_so(workplace: Workplace) -> None:
    path = workplace.write_study(n_trials=4)
    path.write_text(path.read_text().replace("lr = { low = 1e-2, high = 1.0, log = true }", "lr = 1e6"))
    err = workplace.run("launch", "small.toml", "--workers", "1").stderr
    assert "4 diverged" in err
    for trial in workplace.trials():
        assert trial.state == TrialState.COMPLETE
        assert trial.user_attrs["diverged"]["diverged_at_step"] is not None
        assert trial.value == pytest.approx(4.6, abs=0.3), "the untrained loss, about log of 103 characters"


def test_a_target_that_can_not_be_written_keeps_what_was_there(finished: Workplace) -> None:
    old: Path = finished.folder / "old.json"
    old.write_text("old")
    old.chmod(0o444)
    assert "read-only" in finished.run("export", "small", "-o", "old.json", expect=2).stderr
    assert old.read_text() == "old"
    assert "does not exist" in finished.run("export", "small", "-o", "no/x.json", expect=2).stderr


def test_exporting_runs_no_code_that_the_database_names(
    own_proxies: Workplace,
) -> None:
    own_proxies.write_study(proxy="own_proxies:sound", n_trials=2)
    own_proxies.run("launch", "small.toml", "--workers", "1")
    (own_proxies.folder / "own_proxies.py").write_text("raise SystemExit('imported')")
    assert '"name": "sound"' in own_proxies.run("export", "small").stdout


def test_a_study_in_which_every_training_fails_ends_says_why_and_uses_up_no_trial(
    workplace: Workplace,
) -> None:
    (workplace.folder / "train.py").write_text("print('half a result')\n")
    (workplace.folder / "own.toml").write_text(
        f'''name = "own"
proxy = {{ command = "{sys.executable} train.py" }}
total_steps = 100
n_trials = 20
[sampler]
name = "random"
[space]
lr = 0.1
'''
    )
    err = workplace.run("launch", "own.toml", "--workers", "2", expect=1).stderr
    assert "5 trainings in a row failed, the last with: never reported: it ended without an error" in err
    status = workplace.run("status", "own").stdout
    assert "own: 0 of 20 trials done" in status
    assert "x never reported: it ended without an error" in status
