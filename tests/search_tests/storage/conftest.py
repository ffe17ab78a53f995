"""The storage contract runs over every kind of database; each test gets one of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from search.storage.address import parse_address
from search.storage.database import Database, open_for_work
from search.storage.study_record import StudyRecord
from tests.search_tests.postgres_server import PostgresServer
from tests.search_tests.studies import make_study

_BACKENDS = ("sqlite", "postgresql")


@pytest.fixture(scope="module", params=_BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def database(backend: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Database]:
    database = new_database(backend, tmp_path, request)
    yield database
    database.close()


@pytest.fixture
def record(database: Database) -> StudyRecord:
    """An empty study of eight trials of 100 steps."""
    return make_study(database)


def new_database(backend: str, folder: Path, request: pytest.FixtureRequest) -> Database:
    """An empty database with its tables; for fixtures that live longer than a test."""
    if backend == "sqlite":
        return new_file(folder)
    server: PostgresServer = request.getfixturevalue("postgres")
    return open_for_work(server.new_database())


def new_file(folder: Path) -> Database:
    """SQLite's, made here and no copy."""
    return open_for_work(parse_address(f"sqlite:///{folder}/studies.db"))
