"""An extension of griffe: doctests of docstrings become code blocks, which Markdown takes for quotations."""

from __future__ import annotations

import re
from typing import Any

from griffe import Extension, Object

_DOCTEST = re.compile(r"(?m)^>>> .*\n?(?:^(?!\s*$).*\n?)*")


def fenced(text: str) -> str:
    """The text with a fence around each doctest, which ends at an empty line.

    >>> fenced(">>> 1 + 1\\n2\\n\\nMore.")
    '```pycon\\n>>> 1 + 1\\n2\\n```\\n\\nMore.'
    """
    return _DOCTEST.sub(lambda found: f"```pycon\n{found[0].rstrip()}\n```\n", text)


class Doctests(Extension):
    """Changes each docstring as it is read."""

    def on_object(self, *, obj: Object, **_: Any) -> None:
        if obj.docstring is not None:
            obj.docstring.value = fenced(obj.docstring.value)
