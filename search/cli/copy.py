"""`warmboot copy`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from search.cli.options import StorageOption, address, talk
from search.cli.terminal import tell
from search.errors import UsageError

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

NAME = "copy"


def command(
    name: Annotated[str, typer.Argument(help="The study.")],
    to: Annotated[
        str, typer.Option("--to", metavar="STORAGE", help="Where the copy goes; written as for --storage.")
    ],
    as_name: Annotated[
        str | None,
        typer.Option("--as", metavar="NAME", help="Name of the copy, else the study's.", show_default=False),
    ] = None,
    storage: StorageOption = None,
) -> None:
    """Copy a study whole to another database, or under another name.

    Trials, reports, notes, seeds, verdict and settings; the study stays. The copy goes on by itself where it
    is launched or a worker serves its database. Not while the study is trained: stop it first.

    Example: warmboot copy char_lm --to postgresql://warmboot@db.example/warmboot
    """
    from search.results.study_hash import study_hash
    from search.storage.address import shown
    from search.storage.database import open_for_reading, open_for_work
    from search.storage.study_copy import copy_study
    from search.storage.study_record import find_study

    to_url = _target(to)
    source = find_study(open_for_reading(address(storage)), name)
    target = open_for_work(to_url)
    copy = copy_study(source, target, as_name or name)
    trials = copy.load().get_trials(deepcopy=False)
    counted = f"{len(trials)} trial{'s' * (len(trials) != 1)}"
    renamed = "" if copy.name == name else f" as {copy.name}"
    tell(talk(), f"{name}: {counted} copied to {shown(target.url)}{renamed}, hash {study_hash(trials)}")


def _target(to: str) -> URL:
    """The address, its mistakes told under the option's own name."""
    try:
        return address(to)
    except UsageError as error:
        raise UsageError(str(error).replace("--storage: ", "--to: ", 1)) from error
