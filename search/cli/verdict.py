"""`warmboot verdict`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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
            help="A schedule file of your own, tuned and compared like the built-in baselines. May be "
            "repeated.",
        ),
    ] = None,
    all_standards: Annotated[
        bool,
        typer.Option(
            "--all",
            help="Compare it with the other baselines too, and a constant lr with averaged weights.",
        ),
    ] = False,
    steps: Annotated[
        bool,
        typer.Option("--steps", help="Measure the gain in steps after any outcome, not only after a win."),
    ] = False,
    pairs: Annotated[
        int | None,
        typer.Option(
            "--pairs",
            metavar="5|10|20|30",
            help="Most fresh seeds: the verdict ends at this look at the latest. Default: 30.",
            show_default=False,
        ),
    ] = None,
    margin: Annotated[
        float | None,
        typer.Option(
            "--margin",
            min=1e-12,
            help="Equivalence margin: differences smaller than this do not matter to you, in the objective's "
            "unit. Default: half the standard deviation between seeds.",
            show_default=False,
        ),
    ] = None,
    device: DeviceOption = "auto",
    allow_import: AllowImportOption = None,
    allow_commands: AllowCommandsOption = False,
    accept_change: AcceptChangeOption = False,
    storage: StorageOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare the leader with the strongest baseline.

    The leader is the best searched schedule; the comparison is on fresh seeds and test data.

    Example: warmboot verdict char_lm
    """
    console = talk()
    with told_if_interrupted(NAME, name, console):
        from search.launch.checks import resolve_device
        from search.verdict.verdict import Options, hold_contest

        options = Options(
            most_pairs=_look(pairs),
            baselines=_baselines(baseline or []),
            device=resolve_device(device),
            permission=permission(allow_import, allow_commands),
            others=all_standards,
            steps=steps,
            margin=margin,
            accept_change=accept_change,
        )
        with watched(name, storage, console) as (record, how_far):
            result = hold_contest(record, options, lambda text: tell(console, text), how_far)
    if as_json:
        print(json.dumps(result.for_programs()))
    else:
        show(result.told())


def _look(pairs: int | None) -> int | None:
    """The pairs at one of the looks; a comparison can end nowhere else."""
    from search.errors import UsageError
    from search.statistics.sequential import STATED_PLAN

    if pairs is None or pairs in STATED_PLAN.looks:
        return pairs
    looks = ", ".join(map(str, STATED_PLAN.looks))
    raise UsageError(f"--pairs: got {pairs}; accepted are {looks}: a verdict can end only there.")


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
