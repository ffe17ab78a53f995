"""A data set of two short files, and its files as they are published."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

from search.proxies.datasets import DataFile, DataSet

CONTENT = {"some-numbers": b"1 2 3", "some-words": b"one two three"}


def small_data_set(folder: Path, addresses: tuple[str, ...] = ()) -> DataSet:
    """Its system's folder is `folder / "system"`, which nobody has made."""
    return DataSet(
        name="small",
        about="two files",
        files=tuple(
            DataFile(
                name=name,
                content_sha256=hashlib.sha256(content).hexdigest(),
                published_sha256=hashlib.sha256(published(content)).hexdigest(),
            )
            for name, content in CONTENT.items()
        ),
        n_bytes=2_000_000,
        addresses=addresses,
        system_folder=folder / "system",
        system_package="dataset-small",
    )


def published(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)


def fill(folder: Path, *names: str, suffix: str = ".gz") -> None:
    """Put files of the data set into a folder; all of them if none is named."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names or CONTENT:
        content = CONTENT[name]
        (folder / f"{name}{suffix}").write_bytes(published(content) if suffix else content)
