"""Ctrl-C on a real terminal on which something is drawn."""

from __future__ import annotations

import io
import os
import pty
import termios
from collections.abc import Iterator

import pytest

from search.cli.drawn_on import DrawnOn


@pytest.fixture
def terminal() -> Iterator[tuple[int, io.TextIOWrapper]]:
    """Its far end, and the stream of a program that writes to it."""
    far, near = pty.openpty()
    with os.fdopen(near, "w", encoding="utf-8") as stream:
        yield far, stream
    os.close(far)


def flags(stream: io.TextIOWrapper) -> tuple[bool, bool]:
    """Whether Ctrl-C is shown, and whether it discards what was not shown yet."""
    local = termios.tcgetattr(stream.fileno())[3]
    return bool(local & termios.ECHOCTL), not local & termios.NOFLSH


def test_ctrl_c_shows_nothing_and_discards_nothing(terminal: tuple[int, io.TextIOWrapper]) -> None:
    far, stream = terminal
    assert flags(stream) == (True, True)
    drawn_on = DrawnOn(stream)
    drawn_on.begin()
    assert flags(stream) == (False, False)
    stream.write("a border")
    stream.flush()
    os.write(far, b"\x03")
    shown = os.read(far, 100)
    assert b"a border" in shown
    assert b"^C" not in shown
    drawn_on.end()
    assert flags(stream) == (True, True)


def test_what_is_no_terminal_is_left_alone() -> None:
    drawn_on = DrawnOn(io.StringIO())
    drawn_on.begin()
    drawn_on.end()
