"""Opening a database: what is none is refused in one sentence, and reading leaves no trace."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import optuna
import pytest
from optuna.storages import RDBStorage
from sqlalchemy import text
from sqlalchemy.engine import URL

from search.errors import RunError, UsageError
from search.storage.address import parse_address, storage_address
from search.storage.database import Database, open_for_reading, open_for_work
from search.storage.study_record import study_names
from tests.search_tests.patience import PATIENCE_SECONDS
from tests.search_tests.storage.processes import CONTEXT
from tests.search_tests.studies import make_study

Open = Callable[[URL], Database]
both = pytest.mark.parametrize("open_it", [open_for_work, open_for_reading])


def address(path: Path) -> URL:
    return parse_address(f"sqlite:///{path}")


def test_work_makes_the_file_and_reading_finds_it(tmp_path: Path) -> None:
    path = tmp_path / "new.db"
    made = open_for_work(address(path))
    make_study(made)
    made.close()
    read = open_for_reading(address(path))
    assert study_names(read) == ["small"]
    read.close()


def test_reading_what_does_not_exist_is_refused_and_makes_nothing(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"new\.db does not exist\. Start one with: warmboot launch"):
        open_for_reading(address(tmp_path / "new.db"))
    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="a folder that takes no file is Linux's")
def test_a_folder_that_takes_no_file_is_told_and_its_lock_not_waited_for() -> None:
    with pytest.raises(RunError, match=r"can't be made, nor any other file in /proc .*name another"):
        open_for_work(parse_address("sqlite:////proc/x.db"))


@pytest.mark.parametrize("folder", ["missing", "./missing", "missing/deeper", "a/../missing"])
def test_a_missing_folder_is_refused_and_not_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=r"the folder .*missing.* does not exist; create it first"):
        open_for_work(parse_address(f"sqlite:///{folder}/x.db"))
    assert os.listdir(tmp_path) == []


def test_a_missing_folder_is_refused_wherever_its_address_came_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "missing" / "x.db"
    monkeypatch.setenv("WARMBOOT_STORAGE", f"sqlite:///{path}")
    with pytest.raises(UsageError, match="does not exist"):
        open_for_work(address(path))


def test_the_users_data_folder_is_made_where_it_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "data" / "warmboot"
    monkeypatch.setattr("search.storage.sqlite.default_folder", lambda: folder)
    open_for_work(address(folder / "warmboot.db")).close()
    assert (folder / "warmboot.db").is_file()


def test_a_data_folder_that_can_not_be_made_is_named_with_the_way_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("WARMBOOT_STORAGE", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", "/proc/home")
    with pytest.raises(
        RunError, match=r"/proc/home/warmboot can't be made \(.*\); .*--storage sqlite:///FILE"
    ):
        open_for_work(storage_address(None))


@both
def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path, open_it: Open) -> None:
    path = tmp_path / "notes.db"
    content = b"Some notes, and long enough to be read as the header of a database." * 40
    path.write_bytes(content)
    with pytest.raises(UsageError, match=r"notes\.db is not a SQLite database"):
        open_it(address(path))
    assert path.read_bytes() == content


@both
def test_a_folder_in_place_of_the_file_is_refused(tmp_path: Path, open_it: Open) -> None:
    with pytest.raises(UsageError, match="is a folder; name a file in it"):
        open_it(address(tmp_path))


def test_a_database_of_something_else_holds_no_studies_and_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "shop.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE orders (id INTEGER)")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(UsageError, match="holds no studies"):
        open_for_reading(address(path))
    assert path.read_bytes() == before


@both
@pytest.mark.parametrize(
    ("revision", "way_out"),
    [
        ("v2.6.0.a", "optuna storage upgrade"),  # made by an older Optuna
        ("v99.0.0.a", "pip install -U optuna"),  # made by one that is newer than this
    ],
)
def test_another_schema_is_refused_with_the_way_out(
    tmp_path: Path, open_it: Open, revision: str, way_out: str
) -> None:
    path = tmp_path / "other.db"
    open_for_work(address(path)).close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", [revision])
    connection.close()
    with pytest.raises(UsageError, match=f"was made by another version of Optuna: .*{way_out}"):
        open_it(address(path))


def _open_without_privileges(url: URL, elsewhere: URL, answers: Connection) -> None:
    open_for_work(elsewhere).close()  # imports what root alone may be able to
    if os.geteuid() == 0:
        os.setuid(65534)  # nothing is read-only to root
    try:
        open_for_work(url)
        answers.send("opened")
    except Exception as error:
        answers.send(f"{type(error).__name__}: {error}")


@pytest.fixture
def public_folder() -> Iterator[Path]:
    """A folder that anybody may enter, which pytest's own are not."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.mark.parametrize("what", ["file", "folder"])
def test_a_read_only_database_is_refused_in_one_sentence(
    tmp_path: Path, public_folder: Path, what: str
) -> None:
    path = public_folder / "studies.db"
    open_for_work(address(path)).close()
    lock = Path(f"{path}.lock")
    if what == "file":
        path.chmod(0o444)
        lock.touch()
        lock.chmod(0o666)
        public_folder.chmod(0o777)
    else:
        path.chmod(0o666)
        lock.unlink(missing_ok=True)
        public_folder.chmod(0o555)
    ours, theirs = CONTEXT.Pipe(duplex=False)
    elsewhere = address(tmp_path / "elsewhere.db")
    process = CONTEXT.Process(target=_open_without_privileges, args=(address(path), elsewhere, theirs))
    process.start()
    theirs.close()
    assert ours.poll(PATIENCE_SECONDS)
    assert ours.recv().startswith(f"RunError: sqlite:///{path} can't be opened for writing (")
    process.join()


def test_writers_do_not_disturb_a_reader(database: Database) -> None:
    """The stock dashboard reads while workers write; write-ahead logging is what allows it."""
    record = make_study(database)
    reader = open_for_reading(database.url)
    with database.engine.begin() as connection:  # holds SQLite's one write lock
        connection.execute(text("DELETE FROM warmboot_leases"))
        assert study_names(reader) == [record.name]
    reader.close()


def test_reading_alone_writes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "studies.db"
    database = open_for_work(address(path))
    make_study(database)
    database.close()
    before = path.read_bytes()
    reader = open_for_reading(database.url)
    study_names(reader)
    reader.close()
    assert path.read_bytes() == before


def test_stock_optuna_reads_the_database(database: Database) -> None:
    make_study(database)
    stock = RDBStorage(database.url.render_as_string())
    assert optuna.get_all_study_names(stock) == ["small"]
    stock.engine.dispose()


def test_the_lock_is_held_by_one_at_a_time(database: Database) -> None:
    inside = most = 0

    def work() -> None:
        nonlocal inside, most
        for _ in range(5):
            with database.lock():
                inside += 1
                most = max(most, inside)
                time.sleep(0.002)
                inside -= 1

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1
