"""`warmboot status`."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from search.cli.options import JsonOption, StorageOption, address
from search.cli.terminal import show

NAME = "status"


def command(
    name: Annotated[
        str | None, typer.Argument(help="A study; all of them if left out.", show_default=False)
    ] = None,
    storage: StorageOption = None,
    as_json: JsonOption = False,
) -> None:
    """How studies stand: trials by state, the best so far, rate and time left.

    Example: warmboot status char_lm
    """
    from search.cli.snapshots import snapshot_json, status_lines
    from search.snapshot import take_snapshot
    from search.storage.database import open_for_reading
    from search.storage.study_record import StudyRecord, find_study, study_names

    database = open_for_reading(address(storage))
    if name is not None:
        records = [find_study(database, name)]
    else:
        records = [StudyRecord(database, each) for each in study_names(database)]
    snapshots = [take_snapshot(record, record.load(), settle=True) for record in records]
    if as_json:
        print(json.dumps([snapshot_json(snapshot) for snapshot in snapshots]))
        return
    if not snapshots:
        print("no studies yet. Start one with: warmboot launch char_lm")
    for snapshot in snapshots:
        show(status_lines(snapshot))
