"""A state in files of which a torn or changed one is noticed: a SHA-256 beside each, the last two kept.

A file is written beside its place, synced and renamed, then its hash in the same way. So at any moment the
last whole one is there, and where that is damaged on the disk, the one before it.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from pathlib import Path

from warmboot.whole_file import write_whole

GENERATIONS = 2
_PREFIX, _SUFFIX, _HASH = "step-", ".pt", ".sha256"


def write_generation(folder: Path, step: int, content: bytes) -> Path:
    """Keep a state after so many steps, and of the older ones the last; the file.

    Raises:
        OSError: the disk is full, or can't be written; what was there stays.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{_PREFIX}{step:012d}{_SUFFIX}"
    write_whole(path, content)
    write_whole(_hash_file(path), hashlib.sha256(content).hexdigest() + "\n")
    for old in generations(folder)[GENERATIONS:]:
        for file in (old, _hash_file(old)):
            file.unlink(missing_ok=True)
    return path


def generations(folder: Path) -> list[Path]:
    """The files of a folder, the latest first."""
    return sorted(folder.glob(f"{_PREFIX}*{_SUFFIX}"), reverse=True)


def read_generations(folder: Path) -> Iterator[tuple[Path, bytes | None]]:
    """Each file and its content, the latest first; None where it is not what was written."""
    for path in generations(folder):
        content = None
        with contextlib.suppress(OSError):
            read = path.read_bytes()
            if hashlib.sha256(read).hexdigest() == _hash_file(path).read_text(encoding="ascii").strip():
                content = read
        yield path, content


def _hash_file(path: Path) -> Path:
    return path.with_name(path.name + _HASH)
