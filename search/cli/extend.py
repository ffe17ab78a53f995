"""`warmboot extend`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from search.cli.more_trainings import watched
from search.cli.options import (
    AcceptChangeOption,
    AllowCommandsOption,
    AllowImportOption,
    DeviceOption,
    JsonOption,
    StorageOption,
    permission,
    talk,
)
from search.cli.terminal import show, tell
from search.messages import next_command

if TYPE_CHECKING:
    from search.extension.extension import Extension
    from search.storage.study_record import StudyRecord

NAME = "extend"


def command(
    name: Annotated[str, typer.Argument(help="The study.")],
    total_steps: Annotated[
        int, typer.Option("--total-steps", min=2, help="How long the run will be, in optimizer steps.")
    ],
    trial: Annotated[
        int | None,
        typer.Option("--trial", min=0, help="Which trial. Default: the answer.", show_default=False),
    ] = None,
    step_scale: Annotated[
        float | None,
        typer.Option(
            "--step-scale",
            help="Peak of the new cycle as a part of the last one's, above 0, at most 1. Default: the "
            "schedule's own last step scale, or 0.5 where it has no restart.",
            show_default=False,
        ),
    ] = None,
    device: DeviceOption = "auto",
    allow_import: AllowImportOption = None,
    allow_commands: AllowCommandsOption = False,
    accept_change: AcceptChangeOption = False,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="Write the schedule of the whole run here, as a schedule file."),
    ] = None,
    storage: StorageOption = None,
    as_json: JsonOption = False,
) -> None:
    """Continue a finished run to a longer horizon.

    It goes on from its last checkpoint with one more warm restart; the study has to keep those of its best
    trials: [checkpoints] keep = "best".

    Example: warmboot extend char_lm --total-steps 1200
    """
    from search.cli.output_file import check_place, write_whole
    from search.errors import UsageError
    from search.extension.extension import ExtendOptions, extend
    from search.launch.checks import resolve_device
    from search.results.evidence import labelled

    if step_scale is not None and not 0 < step_scale <= 1:
        raise UsageError(f"--step-scale: got {step_scale:g}; accepted is a number above 0 and at most 1.")
    if output is not None:
        check_place(output)
    console = talk()
    options = ExtendOptions(
        device=resolve_device(device),
        permission=permission(allow_import, allow_commands),
        accept_change=accept_change,
        total_steps=total_steps,
        trial=trial,
        step_scale=step_scale,
    )
    with watched(name, storage, console) as (record, how_far):
        found = extend(record, options, lambda text: tell(console, text), how_far)
    if output is not None:
        write_whole(output, found.file())
        tell(console, f"its schedule is written to {output}")
    if as_json:
        print(json.dumps(found.to_json()))
    else:
        show([*found.lines(), *labelled("next", _next_lines(record, found))])


def _next_lines(record: StudyRecord, found: Extension) -> list[str]:
    """How to go on from there."""
    from search.spec.permission import option_for
    from search.storage.address import storage_option

    storage = storage_option(record.database.url)
    words = [*option_for(record.spec.proxy).split(), *storage]
    longer = ["--trial", str(found.trial), "--total-steps", str(2 * found.total_steps)]
    return [
        next_command("extend", record.name, *words, *longer),
        next_command("status", record.name, *storage),
    ]
