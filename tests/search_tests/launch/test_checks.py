"""A study file against its proxy: what a launch and a plan refuse, and what is noted of the proxy."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from search.errors import UsageError
from search.launch.checks import check, prepare
from search.population.make import make_population
from search.runs.run import Measurement, Run
from search.spec.packaged import packaged_studies
from search.spec.proxy import CommandProxy
from search.spec.study_file import find_study_file, read_study_file
from search.storage.address import parse_address
from search.storage.database import Database
from search.storage.study_attributes import WAY
from search.storage.study_making import create_or_resume
from search.strategy.candidates import UniformTrial
from tests.search_tests.needs import NEEDS_FASHION_MNIST
from tests.search_tests.studies import LINEAR, fill, study_spec


def test_a_declared_proxy_is_made_and_its_epochs_become_steps() -> None:
    checked = check(study_spec(total_steps=None, epochs=2, params={"batch_size": [16, 32]}), "mine.toml")
    assert checked.proxy is not None
    assert checked.spec.horizon_steps == 2 * checked.proxy.steps_per_epoch
    assert checked.facts["fingerprint"] == checked.proxy.fingerprint
    assert checked.facts["note"].startswith("a built-in task")


def test_a_command_is_not_run(tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    script.write_text("raise SystemExit('it ran')")
    command = f"{sys.executable} train.py {{total_steps}} {{wd}}"
    proxy = {"command": command, "working_directory": str(tmp_path)}
    checked = check(study_spec(proxy=proxy, params={"wd": [0.1]}), "mine.toml")
    assert checked.proxy is None
    assert checked.facts["kind"] == "command"
    assert checked.facts["name"] == CommandProxy(command=command).name
    assert checked.facts["note"] == "searched on your own training"


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=NEEDS_FASHION_MNIST) if name == "fashion" else name
        for name in packaged_studies()
    ],
)
def test_every_packaged_study_can_be_launched_and_trains(name: str) -> None:
    checked = check(read_study_file(find_study_file(name)), f"{name}.toml")
    assert checked.proxy is not None
    population, n_steps = make_population(checked.proxy, slots=1), 30
    schedule = checked.spec.parsed_space.sample(UniformTrial(np.random.default_rng(0)))
    lr_table = schedule.lr_table(n_steps) / schedule.lr_table(n_steps).max() * 1e-2
    untrained = population.untrained((0, 1, 0))["val_loss"]
    population.admit(Run(key=0, lr_table=lr_table, seed=(0, 1, 0), report_steps=(n_steps,)))
    measured: list[Measurement] = []
    while population.active:
        measured += population.advance()
    assert measured[-1].metrics["val_loss"] < untrained


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"objective": "val_los"}, "objective: got 'val_los', which char_lm_mlp does not measure"),
        ({"direction": "maximize"}, "direction: got 'maximize'"),
        ({"total_steps": 20}, "total_steps: got 20; the shortest cycle"),
        ({"params": {"dropout": [0.1]}}, "params.dropout: not a setting of char_lm_mlp"),
        ({"params": {"momentum": [1.0]}}, "params.momentum: got 1.0"),
        ({"proxy": {"command": "python train.py {wd}"}}, "proxy.command: {wd} is unknown"),
        ({"proxy": {"command": "a | b"}}, "proxy.command: '|' needs a shell"),
        (
            {"proxy": {"train": "no_such_lab.training:train"}},
            "proxy.train: module 'no_such_lab.training' can't",
        ),
        ({"proxy": {"command": "sh a"}, "total_steps": 20}, "total_steps: got 20; the shortest cycle"),
        ({"proxy": {"command": "./train.sh"}}, "proxy.command: ./train.sh can't be run from there"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=rf"mine\.toml has 1 problem:\n  {re.escape(message)}"):
        check(study_spec(**changes), "mine.toml")


OWN = """
import torch
from torch import nn
from warmboot.proxies import SGD, Proxy, ShuffledEpochs, Split

def factory(device):
    split = Split(inputs=torch.zeros(8, 2), targets=torch.arange(8) % 4)
    return Proxy(name="mine", model=lambda: nn.Linear(2, 3), train=split, validation=split, test=split,
                 batch_size=4, steps_per_epoch=2, optimizer=SGD(), batches=ShuffledEpochs())
