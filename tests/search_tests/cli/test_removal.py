"""`warmboot delete` and `warmboot reset`: they ask, and do what was answered."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
import typer

from search.cli import delete, reset
from search.cli.removal import confirm
from search.errors import UsageError
from search.storage.database import Database
from search.storage.study_record import StudyRecord, study_names
from tests.search_tests.studies import LINEAR, fill

QUESTION = "delete study 'small', with 2 trials (2 with a result) and its verdict?"


class Keyboard(io.StringIO):
    """Somebody who answers."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def found(record: StudyRecord) -> StudyRecord:
    fill(record, [({**LINEAR, "lr": lr}, lr) for lr in (0.1, 0.2)])
    record.set_attribute("verdict", {"outcome": "win"})
    return record


def test_where_nobody_can_be_asked_yes_has_to_be_said(
    found: StudyRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    with pytest.raises(UsageError, match=re.escape(f"{QUESTION} There is no terminal to ask in; give --yes")):
        confirm(found, "delete", yes=False)


def test_the_question_says_what_would_be_lost_and_no_is_the_answer_of_who_says_nothing(
    found: StudyRecord, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", Keyboard("y\n\n"))
    confirm(found, "delete", yes=False)
    with pytest.raises(typer.Exit):
        confirm(found, "delete", yes=False)
    said = capsys.readouterr().err
    assert said.count(f"{QUESTION} It can't be brought back. [y/N]:") == 2
    assert said.endswith("nothing was changed\n")


def test_yes_resets_and_deletes(
    found: StudyRecord,
    database: Database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    storage = f"sqlite:///{tmp_path}/studies.db"
    reset.command("small", yes=True, storage=storage)
    assert (
        "small: reset; start it again with: warmboot launch STUDY.toml --storage" in capsys.readouterr().err
    )
    assert StudyRecord(database, "small").load().get_trials() == []
    screen = Keyboard()
    monkeypatch.setattr("sys.stderr", screen)
    monkeypatch.setenv("COLUMNS", "40")
    reset.command("small", yes=True, storage=storage)
    whole = f"warmboot launch STUDY.toml --storage {storage}"
    assert whole in screen.getvalue().splitlines(), "a command that somebody may copy is never broken"
    delete.command("small", yes=True, storage=storage)
    assert study_names(database) == []
