"""Whoever trains for a study finds its script again, and says which file is another one."""

from __future__ import annotations

from pathlib import Path

import pytest

from search.errors import UsageError
from search.launch.checks import prepare
from search.scripts.fingerprints import command_made_of
from search.spec.proxy import CommandProxy
from search.storage.address import parse_address
from search.storage.database import Database
from search.storage.study_change import accepted_changes
from search.storage.study_record import StudyRecord
from search.worker.training_here import accept_made_of, check_made_of, spec_here
from tests.search_tests.studies import LINEAR, fill

STUDY = """
name = "small"
proxy = { command = "cat train.py" }
total_steps = 100
n_trials = 8
[space]
lr = { low = 0.01, high = 1.0, log = true }
warmup = 0.0
n_restarts = { low = 0, high = 2 }
curve = ["cosine", "linear"]
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a study file and its script; commands are typed in another one."""
    home = tmp_path / "home"
    for folder in (home, tmp_path / "elsewhere"):
        folder.mkdir()
    (home / "train.py").write_text("one")
    (home / "study.toml").write_text(STUDY)
    monkeypatch.chdir(tmp_path / "elsewhere")
    return home


@pytest.fixture
def launched(home: Path, database: Database, tmp_path: Path) -> StudyRecord:
    """Launched from elsewhere, with one result."""
    storage = parse_address(f"sqlite:///{tmp_path}/studies.db")
    said: list[str] = []
    prepare(str(home / "study.toml"), storage, None, say=said.append).database.close()
    assert said == [f"the command runs in {home}"]
    record = StudyRecord(database, "small")
    fill(record, [(LINEAR, 1.0)])
    return record


def proxy_here(record: StudyRecord) -> CommandProxy:
    proxy = spec_here(record).proxy
    assert isinstance(proxy, CommandProxy)
    return proxy


def test_the_folder_of_the_study_file_is_found_again(launched: StudyRecord, home: Path) -> None:
    proxy = proxy_here(launched)
    assert proxy.folder == home
    check_made_of(launched, command_made_of(proxy))
    stored = launched.spec.proxy
    assert isinstance(stored, CommandProxy)
    assert stored.working_directory is None, "the study file is kept as it is"


def test_a_project_that_was_moved_is_found_where_the_command_is_typed(
    launched: StudyRecord, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved = home.rename(tmp_path / "moved")
    monkeypatch.chdir(moved)
    proxy = proxy_here(launched)
    assert proxy.folder == moved
    check_made_of(launched, command_made_of(proxy))


def test_a_changed_script_is_named_and_may_be_accepted(launched: StudyRecord, home: Path) -> None:
    (home / "train.py").write_text("two")
    made_of, said = command_made_of(proxy_here(launched)), list[str]()
    with pytest.raises(
        UsageError, match=rf"in {home} is not what its 1 trial with a result had:\n  train\.py"
    ):
        check_made_of(launched, made_of)
    accept_made_of(launched, made_of, said.append)
    check_made_of(launched, made_of)
    assert said == ["accepted, and recorded in the study: train.py has changed"]
    assert len(accepted_changes(launched.attributes)) == 1


def test_a_script_that_is_nowhere_is_missed_in_the_folder_that_was_meant(
    launched: StudyRecord, home: Path
) -> None:
    (home / "train.py").unlink()
    with pytest.raises(UsageError, match=rf"train\.py is not in {home}"):
        check_made_of(launched, command_made_of(proxy_here(launched)))