"""


def test_a_model_of_ones_own_that_does_not_fit_is_a_problem_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "four_classes.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UsageError, match="proxy mine: its model can't be trained: it gives 3 logits, for"):
        check(study_spec(proxy="four_classes:factory", objective="val_loss"), "mine.toml")


def test_what_trains_on_another_machine_need_not_be_here() -> None:
    spec = study_spec(proxy={"command": "no-such-program here"})
    assert check(spec, "mine.toml", trains_here=False).facts["kind"] == "command"


def test_a_study_from_before_proxies_had_a_version_goes_on(database: Database) -> None:
    """It kept a hash of its proxy's source, and its parts under other names."""
    checked = check(study_spec(), "mine.toml")
    parts = {"data": checked.facts["parts"]["data"], "search/proxies/char_lm.py": "0" * 64}
    before = {**checked.facts, "fingerprint": checked.facts["former"][0], "parts": parts}
    del before["former"]
    record, _ = create_or_resume(database, checked.spec, before)
    fill(record, [(LINEAR, 2.0)])
    again, created = create_or_resume(database, checked.spec, checked.facts)
    assert not created
    assert again.attributes.made_of.fingerprint == checked.facts["fingerprint"]
    other = {**before, "fingerprint": "0" * 64, "parts": {**parts, "data": "1" * 64}}
    with pytest.raises(UsageError, match="the data of the proxy has changed"):
        create_or_resume(database, checked.spec, other)


def test_a_new_study_says_how_its_runs_are_trained_and_keeps_it(tmp_path: Path) -> None:
    """Once: the next launch goes on in the same way without trying anything."""
    file = tmp_path / "gpt.toml"
    file.write_text(
        'name = "gpt"\ntotal_steps = 60\nn_trials = 4\n'
        "[proxy]\nname = 'char_gpt'\ncontext = 8\nlayers = 1\nwidth = 8\nheads = 2\n"
        "[space]\nlr = { low = 1e-4, high = 1e-1, log = true }\n[population]\nslots = 2\n"
    )
    storage, said = parse_address(f"sqlite:///{tmp_path / 'w.db'}"), list[str]()
    first = prepare(str(file), storage, None, say=said.append)
    assert first.created
    (line,) = said
    assert re.match(r"char_gpt: (2 runs at once by vmap|runs one by one)", line)
    way = first.record.attributes.way
    assert way == ("vmap" if "by vmap, " in line else "one_by_one")
    assert first.record.spec.population.way == way
    first.database.close()
    again = prepare(str(file), storage, None, say=said.append)
    assert (again.created, again.record.attributes.way, len(said)) == (False, way, 1)
    again.database.close()


def test_a_new_study_keeps_how_many_runs_train_at_once(tmp_path: Path) -> None:
    """As measured here; a machine of another kind takes the usual number."""
    file = tmp_path / "digits.toml"
    file.write_text(
        'name = "digits"\ntotal_steps = 60\nn_trials = 4\nproxy = "digits_mlp"\n'
        "[space]\nlr = { low = 1e-4, high = 1e-1, log = true }\n"
    )
    made = prepare(str(file), parse_address(f"sqlite:///{tmp_path / 'w.db'}"), None)
    population, kept = made.record.spec.population, made.record.attributes[WAY]
    made.database.close()
    assert kept["device"] == "cpu"
    assert population.slots == "auto"
    assert population.slots_on("cpu") == kept["slots"] in (4, 8)
    assert population.slots_on("cuda") == 64


def test_a_way_that_does_not_fit_is_refused_before_anything_is_stored(tmp_path: Path) -> None:
    file = tmp_path / "gpt.toml"
    file.write_text(
        'name = "gpt"\ntotal_steps = 60\nn_trials = 4\nproxy = "char_gpt"\n'
        "[space]\nlr = { low = 1e-4, high = 1e-1, log = true }\n[population]\nway = 'stacked'\n"
    )
    storage = parse_address(f"sqlite:///{tmp_path / 'w.db'}")
    with pytest.raises(
        UsageError, match=r"population\.way: 'stacked' is not possible: stacked layers tell one class"
    ):
        prepare(str(file), storage, None)
