"""Data that are made in code and take seconds to make: made once on a machine, then read.

They lie in the user's cache under the versions of what made them, beside a digest. A file that is damaged, or
can't be read or written, costs the seconds again and nothing else.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import zipfile
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs
from numpy.typing import NDArray

from warmboot.whole_file import write_whole

Arrays = Mapping[str, NDArray[Any]]
_DIGEST = "sha256"


def made_once(name: str, make: Callable[[], Arrays], *, made_with: tuple[str, ...]) -> Arrays:
    """The arrays that `make` makes, from the cache where they are there.

    Args:
        name: of the data.
        make: makes the same arrays every time, none of them of objects.
        made_with: distributions whose versions decide what is made.
    """
    versions = "_".join(f"{distribution}-{version(distribution)}" for distribution in made_with)
    path = platformdirs.user_cache_path("warmboot", appauthor=False) / "made" / f"{name}_{versions}.npz"
    found = _read(path)
    if found is None:
        found = make()
        with contextlib.suppress(OSError):
            _write(path, found)
    return found


def _read(path: Path) -> Arrays | None:
    try:
        with path.open("rb") as stream, np.load(stream) as file:
            arrays = dict(file)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    stored = arrays.pop(_DIGEST, None)
    return arrays if stored is not None and str(stored) == _digest(arrays) else None


def _write(path: Path, arrays: Arrays) -> None:
    """Whole or not at all, whoever else writes it now."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = io.BytesIO()
    np.savez(content, allow_pickle=False, **arrays, **{_DIGEST: np.array(_digest(arrays))})
    write_whole(path, content.getvalue())


def _digest(arrays: Arrays) -> str:
    seen = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        seen.update(f"{name} {array.dtype.str} {array.shape}".encode())
        seen.update(array.tobytes())
    return seen.hexdigest()
