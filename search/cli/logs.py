"""`warmboot logs`."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import Annotated

import typer

from search.cli.options import JsonOption, StorageOption, address, talk
from search.cli.terminal import tell
from warmboot.checks import printable

NAME = "logs"


def command(
    name: Annotated[str, typer.Argument(help="The study.")],
    trial: Annotated[
        int | None, typer.Argument(help="A failed trial; all of them if left out.", min=0, show_default=False)
    ] = None,
    storage: StorageOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print why trials failed, and their last output.

    Example: warmboot logs char_lm 7
    """
    from search.results.failed_trials import failed_trial, failed_trials
    from search.storage.database import open_for_reading
    from search.storage.study_record import find_study

    record = find_study(open_for_reading(address(storage)), name)
    found = failed_trials(record) if trial is None else [failed_trial(record, trial)]
    if as_json:
        print(json.dumps([asdict(each) for each in found]))
        return
    if not found:
        tell(talk(), f"no trial of {name} has failed.")
    for i, each in enumerate(found):
        again = "" if each.state == "fail" else f" ({each.state} now: a failed attempt is tried again)"
        head = f"trial {each.number}{again}" + (f": {each.schedule}" if each.schedule else "")
        text = printable(each.text) if sys.stdout.isatty() else each.text
        print(f"{chr(10) * (i > 0)}{head}\n{text}")
