"""`warmboot dashboard`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from search.cli.options import StorageOption, address, talk
from search.cli.terminal import tell

NAME = "dashboard"


def command(
    storage: StorageOption = None,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0 takes any free one.")] = 8080,
    host: Annotated[
        str,
        typer.Option("--host", help="Address to listen on; any other than loopback needs --password-file."),
    ] = "127.0.0.1",
    password_file: Annotated[
        Path | None, typer.Option("--password-file", help="One line, user:password.")
    ] = None,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            "--allow-host",
            metavar="NAME",
            help="Host name under which browsers reach the dashboard, such as a reverse proxy's; NAME:PORT "
            "if the address bar shows a port. May be given several times.",
        ),
    ] = None,
    allow_edit: Annotated[
        bool, typer.Option("--allow-edit", help="Let the browser change and delete studies.")
    ] = False,
) -> None:
    """Watch studies in the optuna-dashboard.

    Read-only, and only on this machine, unless options say otherwise. Everyone who reaches a proxy in
    front of it can read all studies: let the proxy ask for a login, or give --password-file.

    Example: warmboot dashboard

    Example: warmboot dashboard --allow-host hpo.lab.example
    """
    from search.dashboard import serve
    from search.storage.database import open_for_reading, open_for_work

    database = open_for_reading(address(storage))
    if allow_edit:
        database = open_for_work(address(storage))
    mode = "studies can be changed and deleted" if allow_edit else "read-only"
    console = talk()
    serve(
        database.rdb,
        host=host,
        port=port,
        allow_edit=allow_edit,
        password_file=password_file,
        allow_hosts=allow_host or (),
        on_ready=lambda url: tell(console, f"optuna-dashboard at {url} ({mode}); end it with Ctrl-C"),
    )
