"""`fetch`: the files of a data set from where they are published, each with its known hash.

`WARMBOOT_DATA_URL` names another address, such as a mirror inside a network that reaches no other.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from search.errors import RunError
from search.proxies.datasets import DataFile, DataSet

ADDRESS_VARIABLE = "WARMBOOT_DATA_URL"
TIMEOUT_SECONDS = 30
"""Without a byte from the other side."""


class Bar(Protocol):
    """What `pooch` tells of a file's progress."""

    total: int

    def update(self, n: int, /) -> None:
        """So many bytes more."""

    def reset(self) -> None:
        """From the start again."""

    def close(self) -> None:
        """The file is here."""

    def stop(self) -> None:
        """Nothing more comes, whether or not it is here."""


def fetch(data_set: DataSet, folder: Path, *, bar: Callable[[str], Bar]) -> None:
    """Put a data set into a folder; files that are there already stay.

    Args:
        bar: makes a file's progress bar, from its name.

    Raises:
        RunError: it can't be reached, is another's, or can't be written; what was there before stays, and
            so does what came whole.
    """
    for file in data_set.files:
        _fetch_file(data_set, file, folder, bar)


def addresses(data_set: DataSet) -> tuple[str, ...]:
    """Where to look, in this order."""
    own = os.environ.get(ADDRESS_VARIABLE, "")
    return (own,) if own else data_set.addresses


def _fetch_file(data_set: DataSet, file: DataFile, folder: Path, bar: Callable[[str], Bar]) -> None:
    problems = []
    for address in addresses(data_set):
        problem = _tried(f"{address.rstrip('/')}/{file.published_name}", file, folder, bar)
        if problem is None:
            return
        problems.append(problem)
    raise RunError(
        f"data set {data_set.name}: {'; '.join(problems)}. Behind a proxy set HTTPS_PROXY, with a mirror "
        f"{ADDRESS_VARIABLE}=ADDRESS; or put its files into {folder} yourself; or install Debian's package "
        f"{data_set.system_package}."
    )


def _tried(url: str, file: DataFile, folder: Path, bar: Callable[[str], Bar]) -> str | None:
    """Why a file could not be had from an address; None where it is here."""
    import pooch
    from requests.exceptions import RequestException

    pooch.get_logger().setLevel(logging.ERROR)  # what it does is told by the bar
    shown = bar(file.published_name)
    downloader = pooch.HTTPDownloader(progressbar=shown, timeout=TIMEOUT_SECONDS)
    known_hash, name = f"sha256:{file.published_sha256}", file.published_name
    try:
        pooch.retrieve(url, known_hash, fname=name, path=folder, downloader=downloader)
    except RequestException as error:
        return f"{url} can't be reached ({_reason(error)})"
    except ValueError:
        return f"{url} is another file: its SHA-256 is not {file.published_sha256}"
    except OSError as error:
        raise RunError(f"{folder / name} can't be written ({error.strerror or error}).") from error
    finally:
        shown.stop()
    return None


def _reason(error: Exception) -> str:
    """The cause in few words, without the address that is told beside it."""
    cause = getattr(error.args[0], "reason", None) if error.args else None
    if cause is None:
        return str(error).partition(" for url")[0] or type(error).__name__
    return str(cause).rpartition(": ")[2]
