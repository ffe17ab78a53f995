"""How far a long piece of work is: a line kept current in a terminal, a line now and then everywhere else."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

from search.cli.terminal import tell
from search.messages import Say

EVERY_SECONDS = 5.0
"""Between two lines in a log or a pipe."""


def can_be_drawn_on(console: Console) -> bool:
    """Whether it is a terminal on which something can be kept current in place."""
    return console.is_terminal and not console.is_dumb_terminal


@contextmanager
def how_far_shown(console: Console) -> Iterator[Say]:
    """What to call, as often as one likes, with how far the work is."""
    if can_be_drawn_on(console):
        with console.status("") as status:
            yield status.update
    else:
        yield now_and_then(lambda text: tell(console, text))


def now_and_then(say: Say, *, every_seconds: float = EVERY_SECONDS) -> Say:
    """Says the first text at once, and later ones when the last said is old enough; others are left out."""
    next_at = float("-inf")

    def told(text: str) -> None:
        nonlocal next_at
        if time.monotonic() >= next_at:
            say(text)
            next_at = time.monotonic() + every_seconds

    return told
