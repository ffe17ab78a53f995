"""Ctrl-C on a real terminal on which something is drawn."""

from __future__ import annotations

import io
import os
import pty
import signal
import termios
import threading
from collections.abc import Iterator

import pytest

from search.cli.drawn_on import DrawnOn, undisturbed


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


class Ended(Exception):
    """What the command's own handlers raise."""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_waits_until_what_is_drawn_is_whole(number: signal.Signals) -> None:
    def end(_number: int, _frame: object) -> None:
        raise Ended

    drawn = []

    def draw() -> None:
        with undisturbed():
            signal.raise_signal(number)
            drawn.append("the rest")

    before = signal.signal(number, end)
    try:
        with pytest.raises(Ended, match=r"^$"):
            draw()
        assert drawn == ["the rest"]
        with pytest.raises(Ended, match=r"^$"):
            signal.raise_signal(number)
    finally:
        signal.signal(number, before)


def test_a_signal_that_is_ignored_stays_so() -> None:
    """As under nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with undisturbed():
            signal.raise_signal(signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_in_another_thread_nothing_is_held_back() -> None:
    entered = []

    def draw() -> None:
        with undisturbed():
            entered.append(True)

    thread = threading.Thread(target=draw)
    thread.start()
    thread.join()
    assert entered == [True]


def test_what_is_no_terminal_is_left_alone() -> None:
    drawn_on = DrawnOn(io.StringIO())
    drawn_on.begin()
    drawn_on.end()
