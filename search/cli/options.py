"""Options that several commands share."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from rich.console import Console
from sqlalchemy.engine import URL

from search.storage.address import storage_address

StorageOption = Annotated[
    str | None,
    typer.Option(
        "--storage",
        help="Where studies are kept, as sqlite:///FILE.db. Default: $WARMBOOT_STORAGE, else a file "
        "in your user data folder.",
        show_default=False,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


def talk() -> Console:
    """Where a command talks to a person: stderr, so that stdout holds data alone."""
    return Console(stderr=True, highlight=False, soft_wrap=not sys.stderr.isatty())


def address(storage: str | None) -> URL:
    """The storage address of an option."""
    return storage_address(storage)


def storage_words(storage: str | None) -> str:
    """The option as it has to be repeated in the next command; empty where none was given."""
    return f" --storage {storage_address(storage).render_as_string()}" if storage else ""
