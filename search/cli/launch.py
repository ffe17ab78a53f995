"""`warmboot launch`."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from search.cli.options import JsonOption, StorageOption, address, storage_words, talk

NAME = "launch"


def command(
    study: Annotated[str, typer.Argument(help="A packaged study (char_lm, digits) or a study file (TOML).")],
    n_trials: Annotated[
        int | None,
        typer.Option("--n-trials", min=1, help="Trials in total, instead of the file's number."),
    ] = None,
    storage: StorageOption = None,
    workers: Annotated[
        int | None,
        typer.Option("--workers", min=1, max=512, help="Processes. Default: one a core on a CPU."),
    ] = None,
    device: Annotated[
        str, typer.Option("--device", help="cpu, cuda, cuda:1, mps. Default: the best there is.")
    ] = "auto",
    as_json: JsonOption = False,
) -> None:
    """Run a study here: create it, or go on where it was left.

    Example: warmboot launch char_lm
    """
    # torch and Optuna take seconds to import; --help and other commands should not
    from search.cli.launch_views import view_for
    from search.cli.snapshots import snapshot_json, summary_lines
    from search.launch.launch import LaunchOptions, launch

    console = talk()
    options = LaunchOptions(storage=address(storage), n_trials=n_trials, workers=workers, device=device)
    _, snapshot = launch(study, options, view_for(console))
    if as_json:
        print(json.dumps(snapshot_json(snapshot)))
    for line in summary_lines(snapshot, storage_words(storage)):
        console.print(line, markup=False)
