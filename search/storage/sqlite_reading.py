"""Looking at a SQLite file without a trace: no file is made beside it, none of its locks is written to.

A connection of SQLite's own to a file with write-ahead logging makes two files beside it where they are
missing, owned by the reader, and these can shut its owner out. So each connection here takes the
way that leaves nothing for the state in which the file is:

- at rest, the file is whole by itself and is read as one that does not change (`immutable`); that it was not
  changed meanwhile is seen by its time and size, and otherwise it is read once more;
- while a process works on it, its files are there and are read as they are (`readonly_shm`);
- where SQLite can't read it so, as after a crash on a medium that is read-only now, a private copy is read.
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TIMEOUT_SECONDS = 5.0
MOST_COPIES = 20
"""How often a file that changes while it is copied is copied again."""
_LOG, _JOURNAL, _INDEX = "-wal", "-journal", "-shm"


class ChangedWhileReadError(Exception):
    """The file changed while it was read; it is to be read again."""


class ReadOnlyFile:
    """One SQLite file as a reader sees it.

    Args:
        path: the file; it has to exist.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._copy: tempfile.TemporaryDirectory[str] | None = None
        self._stamp_of_copy: object = None

    def connect(self) -> sqlite3.Connection:
        """A connection for one transaction; the file's state may be another at the next.

        Raises:
            sqlite3.OperationalError: the file can't be read.
            sqlite3.DatabaseError: it is no database.
        """
        if self._at_rest:
            return _open(self._path, "immutable=1")
        if not self._beside(_LOG).exists() or self._beside(_INDEX).exists():
            try:
                return _open(self._path, "mode=ro&readonly_shm=1")
            except sqlite3.OperationalError:
                pass  # it can't be read in place
        return _open(self._private_copy(), "mode=rw")

    @contextmanager
    def unchanged(self) -> Iterator[None]:
        """Around what reads.

        Raises:
            ChangedWhileReadError: the file was at rest and changed meanwhile; an error that came of it, too.
        """
        before = self._stamp() if self._at_rest else None
        try:
            yield
        except Exception as error:
            if before is not None and self._stamp() != before:
                raise ChangedWhileReadError from error
            raise
        if before is not None and self._stamp() != before:
            raise ChangedWhileReadError

    def close(self) -> None:
        """Remove the copy, where one was made."""
        if self._copy is not None:
            self._copy.cleanup()
            self._copy = None

    @property
    def _at_rest(self) -> bool:
        """Whether all that is stored is in the file itself."""
        return not any(self._beside(name).exists() for name in (_LOG, _JOURNAL))

    def _beside(self, ending: str) -> Path:
        return self._path.with_name(self._path.name + ending)

    def _stamp(self) -> tuple[object, ...]:
        status = self._path.stat()
        return status.st_ino, status.st_mtime_ns, status.st_size

    def _private_copy(self) -> Path:
        """The file with what belongs to it, in a folder of this process; made anew when it has changed."""
        for _ in range(MOST_COPIES):
            stamp = self._whole_stamp()
            if self._copy is not None and stamp == self._stamp_of_copy:
                break
            self.close()
            self._copy = tempfile.TemporaryDirectory(prefix="warmboot-look-", ignore_cleanup_errors=True)
            for ending in ("", _LOG, _JOURNAL):
                if self._beside(ending).exists():
                    shutil.copyfile(self._beside(ending), self._in_copy(ending))
            self._stamp_of_copy = self._whole_stamp()
            if stamp == self._stamp_of_copy:
                break
        return self._in_copy("")

    def _in_copy(self, ending: str) -> Path:
        assert self._copy is not None, "a folder was made"
        return Path(self._copy.name, self._path.name + ending)

    def _whole_stamp(self) -> tuple[object, ...]:
        log = self._beside(_LOG)
        return *self._stamp(), log.stat().st_size if log.exists() else None


def _open(path: Path, how: str) -> sqlite3.Connection:
    """A connection that has read something, so that it is known to work."""
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?{how}", uri=True, timeout=TIMEOUT_SECONDS, check_same_thread=False
    )
    try:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection
