"""How a command is cut into words: one way for filling it in, showing it, and reading what it names."""

from __future__ import annotations

import shlex


def command_words(command: str) -> list[str]:
    r"""The words as a shell would see them; a backslash at the end of a line joins it to the next.

    Raises:
        ValueError: a quotation mark is never closed, or nothing follows a backslash.

    >>> command_words("python \\\ntrain.py --note 'a b'")
    ['python', 'train.py', '--note', 'a b']
    """
    return shlex.split(command.replace("\\\n", " "))
