"""`warmboot doctor`."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from search.cli.options import JsonOption, StorageOption, address
from search.cli.terminal import show
from search.errors import UsageError

if TYPE_CHECKING:
    from search.storage.checkup import Finding

NAME = "doctor"


def command(
    place: Annotated[
        str | None,
        typer.Argument(metavar="[STORAGE]", help="As --storage; either will do.", show_default=False),
    ] = None,
    storage: StorageOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say what is wrong with a storage and its studies, and what to do.

    Looks at whether it can be reached and written, its tables, the disk, the clocks, the lock, and trials
    whose worker is gone. Nothing is changed. Exit code 0 where all is well, 1 where something is not.

    Example: warmboot doctor postgresql://warmboot@db.example/warmboot
    """
    from search.results.study_checkup import check_studies
    from search.storage.checkup import check_database

    if place is not None and storage is not None and place != storage:
        raise UsageError("STORAGE and --storage name two places; give one of them.")
    found, database = check_database(address(place if storage is None else storage))
    if database is not None:
        found += check_studies(database)
        database.close()
    if as_json:
        print(json.dumps([asdict(finding) for finding in found]))
    else:
        show(_lines(found))
    if not all(finding.ok for finding in found):
        raise typer.Exit(1)


def _lines(found: list[Finding]) -> list[str]:
    width = max(len(finding.about) for finding in found)
    lines = []
    for finding in found:
        lines.append(f"{'ok' if finding.ok else 'WRONG':6}{finding.about:{width}}  {finding.text}")
        if finding.do and not finding.ok:
            lines.append(f"{'':6}{'':{width}}  -> {finding.do}")
    wrong = sum(not finding.ok for finding in found)
    lines.append("" if wrong else "all is well.")
    if wrong:
        lines[-1] = f"{wrong} thing{'s are' if wrong > 1 else ' is'} wrong."
    return lines
