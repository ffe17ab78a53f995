"""`warmboot worker`."""

from __future__ import annotations

from typing import Annotated

import typer

from search.cli.options import (
    DeviceOption,
    GpusOption,
    StorageOption,
    WorkersOption,
    address,
    gpu_list,
    permission,
    talk,
)
from search.cli.terminal import tell

NAME = "worker"


def command(
    storage: StorageOption = None,
    workers: WorkersOption = None,
    device: DeviceOption = "auto",
    gpus: GpusOption = None,
    allow_import: Annotated[
        list[str] | None,
        typer.Option(
            "--allow-import",
            metavar="PACKAGE",
            help="Also train studies whose proxy is code of this package or module. May be repeated.",
        ),
    ] = None,
    allow_commands: Annotated[
        bool, typer.Option("--allow-commands", help="Also train studies whose proxy is a command.")
    ] = False,
    until_done: Annotated[bool, typer.Option("--until-done", help="Exit when no study is open.")] = False,
) -> None:
    """Work on every open study of a storage.

    One after another, until stopped; waits for new ones.

    Example: warmboot worker --storage postgresql://warmboot@db.example/warmboot
    """
    from search.launch.worker_service import ServiceOptions, serve

    options = ServiceOptions(
        storage=address(storage),
        permission=permission(allow_import, allow_commands),
        workers=workers,
        device=device,
        gpus=gpu_list(gpus),
        until_done=until_done,
    )
    console = talk()
    serve(options, lambda text: tell(console, text))
