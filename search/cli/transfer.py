"""`warmboot transfer`."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from search.cli.more_trainings import told_if_interrupted, watched
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

NAME = "transfer"


def command(
    name: Annotated[str, typer.Argument(help="The study.")],
    horizons: Annotated[
        str | None,
        typer.Option(
            "--horizons",
            metavar="STEPS,STEPS,...",
            help="Horizons to train, three or more over a factor of 9. Default: a ninth, a third and the "
            "whole of the study's.",
            show_default=False,
        ),
    ] = None,
    pairs: Annotated[int, typer.Option("--pairs", min=3, max=30, help="Fresh seeds at each horizon.")] = 8,
    total_steps: Annotated[
        int | None,
        typer.Option(
            "--total-steps", min=1, help="Horizon of your own training: print what to expect there."
        ),
    ] = None,
    device: DeviceOption = "auto",
    allow_import: AllowImportOption = None,
    allow_commands: AllowCommandsOption = False,
    accept_change: AcceptChangeOption = False,
    storage: StorageOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure the leader at several horizons.

    Shows how the best peak lr and the gain over baselines change with the length of a training.

    Example: warmboot transfer char_lm --total-steps 5000
    """
    console = talk()
    with told_if_interrupted(NAME, name, console):
        from search.launch.checks import resolve_device
        from search.transfer.transfer import TransferOptions, hold_transfer

        options = TransferOptions(
            device=resolve_device(device),
            permission=permission(allow_import, allow_commands),
            horizons=_steps(horizons),
            n_pairs=pairs,
            accept_change=accept_change,
        )
        with watched(name, storage, console) as (record, how_far):
            found = hold_transfer(record, options, lambda text: tell(console, text), how_far)
    if as_json:
        print(json.dumps(found.to_json()))
        return
    told = found.lines_at(total_steps) if total_steps else []
    show([*found.lines(), *told])


def _steps(text: str | None) -> tuple[int, ...]:
    """
    >>> _steps("200,600,1800")
    (200, 600, 1800)
    """
    from search.errors import UsageError

    if text is None:
        return ()
    parts = [part.strip() for part in text.split(",")]
    wrong = [part for part in parts if not (part.isascii() and part.isdigit())]
    if wrong:
        raise UsageError(
            f"--horizons: got {', '.join(map(repr, wrong))}; accepted are whole numbers of steps with commas "
            "between, such as 200,600,1800."
        )
    return tuple(int(part) for part in parts)
