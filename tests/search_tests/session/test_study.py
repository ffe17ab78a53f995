"""A study from Python: launched with a function of a notebook, looked at, used, opened again."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import optuna
import pytest

import warmboot
from search.errors import RunError, UsageError
from search.session.best import Best
from search.session.study import Study
from tests.search_tests.session.notebook_functions import CELL, cell

SPACE = {"lr": {"low": 0.01, "high": 0.9, "log": True}, "curve": ["cosine", "linear"]}


@dataclass(frozen=True)
class Launched:
    storage: str
    study: Study
    hook: Path


@pytest.fixture(scope="module")
def launched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launched]:
    storage = f"sqlite:///{tmp_path_factory.mktemp('python')}/studies.db"
    hook = tmp_path_factory.mktemp("hook") / "reports.jsonl"
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("OWN_HOOK_FILE", str(hook))
        study = warmboot.launch(
            cell(),
            space=SPACE,
            total_steps=40,
            n_trials=6,
            storage=storage,
            device="cpu",
            progress=False,
            report={"to": "tests.search_tests.trackers.own_hooks:send"},
        )
    yield Launched(storage, study, hook)
    study._record.database.close()


def test_a_function_of_a_notebook_is_searched_and_its_answer_read(launched: Launched) -> None:
    study = launched.study
    assert (study.name, study.status.state, study.status.share_done) == ("train", "done", 1.0)
    assert study.status.data["trials"] == {"complete": 6}
    best = study.best
    assert isinstance(best.schedule, warmboot.WarmbootSchedule)
    assert best.schedule.lr is not None
    assert 0.01 <= best.schedule.lr <= 0.9
    assert min(best.values) > 0.1, "the loss of the cell's own function, which never is less"
    assert best.evidence["headline"] == best.headline
    assert repr(best).startswith(f"answer    {best.headline}")
    assert isinstance(study.optuna, optuna.Study)
    assert len(study.optuna.trials) == 6


def test_a_hook_has_got_each_report_of_each_trial(launched: Launched) -> None:
    lines = [json.loads(line) for line in launched.hook.read_text().splitlines()]
    ends = {
        trial: metrics["val"] for *_, trial, _, step, metrics in lines if step == 40 and trial is not None
    }
    told = {trial.number: trial.value for trial in launched.study.optuna.trials}
    assert set(ends) == set(told)
    assert {line[0] for line in lines} == {"train"}


def test_it_is_shown_as_a_short_report_without_scripts(launched: Launched) -> None:
    shown = launched.study._repr_html_()
    assert launched.study.best.headline in shown
    assert "<svg role=" in shown
    assert "aria-label=" in shown
    assert "<script" not in shown
    assert "study.verdict() settles whether it is better" in shown
    assert "next      study.verdict()" in repr(launched.study)


def test_its_schedule_is_exported_for_another_length(launched: Launched, tmp_path: Path) -> None:
    made = launched.study.export(tmp_path / "schedule.json", total_steps=300)
    read = warmboot.read(tmp_path / "schedule.json")
    assert read.schedule == made.schedule
    assert read.horizon == warmboot.Horizon(300)
    assert made.lines[-1] == f"written to {tmp_path / 'schedule.json'}"
    plain = launched.study.export(total_steps=400, baseline="linear")
    assert (plain.path, plain.schedule.curve.name) == (None, "linear")
    with pytest.raises(UsageError, match=r"--format nothing: no such format"):
        launched.study.export(format="nothing")


def test_its_report_is_one_file(launched: Launched, tmp_path: Path) -> None:
    path = launched.study.report(tmp_path / "report.html")
    assert launched.study.best.headline in path.read_text()
    with pytest.raises(UsageError, match=r"path /nowhere/report\.html: the folder /nowhere does not exist"):
        launched.study.report("/nowhere/report.html")


def test_a_verdict_trains_the_function_that_was_handed_over(launched: Launched) -> None:
    found = launched.study.verdict(pairs=5, progress=False)
    assert found.outcome in ("win", "lose", "equivalent", "not settled", "standard")
    assert repr(found).splitlines()[0] == found.sentence
    assert found.data["outcome"] == found.outcome
    assert launched.study.best.claim == found.outcome
    with pytest.raises(UsageError, match="pairs: got 7; accepted are "):
        launched.study.verdict(pairs=7)


def test_a_study_is_opened_again_with_its_function_or_to_be_read(launched: Launched) -> None:
    study = warmboot.open_study("train", storage=launched.storage, progress=False)
    assert study.best.schedule == launched.study.best.schedule
    with pytest.raises(UsageError, match="its function train was defined in a notebook or script"):
        study.verdict()
    with pytest.raises(UsageError, match="was searched with __main__:train, and this is __main__:loss"):
        warmboot.open_study("train", storage=launched.storage, train=cell(CELL + LOSS, "loss"))
    with pytest.raises(UsageError, match="no study 'nothing' in this storage"):
        warmboot.open_study("nothing", storage=launched.storage)


LOSS = "\ndef loss(schedule, context):\n    pass\n"


def test_the_same_launch_resumes_and_another_function_of_the_name_is_refused(launched: Launched) -> None:
    def again(source: str) -> Study:
        return warmboot.launch(
            cell(source), space=SPACE, total_steps=40, n_trials=6, storage=launched.storage, progress=False
        )

    assert len(again(CELL).optuna.trials) == 6
    with pytest.raises(UsageError, match=r"(?s)function loss has changed.*accept_change=True"):
        again(CELL.replace("x * x", "2 * x * x"))


def test_what_fails_is_raised_with_the_functions_last_output(tmp_path: Path) -> None:
    source = "def train(schedule, context):\n    raise ValueError('no data here')\n"
    storage = f"sqlite:///{tmp_path}/studies.db"
    with pytest.raises(RunError, match=r"ValueError: no data here") as raised:
        warmboot.launch(
            cell(source),
            space=SPACE,
            total_steps=40,
            n_trials=4,
            storage=storage,
            device="cpu",
            progress=False,
        )
    (note,) = raised.value.__notes__
    assert re.search(
        r"The last output of trial \d:\n(.*\n)*.*in train\n(.*\n)*ValueError: no data here", note
    )
    with pytest.raises(RunError, match=r"study 'train' has no completed trial yet \(\d+ failed\)"):
        _ = warmboot.open_study("train", storage=storage).best


def test_what_the_page_says_of_a_study_is_there() -> None:
    page = (Path(warmboot.__file__).parents[1] / "docs" / "python.md").read_text(encoding="utf-8")
    named = set(re.findall(r"study\.(\w+)", page))
    assert {"best", "status", "verdict", "transfer", "export", "report", "optuna"} <= named
    assert [name for name in sorted(named) if not hasattr(Study, name)] == []
    table = re.search(r"\| `study\.best` \| the answer: (.*) \|", page)
    assert table is not None
    assert [name for name in re.findall(r"`(\w+)`", table[1]) if name not in Best.__dataclass_fields__] == []
