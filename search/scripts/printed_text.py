"""`printed_text`: what a process has printed, as text that a database, a page and a terminal can hold."""

from __future__ import annotations

import re

# Colours, movements of the cursor, titles of windows.
_STEERING = re.compile(r"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\^_])")
# What else is no text, but for tabs and the ends of lines.
_NO_TEXT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufeff]")


def printed_text(data: bytes) -> str:
    r"""Decode UTF-8, and a line that is something else as Latin-1, in which every byte is a character.

    Terminal control sequences are left out: they would act on the terminal that shows the text. A carriage
    return alone stays, since progress bars overwrite themselves with it.

    >>> printed_text("\x1b[31mgroß\x1b[0m\r\n".encode() + "groß\x00\n".encode("latin-1"))
    'groß\ngroß\n'
    """
    text = "\n".join(_line(line) for line in data.replace(b"\r\n", b"\n").split(b"\n"))
    return _NO_TEXT.sub("", _STEERING.sub("", text))


def _line(line: bytes) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError:
        return line.decode("latin-1")
