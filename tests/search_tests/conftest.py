"""A real database in a folder of its own for each test, and a PostgreSQL server for those that ask for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory

from search.storage.database import Database
from search.storage.study_record import StudyRecord
from tests.search_tests.migrations import reading_once
from tests.search_tests.postgres_server import PostgresServer, running_server
from tests.search_tests.studies import make_study, open_database


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A real server, started by the first test that asks for it."""
    with running_server() as server:
        yield server


@pytest.fixture(scope="session", autouse=True)
def _checkpoints_lie_elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Not in the data folder of who runs the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WARMBOOT_CHECKPOINTS", str(tmp_path_factory.mktemp("checkpoints")))
        yield


@pytest.fixture(scope="session", autouse=True)
def _migrations_are_read_once() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ScriptDirectory, "from_config", reading_once())
        yield


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = open_database(tmp_path)
    yield database
    database.close()


@pytest.fixture
def record(database: Database) -> StudyRecord:
    """An empty study of eight trials of 100 steps."""
    return make_study(database)
