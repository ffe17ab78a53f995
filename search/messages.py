"""Messages to people during long work, and the command that continues it."""

from __future__ import annotations

import shlex
from collections.abc import Callable

Say = Callable[[str], None]
"""Tells a person one line."""


def next_command(command: str, subject: str, *options: str) -> str:
    """A whole command line: `subject` is the study or file, `options` the words after it.

    A subject that looks like an option stands at the end, after `--`.

    >>> next_command("verdict", "my study", "--storage", "sqlite:///a b.db")
    "warmboot verdict 'my study' --storage 'sqlite:///a b.db'"
    >>> next_command("export", "-x", "-o", "schedule.json")
    'warmboot export -o schedule.json -- -x'
    """
    if subject.startswith("-"):
        return shlex.join(["warmboot", command, *options, "--", subject])
    return shlex.join(["warmboot", command, subject, *options])
