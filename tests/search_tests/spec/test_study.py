"""`StudySpec`: stored and read back, and which entries make two studies comparable."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.spec.budget import Budget
from search.spec.params import ParamSpace
from search.spec.proxy import CommandProxy, DeclaredProxy, FreeProxy
from search.spec.study import StudySpec, differences
from tests.search_tests.studies import SPACE, study_spec
from warmboot.space import FloatRange

CASES: list[dict[str, Any]] = [
    {},
    {"total_steps": None, "epochs": 5},
    {"proxy": {"name": "digits_mlp", "hidden": 16}},
    {"sampler": {"name": "gp", "n_startup_trials": 5}, "population": {"slots": 4}},
    {"objective": "val_error", "seed": 2**62},
    {"n_trials": None, "budget": "1h30m"},
    {"n_trials": None, "n_runs": 24},
    {
        "params": {
            "weight_decay": {"low": 1e-5, "high": 0.1, "log": True},
            "width": [16, 32],
            "b": [True, "x"],
        }
    },
    {"proxy": {"command": "python train.py --steps {total_steps}", "time_limit": "30m"}},
    {"proxy": {"command": "python train.py"}, "space": {"lr": "auto", "warmup": 0.1}},
    {"proxy": {"train": "mylab.training:train", "silence_limit": 60}},
]


@pytest.mark.parametrize("changes", CASES)
def test_the_database_gives_back_what_was_stored(changes: dict[str, Any]) -> None:
    spec = study_spec(**changes)
    assert StudySpec.from_json(json.loads(json.dumps(spec.to_json()))) == spec


def test_a_proxy_is_a_name_or_a_table_with_arguments() -> None:
    assert study_spec(proxy="digits_mlp") == study_spec(proxy={"name": "digits_mlp"})
    proxy = study_spec(proxy={"name": "digits_mlp", "hidden": 16}).proxy
    assert isinstance(proxy, DeclaredProxy)
    assert proxy.arguments == {"hidden": 16}


def test_epochs_become_steps_once_the_proxy_is_known() -> None:
    spec = study_spec(total_steps=None, epochs=5).resolve_epochs(60)
    assert (spec.horizon_steps, spec.epochs) == (300, None)
    assert study_spec(total_steps=100).resolve_epochs(60).horizon_steps == 100


def test_epochs_and_as_many_steps_are_the_same_search() -> None:
    in_epochs = study_spec(total_steps=None, epochs=5).resolve_epochs(20)
    assert in_epochs.comparable_part() == study_spec(total_steps=100).comparable_part()


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({"n_trials": 500}, True),
        ({"sampler": {"name": "random"}}, True),
        ({"population": {"slots": 3}}, True),
        ({"space": dict(reversed(list(SPACE.items())))}, True),  # the order of a table means nothing
        ({"space": {**SPACE, "lr": 0.1}}, False),
        ({"total_steps": 101}, False),
        ({"objective": "val_error"}, False),
        ({"seed": 1}, False),
        ({"params": {"weight_decay": [0.0, 0.1]}}, False),
        ({"n_trials": None, "budget": "8h"}, True),
        ({"proxy": "digits_mlp"}, False),
    ],
)
def test_two_studies_are_compared_by_what_makes_trials_comparable(
    changes: dict[str, Any], same: bool
) -> None:
    first = study_spec().comparable_part()
    second = study_spec(**changes).comparable_part()
    assert (first == second) is same


COMMAND = {"command": "python train.py"}


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({"time_limit": "1h"}, True),  # limits, devices and folders are the machine's affair
        ({"silence_limit": 5}, True),
        ({"gpus_per_trial": 2}, True),
        ({"working_directory": "/elsewhere"}, True),
        ({"command": "python train.py --fast"}, False),
    ],
)
def test_a_command_is_the_same_search_wherever_it_runs(changes: dict[str, Any], same: bool) -> None:
    first = study_spec(proxy=COMMAND).comparable_part()
    assert (first == study_spec(proxy={**COMMAND, **changes}).comparable_part()) is same


def test_the_own_lr_becomes_a_range_around_it() -> None:
    spec = study_spec(proxy=COMMAND, space={"warmup": 0.1})
    assert spec.space == {"lr": "auto", "warmup": 0.1}
    assert spec.parsed_space.lr is None
    known = spec.with_own_lr(3e-3)
    assert known.parsed_space.lr == FloatRange(low=3e-7, high=30.0, log=True, start=3e-3)
    assert known.parsed_space.warmup == 0.1
    assert not known.lr_is_auto
    assert known.with_own_lr(0.5) == known


def test_the_peak_lr_is_the_range_or_the_number_that_the_study_has() -> None:
    assert study_spec(space={"lr": 0.1}).peak_lr == 0.1
    spec = study_spec(proxy=COMMAND, space={"lr": "auto"})
    with pytest.raises(AssertionError, match="own lr is not known yet"):
        _ = spec.peak_lr
    assert spec.with_own_lr(3e-3).peak_lr == FloatRange(low=3e-7, high=30.0, log=True, start=3e-3)


def test_a_changed_copy_is_parsed_anew() -> None:
    spec = study_spec(space={"lr": 0.1}, params={"wd": [1, 2]})
    assert spec.parsed_space is spec.parsed_space
    assert spec.parsed_params is spec.parsed_params
    changed = spec.model_copy(update={"space": {"lr": 0.2}, "params": {"wd": [3]}})
    assert changed.peak_lr == 0.2
    assert changed.parsed_params.params == ParamSpace.from_dict({"wd": [3]}).params
    assert spec.peak_lr == 0.1
    assert spec == study_spec(space={"lr": 0.1}, params={"wd": [1, 2]})
    assert StudySpec.from_json(spec.to_json()) == spec


@pytest.mark.parametrize(
    ("proxy", "can"),
    [
        ("char_lm_mlp", True),
        ({"command": "python train.py --steps {total_steps}"}, True),
        ({"command": "python train.py"}, False),
    ],
)
def test_a_command_that_takes_its_steps_can_train_another_horizon(proxy: object, can: bool) -> None:
    assert study_spec(proxy=proxy).can_change_horizon is can


def test_an_lr_of_ones_own_stays() -> None:
    spec = study_spec(proxy=COMMAND)
    assert spec.with_own_lr(3e-3) == spec


def test_to_leave_the_lr_out_is_to_say_auto() -> None:
    left_out, said = (study_spec(proxy=COMMAND, space=space) for space in ({}, {"lr": "auto"}))
    assert left_out.comparable_part() == said.comparable_part()
    assert said.comparable_part() != study_spec(proxy=COMMAND).comparable_part()


@pytest.mark.parametrize("proxy", ["char_lm_mlp", {"train": "mylab.training:train"}])
def test_only_a_command_has_an_lr_of_its_own(proxy: Any) -> None:
    with pytest.raises(ValueError, match=r"space\.lr: got 'auto'"):
        study_spec(proxy=proxy, space={"lr": "auto"})


def test_each_kind_of_proxy_is_told_by_its_key() -> None:
    declared, command, free = (study_spec(proxy=p) for p in ("digits_mlp", COMMAND, {"train": "a.b:c"}))
    kinds = [spec.proxy_kind for spec in (declared, command, free)]
    assert kinds == ["declared", "command", "free"]
    assert [spec.objective for spec in (declared, command, free)] == ["val_loss", "val", "val"]
    assert [spec.trains_own_model for spec in (declared, command, free)] == [False, True, True]
    assert study_spec(proxy="mylab.proxies:mine").trains_own_model
    assert isinstance(command.proxy, CommandProxy)
    assert isinstance(free.proxy, FreeProxy)
    assert (command.proxy.time_limit, command.proxy.gpus_per_trial, free.proxy.name) == (None, 1, "a.b:c")


@pytest.mark.parametrize("name", ["none", "averaged", "median", "hyperband"])
def test_a_declared_proxy_is_searched_in_rounds_whatever_stops_its_trials(name: str) -> None:
    stopping = {"early_stopping": {"name": name}}
    assert study_spec(**stopping).rounds == study_spec().rounds is not None
    script = {"proxy": {"command": "python train.py"}, **stopping}
    assert study_spec(**script).rounds is None
    assert study_spec(**script, population={"reproducible": True}).rounds == study_spec().rounds


def test_a_limit_is_a_number_of_trials_or_of_runs_or_a_time() -> None:
    assert study_spec(n_trials=8).limit == Budget(n_trials=8)
    # 6 of the 24 confirm the best: 2 leaders and the best standard on 2 seeds
    assert study_spec(n_trials=None, n_runs=24).limit == Budget(n_runs=18, total_steps=100)
    timed = study_spec(n_trials=None, budget="8h")
    assert timed.limit == Budget(budget_seconds=28_800)


tables = st.recursive(
    st.integers() | st.text(max_size=3) | st.booleans(),
    lambda inner: st.dictionaries(st.sampled_from("abcd"), inner, max_size=3),
    max_leaves=8,
).flatmap(lambda value: st.just({"top": value}))


@given(tables)
def test_equal_tables_have_no_differences(table: dict[str, Any]) -> None:
    assert differences(table, json.loads(json.dumps(table))) == []


@given(tables, tables)
def test_tables_that_differ_say_so(stored: dict[str, Any], given_: dict[str, Any]) -> None:
    assert bool(differences(stored, given_)) == (stored != given_)


def test_a_difference_names_the_place_and_both_values() -> None:
    stored = {"space": {"lr": {"low": 0.1, "high": 1.0}, "hold": 0.5}, "seed": 0}
    now = {"space": {"lr": {"low": 0.1, "high": 2.0}, "curve": ["cosine"]}, "seed": 0}
    assert differences(stored, now) == [
        'space.curve: the study has nothing, the file has ["cosine"]',
        "space.hold: the study has 0.5, the file has nothing",
        "space.lr.high: the study has 1.0, the file has 2.0",
    ]


def test_slots_are_as_asked_else_as_measured_on_that_kind_of_device_else_the_usual() -> None:
    spec = study_spec()
    assert [spec.population.slots_on(device) for device in ("cpu", "cuda", "mps")] == [8, 64, 64]
    known = spec.with_way("stacked", ("cuda", 128)).population
    assert [known.slots_on(device) for device in ("cpu", "cuda", "cuda:1")] == [8, 128, 128]
    assert known.model_dump() == {**spec.population.model_dump(), "way": "stacked"}, "nothing else is written"
    assert study_spec(population={"slots": 3}).with_way("vmap", ("cpu", 16)).population.slots_on("cpu") == 3
