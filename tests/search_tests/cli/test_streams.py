"""What is printed, for readers that speak something else than this terminal."""

from __future__ import annotations

import io

import pytest

from search.cli.app import make_readable

TEXT = "größe ▁▂█ \udcff\n"  # the last is a byte of a file name that is no UTF-8


class Terminal(io.BytesIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_a_pipe_gets_utf8(encoding: str) -> None:
    file = io.BytesIO()
    stream = io.TextIOWrapper(file, encoding=encoding)
    make_readable(stream)
    stream.write(TEXT)
    stream.flush()
    assert file.getvalue() == "größe ▁▂█ \\udcff\n".encode()


def test_a_terminal_gets_what_it_can_show() -> None:
    file = Terminal()
    stream = io.TextIOWrapper(file, encoding="latin-1")
    make_readable(stream)
    stream.write(TEXT)
    stream.flush()
    assert file.getvalue() == "größe ??? ?\n".encode("latin-1")
