"""Lines for a person: broken between words at the edge of a terminal, whole in a pipe or a file.

Text under a label stays under it, and a command that users may copy is never broken.
"""

from __future__ import annotations

import re
import sys
import textwrap
from collections.abc import Iterable
from typing import TYPE_CHECKING

from warmboot.checks import printable

if TYPE_CHECKING:
    from rich.console import Console

_LABELS = re.compile(r"(?:\S+ {2,}|^ {2,})+")
_COMMAND = re.compile(r"(?:(?<= {2})|(?<=: )|^)(?:warmboot|optuna|pip|python3?) \S.*$")
_NARROWEST = 20
"""Columns for what stands under a label; with fewer, labels are no reason to indent."""


def tell(console: Console, text: str) -> None:
    """Print lines on a console; names and values in them may be anybody's."""
    width = console.width if console.is_terminal else None
    console.print(fitted(printable(text), width), markup=False, soft_wrap=True)


def show(lines: Iterable[str]) -> None:
    """Print lines to stdout."""
    width = stdout_width()
    for line in lines:
        print(fitted(line, width))


def stdout_width() -> int | None:
    """Columns of the terminal that stdout is; None where it is none."""
    if not sys.stdout.isatty():
        return None
    from rich.console import Console

    return Console().width


def fitted(text: str, width: int | None) -> str:
    """The text with no line broken inside a word by a terminal of `width` columns; None: as it is.

    >>> print(fitted("answer    linear to 0, peak lr 0.1, restart at 50%", 32))
    answer    linear to 0, peak lr
              0.1, restart at 50%
    """
    if width is None:
        return text
    return "\n".join(part for line in text.split("\n") for part in _fitted(line, width))


def _fitted(line: str, width: int) -> list[str]:
    if len(line) <= width:
        return [line]
    indent = _indent(line, width)
    found = _COMMAND.search(line)
    if found is None:
        return _broken(line, width, indent)
    told, command = line[: found.start()], found.group()
    if len(told) <= len(indent):
        return [line]
    lines = _broken(told.rstrip(), width, indent)
    if len(lines[-1]) + 1 + len(command) <= width:
        return [*lines[:-1], f"{lines[-1]} {command}"]
    return [*lines, indent + command]


def _broken(line: str, width: int, indent: str) -> list[str]:
    """A line in parts; what stands before its text, a label, is left as it is."""
    head, text = line[: len(indent)], line[len(indent) :]
    parts = textwrap.wrap(
        text,
        width - len(indent),
        break_long_words=False,
        break_on_hyphens=False,
        drop_whitespace=True,
    )
    return [f"{head if i == 0 else indent}{part}" for i, part in enumerate(parts)] or [line.rstrip()]


def _indent(line: str, width: int) -> str:
    labels = _LABELS.match(line)
    length = len(labels.group()) if labels else 0
    return " " * (length if width - length >= _NARROWEST else 0)
