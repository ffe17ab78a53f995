"""A command that finds no storage says how to begin, and makes none."""

from __future__ import annotations

from pathlib import Path

import pytest

import warmboot
from search.cli.app import app
from search.errors import UsageError

OF_A_STUDY = {
    "copy": ["small", "--to", "sqlite:///copies.db"],
    "dashboard": ["--allow-edit"],
    "delete": ["small", "--yes"],
    "export": ["small"],
    "extend": ["small", "--total-steps", "9"],
    "logs": ["small"],
    "priority": ["small", "1"],
    "report": ["small"],
    "reset": ["small", "--yes"],
    "status": ["--json"],
    "stop": ["small"],
    "transfer": ["small"],
    "verdict": ["small"],
}
MAKE_OR_ASK_FOR_NONE = {"launch", "plan", "worker", "migrate", "doctor", "data", "preview"}
WORDS = r"no studies yet: .*nowhere\.db does not exist\. Start one with: warmboot launch char_lm"


@pytest.mark.parametrize("command", OF_A_STUDY)
def test_nothing_is_made_where_nothing_is(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=WORDS):
        app([command, *OF_A_STUDY[command], "--storage", "sqlite:///nowhere.db"], prog_name="warmboot")
    assert [*tmp_path.iterdir()] == []


def test_no_command_is_left_out() -> None:
    names = {command.name for command in app.registered_commands}
    assert names == {*OF_A_STUDY, *MAKE_OR_ASK_FOR_NONE}


def test_python_makes_none_either(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=WORDS):
        warmboot.open_study("small", storage=f"sqlite:///{tmp_path}/nowhere.db", progress=False)
    assert [*tmp_path.iterdir()] == []
