"""What `warmboot.launch` takes: a function, the entries of a study file, a file; and its mistakes."""

from __future__ import annotations

import functools
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from search.errors import UsageError
from search.scripts.handed_function import hand_over, reference_of
from search.session.described import described
from search.spec.handed import follow_up
from search.spec.permission import Permission
from search.spec.proxy import FreeProxy
from tests.search_tests.scripts.own_proxies import good
from tests.search_tests.session.notebook_functions import CELL, cell
from tests.search_tests.studies import study_table

SPACE = {"lr": {"low": 1e-3, "high": 0.5, "log": True}, "curve": ("cosine", "linear")}


def test_a_function_of_a_notebook_goes_by_value_under_its_own_name() -> None:
    found = described(cell(), {"space": SPACE, "total_steps": 50})
    spec = found.study.spec
    assert spec.name == "train"
    assert spec.proxy == FreeProxy(train="__main__:train")
    assert (spec.n_runs, spec.objective, spec.space["curve"]) == (24, "val", ["cosine", "linear"])
    assert found.function is not None
    assert Path(found.function.over.path).exists()
    assert found.study.handed == found.function.over
    assert follow_up(spec, "verdict") == "study.verdict()"


def test_a_marked_function_of_a_module_goes_by_name_so_that_every_command_can_train_it() -> None:
    found = described(good, {"space": SPACE, "total_steps": 50, "n_trials": 3, "name": "mine"})
    assert found.function is None
    assert found.study.spec.proxy == FreeProxy(train="tests.search_tests.scripts.own_proxies:good")
    assert (found.study.spec.name, found.study.spec.n_trials, found.study.spec.n_runs) == ("mine", 3, None)
    assert "warmboot verdict mine --allow-import tests" in follow_up(found.study.spec, "verdict")


def test_a_dict_is_a_study_file_whose_proxy_may_be_a_function() -> None:
    table = study_table(proxy={"train": cell(), "time_limit": "1m"}, total_steps=np.int64(40), name="own")
    spec = described(table, {"n_runs": 9}).study.spec
    assert spec.proxy == FreeProxy(train="__main__:train", time_limit=60.0)
    assert (spec.total_steps, spec.n_runs, spec.n_trials) == (40, 9, None)
    assert described(study_table(), {}).study.spec.proxy.name == "char_lm_mlp"


def test_a_file_and_a_packaged_name_take_entries_in_place_of_their_own(tmp_path: Path) -> None:
    spec = described("digits", {"n_trials": 5, "total_steps": 30}).study.spec
    assert (spec.name, spec.n_trials, spec.n_runs, spec.total_steps, spec.epochs) == (
        "digits",
        5,
        None,
        30,
        None,
    )
    with pytest.raises(UsageError, match=r"nowhere\.toml: no such file"):
        described(tmp_path / "nowhere.toml", {})


MISTAKES: list[tuple[Any, dict[str, Any], str]] = [
    # what is launched, with what, what is said
    (7, {}, r"warmboot\.launch: got a int; accepted are a function train\(schedule, context\), a dict"),
    (
        cell(),
        {"space": {"warmup": 0.1}},
        r"(?s)give one of total_steps and epochs; got none.*space\.lr: missing",
    ),
    (cell(), {"space": SPACE, "total_steps": 5, "n_run": 3}, "n_run: unknown key"),
    (lambda x: x, {"space": SPACE, "total_steps": 5}, r"is called as train\(schedule, context\)"),
]


@pytest.mark.parametrize(("training", "given", "said"), MISTAKES)
def test_mistakes_are_told_in_the_words_of_the_command_line(
    training: object, given: dict[str, Any], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        described(training, given)


def test_a_function_that_can_not_be_taken_along_is_refused_with_the_way_out() -> None:
    source = "def train(schedule, context):\n    with lock:\n        pass\n"
    with pytest.raises(UsageError, match=r"something it uses can't be taken there.*pickle"):
        hand_over(cell(source, lock=threading.Lock()))


def test_a_change_of_anything_of_the_notebook_that_a_function_uses_is_told_by_name() -> None:
    before = hand_over(cell()).over.made_of
    assert hand_over(cell()).over.made_of == before
    assert set(before.parts or {}) == {"function train", "function loss", "value START"}
    other = hand_over(cell(CELL.replace("x * x + 0.1", "x * x"))).over.made_of
    assert other.changes_since(before) == ["function loss has changed"]
    later = hand_over(cell(CELL.replace("START = 5.0", "START = 4.0"))).over.made_of
    assert later.changes_since(before) == ["value START has changed"]


def test_partials_and_inner_functions_go_by_value() -> None:
    source = (
        "def make(k):\n    def train(schedule, context):\n        return k\n    return train\n"
        "made = make(3)\n"
    )
    made = hand_over(cell(source, "made"))
    assert (made.name, set(made.over.made_of.parts or {})) == (
        "__main__:train",
        {"function train", "value k"},
    )
    partial = functools.partial(cell("def train(k, schedule, context):\n    return k\n"), 3)
    assert hand_over(partial).name == "__main__:train"
    assert reference_of(partial) is None


def test_no_other_process_is_asked_to_train_what_only_a_session_has() -> None:
    proxy = FreeProxy(train="__main__:train")
    for permission in (Permission(), Permission(imports=("__main__",))):
        with pytest.raises(UsageError, match=r"only there: .*warmboot\.open_study\(\.\.\., train=train\)"):
            permission.require(proxy)
    Permission(handed=True).require(proxy)
