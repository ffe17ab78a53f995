"""`warmboot data`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from search.cli.options import JsonOption, talk
from search.cli.terminal import show, tell
from search.errors import UsageError, nearest

if TYPE_CHECKING:
    from search.proxies.datasets import DataSet

NAME = "data"


def command(
    name: Annotated[str | None, typer.Argument(help="A data set; all are listed if left out.")] = None,
    to: Annotated[
        Path | None,
        typer.Option(
            "--to", help="Folder for its files. Default: one in your user cache, where it is found."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Get a data set of a built-in proxy, or list where each is.

    Its hashes are checked. $WARMBOOT_DATA_URL names another address to have it from.

    Example: warmboot data fashion-mnist
    """
    from search.proxies.datasets import DATA_SETS

    if name is None:
        if to is not None:
            raise UsageError("--to: name the data set, as in warmboot data fashion-mnist --to DIR.")
        _list(as_json)
        return
    if name not in DATA_SETS:
        raise UsageError(f"data set {name!r} is unknown; {nearest(name, DATA_SETS)}")
    folder = _got(DATA_SETS[name], to)
    if as_json:
        print(json.dumps({"name": name, "folder": str(folder)}))


def _list(as_json: bool) -> None:
    """Every data set with its place, on stdout."""
    from search.proxies.datasets import DATA_SETS, find

    places = {name: find(data_set) for name, data_set in DATA_SETS.items()}
    if as_json:
        rows = [
            {"name": name, "about": DATA_SETS[name].about, "folder": place and str(place.folder)}
            for name, place in places.items()
        ]
        print(json.dumps(rows))
        return
    for name, place in places.items():
        where = f"in {place.folder} ({place.kind})" if place else f"not here: {DATA_SETS[name].way_out}"
        show([f"{name}  {DATA_SETS[name].about}", f"{' ' * len(name)}  {where}"])


def _got(data_set: DataSet, to: Path | None) -> Path:
    """The folder that has the data set now."""
    from search.cli.download_bar import DownloadBar
    from search.proxies.datasets import cache_folder, find, read
    from search.proxies.fetching import fetch

    place = find(data_set, "" if to is None else str(to))
    if place is not None and _is_whole(data_set, place.folder):
        tell(talk(), f"{data_set.name} is in {place.folder} ({place.kind}) already.")
        return place.folder
    folder = cache_folder(data_set) if to is None else to.expanduser()
    console = talk()
    fetch(data_set, folder, bar=lambda file: DownloadBar(file, console))
    read(data_set, str(folder))
    named = "" if to is None else f'; a study uses it by proxy = {{ ..., data = "{folder}" }}'
    tell(console, f"{data_set.name} is in {folder} now{named}.")
    return folder


def _is_whole(data_set: DataSet, folder: Path) -> bool:
    from search.proxies.datasets import read

    try:
        read(data_set, str(folder))
    except UsageError:  # a part of it, or damaged: had again
        return False
    return True
