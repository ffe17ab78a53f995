"""`warmboot preview`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from search.cli.options import JsonOption
from search.errors import RunError, UsageError

if TYPE_CHECKING:
    from warmboot.preview import View

NAME = "preview"


def command(
    file: Annotated[
        Path,
        typer.Argument(
            help="A schedule file, or anything else that `warmboot export` writes; numbers, one per line or "
            "a JSON array; CAWB arguments as a JSON object; - for standard input."
        ),
    ],
    total_steps: Annotated[
        int | None, typer.Option("--total-steps", min=1, help="Draw a schedule for this horizon.")
    ] = None,
    peak: Annotated[float | None, typer.Option("--peak", help="Intended peak of a list of numbers.")] = None,
    floor: Annotated[
        float | None, typer.Option("--floor", help="Intended floor of a list of numbers.")
    ] = None,
    png: Annotated[Path | None, typer.Option("--png", help="Draw it into this file as well.")] = None,
    json: JsonOption = False,
    width: Annotated[int, typer.Option("--width", min=10, max=500)] = 72,
    height: Annotated[int, typer.Option("--height", min=2, max=100)] = 12,
) -> None:
    """Draw a schedule in the terminal.

    With the lr at important steps, and warnings of what looks wrong.

    Example: warmboot preview schedule.json --png schedule.png
    """
    from warmboot.preview import view_json, view_text
    from warmboot.preview_input import read_view

    if str(file) == "-":
        file = Path("/dev/stdin")
    if not file.exists():
        raise UsageError(f"{file}: no such file.")
    view = read_view(file, total_steps=total_steps, peak=peak, floor=floor)
    if png is not None:
        _write_png(view, png)
    print(view_json(view) if json else view_text(view, width=width, height=height))


def _write_png(view: View, png: Path) -> None:
    from warmboot.preview_png import write_png

    try:
        write_png(view, png)
    except (ImportError, FileNotFoundError, PermissionError, IsADirectoryError) as error:
        words = error.strerror if isinstance(error, OSError) else error
        raise UsageError(f"--png {png}: {words}.") from error
    except OSError as error:
        raise RunError(f"--png {png}: can't be written ({error.strerror}).") from error
