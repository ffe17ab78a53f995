"""`warmboot report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from search.cli.options import StorageOption, address, talk
from search.cli.terminal import tell

NAME = "report"


def command(
    name: Annotated[str, typer.Argument(help="The study.")],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="The file. Default: NAME.html here.")
    ] = None,
    storage: StorageOption = None,
) -> None:
    """Write all results into one HTML file.

    Example: warmboot report char_lm
    """
    from search.cli.output_file import write_whole
    from search.errors import RunError
    from search.report.page import report
    from search.results.status import read_status
    from search.storage.address import storage_option
    from search.storage.database import open_for_reading
    from search.storage.study_record import find_study

    url = address(storage)
    record = find_study(open_for_reading(url), name)
    reader = record.reader()
    snapshot = read_status(record, reader, settle=True)
    if snapshot.best is None:
        raise RunError(f"study {name!r} has no completed trial yet; there is nothing to report.")
    path = output or Path(f"{name}.html")
    made = report(snapshot, reader.everything(), record.attributes.proxy, storage_option(url))
    write_whole(path, made)
    tell(talk(), f"written to {path}")
