"""`warmboot status`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from search.cli.options import JsonOption, StorageOption, address
from search.cli.terminal import show, stdout_width

if TYPE_CHECKING:
    from search.results.status import StudyStatus
    from search.storage.study_record import StudyRecord

NAME = "status"


def command(
    name: Annotated[
        str | None, typer.Argument(help="A study; all of them if left out.", show_default=False)
    ] = None,
    storage: StorageOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the progress of studies.

    All of them, one line each, or one in detail.

    Example: warmboot status char_lm
    """
    from search.cli.snapshots import snapshot_json, status_lines
    from search.cli.study_table import study_table
    from search.results.status import read_status
    from search.storage.address import storage_option
    from search.storage.database import open_for_reading
    from search.storage.study_record import StudyRecord, find_study, study_names

    url = address(storage)
    database = open_for_reading(url)
    if name is not None or as_json:
        names = study_names(database) if name is None else [find_study(database, name).name]
        records = [StudyRecord(database, each) for each in names]
        snapshots = [read_status(record, record.reader(), settle=True) for record in records]
        if as_json:
            print(json.dumps([snapshot_json(snapshot) for snapshot in snapshots]))
        else:
            show(status_lines(snapshots[0], storage_option(url)))
        return
    studies = [_glance(StudyRecord(database, each)) for each in study_names(database)]
    if not studies:
        print("no studies yet. Start one with: warmboot launch char_lm")
        return
    for line in study_table(studies, stdout_width()):
        print(line)


def _glance(record: StudyRecord) -> StudyStatus | str:
    """How a study stands, or its name where it can't be read."""
    from pydantic import ValidationError

    from search.results.status import read_status

    try:
        return read_status(record, record.reader())
    except ValidationError:
        return record.name
