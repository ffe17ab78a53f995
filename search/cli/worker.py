"""`warmboot worker`."""

from __future__ import annotations

import functools
import sys
from pathlib import Path
from typing import Annotated, Literal

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
LogFormat = Literal["text", "json"]


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
    study: Annotated[
        list[str] | None,
        typer.Option("--study", metavar="NAME", help="Work on this study alone. May be repeated."),
    ] = None,
    until_done: Annotated[bool, typer.Option("--until-done", help="Exit when no study is open.")] = False,
    log_format: Annotated[
        LogFormat, typer.Option("--log-format", help="text, or json: an object a line, for log collectors.")
    ] = "text",
    health_file: Annotated[
        Path | None,
        typer.Option(
            "--health-file",
            help="Write this file every few seconds, so that its age tells whether the worker lives.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Work on every open study of a storage.

    Studies of the highest priority share the machine (see: warmboot priority); runs until stopped.

    Example: warmboot worker --storage postgresql://warmboot@db.example/warmboot
    """
    from search.launch.service_log import ServiceLog
    from search.launch.worker_service import ServiceOptions, serve

    options = ServiceOptions(
        storage=address(storage),
        permission=permission(allow_import, allow_commands),
        workers=workers,
        device=device,
        gpus=gpu_list(gpus),
        until_done=until_done,
        only=tuple(study or ()),
        health_file=health_file,
    )
    console = talk()
    say = functools.partial(tell, console) if log_format == "text" else _print_line
    serve(options, ServiceLog(say, log_format))


def _print_line(text: str) -> None:
    """To a program: whole, whatever the width of a terminal."""
    print(text, file=sys.stderr, flush=True)
