"""`warmboot verdict`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from search.cli.options import (
    AllowCommandsOption,
    AllowImportOption,
    DeviceOption,
    JsonOption,
    StorageOption,
    address,
    talk,
)

if TYPE_CHECKING:
    from warmboot.schedule import WarmbootSchedule

NAME = "verdict"


def command(
    name: Annotated[str, typer.Argument(help="The study.")],
    baseline: Annotated[
        list[Path] | None,
        typer.Option(
            "--baseline",
            metavar="FILE",
            help="A schedule file of your own, tuned and compared like the standards. May be repeated.",
        ),
    ] = None,
    all_standards: Annotated[
        bool, typer.Option("--all", help="Tell how it compares with the other standards, too.")
    ] = False,
    pairs: Annotated[
        int | None,
        typer.Option(
            "--pairs",
            min=5,
            max=30,
            help="Fresh seeds at most; looks are at 5, 10, 20, 30. Default: 30.",
            show_default=False,
        ),
    ] = None,
    margin: Annotated[
        float | None,
        typer.Option(
            "--margin",
            min=1e-12,
            help="The largest difference that makes none to you, in the objective's unit. Default: half the "
            "standard deviation between seeds.",
            show_default=False,
        ),
    ] = None,
    device: DeviceOption = "auto",
    allow_import: AllowImportOption = None,
    allow_commands: AllowCommandsOption = False,
    storage: StorageOption = None,
    as_json: JsonOption = False,
) -> None:
    """Whether the best schedule of a study truly beats the strongest standard, on fresh seeds and test data.

    Example: warmboot verdict char_lm
    """
    from search.contest.service import Options, hold_contest
    from search.launch.preparation import resolve_device
    from search.storage.database import open_for_work
    from search.storage.study_record import find_study
    from search.worker.permission import Permission

    record = find_study(open_for_work(address(storage)), name)
    options = Options(
        device=resolve_device(device),
        permission=Permission(imports=tuple(allow_import or ()), commands=allow_commands),
        baselines=_baselines(baseline or []),
        others=all_standards,
        most_pairs=pairs,
        margin=margin,
    )
    console = talk()
    with console.status("") as status:
        result = hold_contest(
            record,
            options,
            lambda text: console.print(text, markup=False),
            lambda n: status.update(f"{n} trainings done"),
        )
    if as_json:
        print(json.dumps(result.to_json()))
        return
    print("\n".join(result.told()))


def _baselines(files: list[Path]) -> dict[str, WarmbootSchedule]:
    """Schedules by the names of their files, without their lrs: those are tuned."""
    from search.errors import UsageError
    from warmboot.schedule_file import read

    found = {}
    for file in files:
        try:
            found[str(file)] = read(file).schedule.replace(lr=None)
        except OSError as error:
            raise UsageError(f"--baseline {file}: can't be read: {error.strerror}.") from error
    return found
