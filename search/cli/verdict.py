"""`warmboot verdict`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from search.cli.options import (
    AcceptChangeOption,
    AllowCommandsOption,
    AllowImportOption,
    DeviceOption,
    JsonOption,
    StorageOption,
    address,
    talk,
)
from search.cli.terminal import show, tell
from search.messages import next_command
from search.storage.address import storage_option

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
        bool, typer.Option("--all", help="Compare it with the other baselines too.")
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
    with _told_if_interrupted(name, storage, console):
        from search.launch.checks import resolve_device
        from search.spec.permission import Permission
        from search.storage.database import open_for_work
        from search.storage.patience import HOLDING_SECONDS, Patience
        from search.storage.study_record import find_study
        from search.verdict.verdict import Options, hold_contest

        options = Options(
            most_pairs=_look(pairs),
            baselines=_baselines(baseline or []),
            device=resolve_device(device),
            permission=Permission(imports=tuple(allow_import or ()), commands=allow_commands),
            others=all_standards,
            steps=steps,
            margin=margin,
            accept_change=accept_change,
        )
        record = find_study(open_for_work(address(storage)), name)
        record.database.patience = Patience(HOLDING_SECONDS, lambda text: tell(console, text))
        with console.status("") as status:
            result = hold_contest(
                record,
                options,
                lambda text: tell(console, text),
                lambda n: status.update(f"{n} trainings done"),
            )
    if as_json:
        print(json.dumps(result.to_json()))
    else:
        show(result.told())


@contextmanager
def _told_if_interrupted(name: str, storage: str | None, console: Console) -> Iterator[None]:
    """Say what is kept if Ctrl-C or another signal ends the work."""
    try:
        yield
    except Exception:
        raise
    except BaseException:
        tell(
            console,
            f"interrupted: nothing of this verdict is kept; study {name} and any earlier verdict on it are "
            f"unchanged. Run it again with: {next_command(NAME, name, *storage_option(address(storage)))}",
        )
        raise


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
