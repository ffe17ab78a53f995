"""Options that several commands share."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from search.spec.packaged import packaged_studies

if TYPE_CHECKING:
    from rich.console import Console
    from sqlalchemy.engine import URL

    from search.spec.permission import Permission


StudyArgument = Annotated[
    str,
    typer.Argument(help=f"A packaged study ({', '.join(packaged_studies())}) or a study file (TOML)."),
]
NTrialsOption = Annotated[
    int | None,
    typer.Option("--n-trials", min=1, help="Trials in total, instead of the file's limit."),
]
NRunsOption = Annotated[
    int | None,
    typer.Option(
        "--n-runs",
        min=1,
        help="Cost in full trainings in total, the confirmation included, instead of the file's limit.",
    ),
]
BudgetOption = Annotated[
    str | None,
    typer.Option("--budget", help="Time to train in total, as 30m or 8h, instead of the file's limit."),
]
StorageOption = Annotated[
    str | None,
    typer.Option(
        "--storage",
        help="Where studies are kept, as sqlite:///FILE.db or postgresql://USER@HOST/DATABASE. "
        "Default: $WARMBOOT_STORAGE, else a file in your user data folder.",
        show_default=False,
    ),
]
WorkersOption = Annotated[
    int | None,
    typer.Option(
        "--workers",
        min=1,
        max=512,
        help="Processes. Default: one a core, GPU, or script of your own.",
        show_default=False,
    ),
]
DeviceOption = Annotated[
    str, typer.Option("--device", help="cpu, cuda, cuda:1, mps. Default: the best there is.")
]
GpusOption = Annotated[
    str | None,
    typer.Option("--gpus", help="GPUs to train on, as in 0,1: one worker each.", show_default=False),
]
EngineOption = Annotated[
    Literal["local", "ray", "slurm"],
    typer.Option(
        "--engine",
        help="local: processes of this machine. ray: workers in a Ray cluster. slurm: hand in an array job "
        "of --workers workers, and return.",
    ),
]
SlurmOption = Annotated[
    list[str] | None,
    typer.Option(
        "--slurm",
        metavar="KEY=VALUE",
        help="With slurm: an option of sbatch, before those of [slurm] in the file. May be repeated.",
        show_default=False,
    ),
]
AddressOption = Annotated[
    str | None,
    typer.Option(
        "--address",
        help="Ray cluster, as HOST:6379. Default: the one this machine is part of, else this machine alone.",
        show_default=False,
    ),
]
ShipOption = Annotated[
    bool | None,
    typer.Option(
        "--ship/--no-ship",
        help="With ray: send the folder of your code to the nodes. Default: where they do not see it.",
        show_default=False,
    ),
]
AllowImportOption = Annotated[
    list[str] | None,
    typer.Option(
        "--allow-import", metavar="PACKAGE", help="Allow studies whose proxy is code of this package."
    ),
]
AllowCommandsOption = Annotated[
    bool, typer.Option("--allow-commands", help="Allow studies whose proxy is a command.")
]
AcceptChangeOption = Annotated[
    bool,
    typer.Option(
        "--accept-change",
        help="Continue although the script, or anything else that is trained, has changed since the study's "
        "results; the change is recorded in the study.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


def talk() -> Console:
    """The console for messages to people: stderr, so that stdout holds only data."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, emoji=False, soft_wrap=not sys.stderr.isatty())


def address(storage: str | None) -> URL:
    """The storage address of an option."""
    from search.storage.address import storage_address

    return storage_address(storage)


def permission(allow_import: list[str] | None, allow_commands: bool) -> Permission:
    """What a study's proxy may run."""
    from search.spec.permission import Permission

    return Permission(imports=tuple(allow_import or ()), commands=allow_commands)


def gpu_list(gpus: str | None) -> tuple[str, ...] | None:
    """The GPUs of the option."""
    from search.launch.placement import parse_gpus  # here, since it brings the study file's packages

    return None if gpus is None else parse_gpus(gpus)
