"""The files between a search and a script: what is written is read, and what is wrong is said, all of it."""

import contextlib
import json
import math
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.warmboot_tests.trials import make_trial
from warmboot.schedule import WarmbootSchedule
from warmboot.trial_files import (
    VARIABLE,
    Report,
    TrialFileError,
    current_trial,
    parse_report,
    read_trial,
    report_line,
    write_trial,
)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"params": {}, "report_steps": (0, 50, 100), "seed": 2**32 - 1, "trial": 0},
        {"schedule": WarmbootSchedule(curve="rex", warmup_steps=3)},  # without an lr
        {"own_lr": Path("/tmp/own_lr")},
    ],
)
def test_what_is_written_is_read(tmp_path: Path, changes: dict[str, Any]) -> None:
    trial = make_trial(tmp_path, **changes)
    write_trial(trial, tmp_path / "trial.json")
    assert read_trial(tmp_path / "trial.json") == trial


def document_of(folder: Path) -> dict[str, Any]:
    write_trial(make_trial(folder), folder / "trial.json")
    document: dict[str, Any] = json.loads((folder / "trial.json").read_text())
    return document


WRONG = [
    # change of the document, what is said about it
    ({"format": "warmboot-schedule"}, 'format must be "warmboot-trial" but got'),
    ({"version": 2}, r"version 2 is newer than this warmboot reads \(1\); update warmboot in the script's"),
    ({"version": True}, "version must be 1 but got True"),
    ({"total_step": 5}, "unknown key 'total_step'; did you mean total_steps"),
    ({"total_steps": 0}, "total_steps must be at least 1 but got 0"),
    ({"total_steps": 1}, "restart"),  # no room for the schedule
    ({"seed": 2**32}, "seed must be at most 4294967295 but got 4294967296"),
    ({"trial": "7"}, r"trial must be an integer but got '7' \(str\)"),
    ({"study": 3}, "study must be text but got 3"),
    ({"params": [1]}, r"params must be a JSON object but got \[1\]"),
    ({"reports": ""}, "reports must be a path but got ''"),
    ({"own_lr": 0.1}, "own_lr must be a path but got 0.1"),
    ({"report_steps": [5, 5]}, r"report_steps must rise strictly and lie in \[0, 100\]"),
    ({"report_steps": "all"}, "report_steps must be a list of steps but got 'all'"),
    ({"schedule": {"warmup": 2}}, "schedule.warmup"),
    ({"schedule": 5}, "schedule must be an object"),
]


@pytest.mark.parametrize(("change", "pattern"), WRONG)
def test_what_is_wrong_is_named(tmp_path: Path, change: dict[str, Any], pattern: str) -> None:
    document = {**document_of(tmp_path), **change}
    (tmp_path / "trial.json").write_text(json.dumps(document))
    with pytest.raises(TrialFileError, match=rf"trial.json.*{pattern}"):
        read_trial(tmp_path / "trial.json")


def test_all_that_is_wrong_comes_at_once(tmp_path: Path) -> None:
    document = {**document_of(tmp_path), "version": 0, "sed": 1, "schedule": {"curve": "no"}}
    del document["study"]
    (tmp_path / "trial.json").write_text(json.dumps(document))
    with pytest.raises(TrialFileError) as caught:
        read_trial(tmp_path / "trial.json")
    assert len(caught.value.problems) == 4


@pytest.mark.parametrize("text", ["", "{", "[]", "[" * 100_000, "\x00"])
def test_a_file_that_is_no_trial_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "trial.json").write_text(text)
    with pytest.raises(TrialFileError, match=r"is not JSON|must be a JSON object"):
        read_trial(tmp_path / "trial.json")


def test_outside_a_search_there_is_no_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert current_trial() is None


def test_a_trial_that_is_gone_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "gone.json"))
    with pytest.raises(FileNotFoundError, match=re.escape("gone.json")):
        current_trial()


@given(
    st.integers(0, 2**63),
    st.dictionaries(st.text(min_size=1).filter(lambda name: name.isprintable()), st.floats(), min_size=1),
    st.booleans(),
)
def test_a_report_comes_back_from_its_line(step: int, metrics: dict[str, float], stopping: bool) -> None:
    line = report_line(Report(step=step, metrics=metrics, stopping=stopping))
    assert line.endswith("\n")
    assert line.count("\n") == 1
    again = parse_report(line)
    assert (again.step, again.stopping, again.metrics.keys()) == (step, stopping, metrics.keys())
    for name, value in metrics.items():
        assert again.metrics[name] == value or (math.isnan(value) and math.isnan(again.metrics[name]))


@pytest.mark.parametrize(
    ("line", "pattern"),
    [
        ('{"step": 1, "metrics": {"val": null}}', r"val must be a number but got None"),
        ('{"step": 1, "metrics": {"val": NaN}}', r"NaN is not a JSON number"),
        (
            f'{{"step": 1, "metrics": {{"val": 1{"0" * 400}}}}}',
            r"val must be a number but got 10+\.\.\. \(int\)",
        ),
        ('{"step": 1, "metrics": {"a\\u001b[2J": null}}', r"a\\x1b\[2J must be a number but got None"),
        ('{"step": -1, "metrics": {"val": 1}}', r"step must be at least 0 but got -1"),
        ('{"metrics": {"val": 1}}', r"step must be an integer but got None"),
        ('{"step": 1, "metrics": {}}', r"metrics must be an object with one metric or more but got \{\}"),
        ('{"step": 1, "metrics": {"val": 1}, "lr": 2}', r"unknown key 'lr'; known: step, metrics"),
        ('{"step": 1, "step": 2, "metrics": {"val": 1}}', r"'step' is repeated"),
    ],
)
def test_a_line_that_is_no_report_is_refused(line: str, pattern: str) -> None:
    with pytest.raises(TrialFileError, match=pattern):
        parse_report(line)


LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from([10**400])
)
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
)


@given(
    st.fixed_dictionaries(
        {"step": st.integers(0, 9) | JSON, "metrics": st.dictionaries(st.text(), LEAVES) | JSON}
    )
    | JSON,
    st.booleans(),
)
def test_any_line_is_a_report_or_a_mistake_that_is_told(document: Any, whole: bool) -> None:
    line = json.dumps(document)
    try:
        report = parse_report(line if whole else line[: len(line) // 2])
    except TrialFileError:
        return
    assert all(isinstance(value, float) for value in report.metrics.values())


@given(
    st.dictionaries(st.sampled_from(["version", "trial", "seed", "schedule", "params", "stop", "x"]), JSON)
)
def test_a_damaged_trial_file_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, changes: dict[str, Any]
) -> None:
    path = tmp_path_factory.getbasetemp() / "damaged.json"
    write_trial(make_trial(path.parent), path)
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    with contextlib.suppress(TrialFileError):
        read_trial(path)
