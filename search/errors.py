"""The two errors that are told in a line or two, and the form a list of problems takes."""

from __future__ import annotations

from collections.abc import Sequence

from warmboot.checks import nearest as nearest
from warmboot.checks import printable  # hints read alike in both packages

_LONGEST = 900


class Told(BaseException):
    """An error whose message says all: a notebook shows that, without the frames between."""

    def _render_traceback_(self) -> list[str]:  # IPython's way to ask
        lines = f"{type(self).__name__}: {self}".splitlines()
        return [*lines, *(line for note in getattr(self, "__notes__", ()) for line in note.splitlines())]


class UsageError(Told, ValueError):
    """The request can't be carried out as given; exit code 2. The message names the way out."""


class RunError(Told, RuntimeError):
    """The work itself failed; exit code 1."""


def problems_text(place: str, problems: Sequence[str]) -> str:
    """Several problems of one thing as one message.

    >>> print(problems_text("study.toml", ["seed: got -1; accepted is a whole number >= 0."]))
    study.toml has 1 problem:
      seed: got -1; accepted is a whole number >= 0.
    """
    count = f"{len(problems)} problem{'s' if len(problems) > 1 else ''}"
    return "\n".join([f"{place} has {count}:", *(f"  {_one_line(line)}" for line in problems)])


def _one_line(text: str) -> str:
    """A problem as one line of a bearable length, whatever names and values it quotes."""
    line = printable(text).replace("\n", "\\n")
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 3]}..."
