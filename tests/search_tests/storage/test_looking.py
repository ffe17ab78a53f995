"""Whoever looks at a SQLite file changes nothing for anybody, and sees all that is stored."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
from sqlalchemy.engine import URL

from search.errors import RunError
from search.storage.address import parse_address
from search.storage.database import Database, open_for_reading, open_for_work
from search.storage.sqlite_reading import ChangedWhileReadError, ReadOnlyFile
from search.storage.study_record import StudyRecord, find_study, study_names
from tests.search_tests.patience import PATIENCE_SECONDS
from tests.search_tests.storage.processes import CONTEXT, kill, running, take_and_wait
from tests.search_tests.studies import make_study

STRANGER = 65534
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that anybody may enter, which pytest's own are not."""
    made = Path(tempfile.mkdtemp())
    made.chmod(0o755)
    yield made
    made.chmod(0o755)
    shutil.rmtree(made)


def study_in(folder: Path) -> Database:
    database = open_for_work(parse_address(f"sqlite:///{folder}/studies.db"))
    make_study(database)
    return database


def look(url: URL, names: list[str], answers: Connection) -> None:
    """As somebody else; answers what is there, or the error."""
    os.chdir("/")
    with tempfile.TemporaryDirectory() as elsewhere:  # imports what root alone may be able to
        study_in(Path(elsewhere)).close()
        reader = open_for_reading(parse_address(f"sqlite:///{elsewhere}/studies.db"))
        find_study(reader, "small").load().get_trials()
        reader.close()
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(STRANGER)
        os.setuid(STRANGER)
    try:
        reader = open_for_reading(url)
        answers.send([len(find_study(reader, name).load().trials) for name in names])
        reader.close()
    except Exception as error:
        answers.send(f"{type(error).__name__}: {error}")


def seen_by_a_stranger(url: URL, *names: str) -> object:
    ours, theirs = CONTEXT.Pipe(duplex=False)
    process = CONTEXT.Process(target=look, args=(url, list(names), theirs))
    process.start()
    theirs.close()
    assert ours.poll(PATIENCE_SECONDS)
    answer = ours.recv()
    process.join()
    return answer


def state(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Every file of a folder: whose it is, and what is in it; the index is of those who have it open."""
    return {
        path.name: (path.stat().st_uid, b"" if path.name.endswith("-shm") else path.read_bytes())
        for path in folder.iterdir()
    }


def test_a_study_at_rest_is_one_ordinary_file(folder: Path) -> None:
    study_in(folder).close()
    assert os.listdir(folder) == ["studies.db"]
    connection = sqlite3.connect(folder / "studies.db")
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    connection.close()


def test_the_last_who_works_on_a_file_leaves_it_whole(folder: Path) -> None:
    first = study_in(folder)
    second = open_for_work(first.url)
    second.storage.get_all_studies()
    first.close()
    assert "studies.db-wal" in os.listdir(folder), "taken from under who works on it"
    assert study_names(second) == ["small"]
    second.close()
    assert os.listdir(folder) == ["studies.db"]


@needs_root
@pytest.mark.parametrize("mode", [0o1777, 0o755, 0o555])
def test_a_stranger_looks_at_a_study_at_rest_and_its_owner_goes_on(folder: Path, mode: int) -> None:
    study_in(folder).close()
    folder.chmod(mode)
    before = state(folder)
    assert seen_by_a_stranger(parse_address(f"sqlite:///{folder}/studies.db"), "small") == [0]
    assert state(folder) == before
    folder.chmod(0o755)
    assert study_in(folder).storage.get_all_studies()


@needs_root
@pytest.mark.parametrize("mode", [0o1777, 0o755])
def test_a_stranger_looks_at_a_file_that_an_earlier_version_left(folder: Path, mode: int) -> None:
    """In write-ahead mode without its log: here a connection of SQLite's own would leave its files."""
    study_in(folder).close()
    connection = sqlite3.connect(folder / "studies.db")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.close()
    folder.chmod(mode)
    before = state(folder)
    assert seen_by_a_stranger(parse_address(f"sqlite:///{folder}/studies.db"), "small") == [0]
    assert state(folder) == before


@needs_root
@pytest.mark.parametrize("mode", [0o1777, 0o755])
def test_a_stranger_sees_a_study_while_it_is_worked_on(folder: Path, mode: int) -> None:
    database = study_in(folder)
    record = StudyRecord(database, "small")
    folder.chmod(mode)
    with running(take_and_wait, record):
        names = set(os.listdir(folder))
        assert seen_by_a_stranger(database.url, "small") == [1]
        assert set(os.listdir(folder)) == names
        assert all(path.stat().st_uid == os.getuid() for path in folder.iterdir())
        record.set_attribute("control", {**record.attributes["control"], "stop": True})
    database.close()


@needs_root
def test_a_stranger_sees_what_a_killed_worker_has_stored(folder: Path) -> None:
    database = study_in(folder)
    with running(take_and_wait, StudyRecord(database, "small")) as (_, process_id):
        kill(process_id)
    frozen = folder / "copy"
    frozen.mkdir(mode=0o555)
    for name in ("studies.db", "studies.db-wal"):  # as in a backup, or on a medium that is read-only
        shutil.copy(folder / name, frozen / name)
    before = state(frozen)
    assert seen_by_a_stranger(parse_address(f"sqlite:///{frozen}/studies.db"), "small") == [1]
    assert state(frozen) == before
    database.close()


@needs_root
def test_a_file_that_is_closed_to_somebody_is_named(folder: Path) -> None:
    study_in(folder).close()
    (folder / "studies.db").chmod(0o600)
    answer = seen_by_a_stranger(parse_address(f"sqlite:///{folder}/studies.db"), "small")
    assert answer == f"RunError: sqlite:///{folder}/studies.db can't be read by this user."


def test_a_reader_sees_what_was_stored_since_it_opened(folder: Path) -> None:
    study_in(folder).close()
    reader = open_for_reading(parse_address(f"sqlite:///{folder}/studies.db"))
    assert study_names(reader) == ["small"]
    worker = open_for_work(reader.url)
    make_study(worker, name="another")
    assert study_names(reader) == ["small", "another"]
    worker.close()
    assert study_names(reader) == ["small", "another"]
    reader.close()
    assert os.listdir(folder) == ["studies.db"]


def read_while_it_changes(path: Path, *, torn: bool) -> None:
    with ReadOnlyFile(path).unchanged():
        os.utime(path, ns=(int(torn), 1))
        if torn:
            raise RunError("malformed")


@pytest.mark.parametrize("torn", [False, True])
def test_a_file_that_changes_while_it_is_read_at_rest_is_read_again(folder: Path, torn: bool) -> None:
    study_in(folder).close()
    with pytest.raises(ChangedWhileReadError):
        read_while_it_changes(folder / "studies.db", torn=torn)


def test_who_only_looks_can_not_write(folder: Path) -> None:
    study_in(folder).close()
    reader = open_for_reading(parse_address(f"sqlite:///{folder}/studies.db"))
    before = state(folder)
    with pytest.raises(RunError, match="was opened for reading only"):
        find_study(reader, "small").set_answer("changed")
    assert state(folder) == before
    reader.close()


def test_whoever_may_write_the_file_may_lock_it(folder: Path) -> None:
    database = study_in(folder)
    (folder / "studies.db").chmod(0o664)
    (folder / "studies.db.lock").unlink()
    with database.lock():
        assert (folder / "studies.db.lock").stat().st_mode & 0o777 == 0o664
    database.close()
