"""`warmboot preview`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from search.errors import UsageError
from warmboot.preview import draw, preview
from warmboot.schedule_file import read

NAME = "preview"
_EXAMPLE_STEPS = 1000


def command(
    file: Annotated[Path, typer.Argument(help="A schedule file, or a list of numbers (.txt).")],
    total_steps: Annotated[
        int | None, typer.Option("--total-steps", help="Draw it for this horizon.")
    ] = None,
    width: Annotated[int, typer.Option("--width", min=10, max=500)] = 72,
    height: Annotated[int, typer.Option("--height", min=2, max=100)] = 12,
) -> None:
    """Draw a schedule in the terminal, with the lr at the points that matter.

    Example: warmboot preview schedule.json
    """
    if not file.exists():
        raise UsageError(f"{file}: no such file.")
    if file.suffix == ".txt":
        print(draw(_numbers(file), width=width, height=height))
        return
    content = read(file)
    steps = total_steps
    if steps is None:
        steps = content.horizon.total_steps if content.horizon is not None else _EXAMPLE_STEPS
    print(preview(content.schedule, steps, width=width, height=height))


def _numbers(file: Path) -> list[float]:
    """One number a line, as `warmboot export --format numbers` writes them."""
    values: list[float] = []
    problems: list[str] = []
    for i, line in enumerate(file.read_text(encoding="utf-8").split(), start=1):
        try:
            values.append(float(line))
        except ValueError:
            problems.append(f"{file}: entry {i} is {line[:40]!r}; accepted is a number a line.")
    if problems or not values:
        raise UsageError("\n".join(problems[:20]) or f"{file}: holds no numbers.")
    return values
