"""`library_source`: the source of Python's standard library, about 12 MB in every installation.

Real code by many hands, and the same text wherever the same build of Python runs: every `.py` file below the
library's folder, in the order of the paths. Tests, and what was installed besides, are left out.
"""

from __future__ import annotations

import os
import sysconfig
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from search.errors import UsageError

LEFT_OUT = frozenset({"test", "tests", "idle_test", "site-packages", "dist-packages", "__pycache__"})
"""Folders whose files are no part of the library's source."""
END_OF_FILE = b"\x00"
"""Stands after each file: no source has it inside."""


@cache
def library_source(folder: Path | None = None) -> bytes:
    """The source below a folder, one file after the other.

    Args:
        folder: None: of the standard library.

    Raises:
        UsageError: there is none, as where Python brings its library in an archive.
    """
    folder = Path(sysconfig.get_path("stdlib")) if folder is None else folder
    files = sorted(_files(folder), key=lambda path: path.relative_to(folder).as_posix())
    if not files:
        raise UsageError(
            f"the source of Python's standard library is not in {folder}; give the proxy another text: "
            'text = "FILE".'
        )
    return b"".join(path.read_bytes() + END_OF_FILE for path in files)


def _files(folder: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in LEFT_OUT]  # not walked at all
        yield from (Path(place, name) for name in names if name.endswith(".py"))
