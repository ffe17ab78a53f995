"""Pieces of Markdown, as optuna-dashboard shows it: tables and code are, HTML and pictures are not."""

from __future__ import annotations

import re
from collections.abc import Sequence


def code(text: str) -> str:
    """A block that is shown as it is.

    >>> print(code("a b"))
    ```
    a b
    ```
    """
    # No run of backticks inside may end the block: what follows would be read as Markdown.
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{text}\n{fence}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table.

    >>> print(table(["a", "b"], [["1", "2|3"]]))
    | a | b |
    | --- | --- |
    | 1 | 2\\|3 |
    """
    return "\n".join(_row(row) for row in (head, ["---"] * len(head), *rows))


def plain(text: str) -> str:
    """A text of which nothing is read as Markdown.

    >>> plain("2 * 3 of <my_study>")
    '2 \\\\* 3 of \\\\<my\\\\_study\\\\>'
    """
    return re.sub(r"([\\`*_\[\]<>#~])", r"\\\1", text)


def _row(cells: Sequence[str]) -> str:
    words = [cell.replace("|", "\\|").replace("\n", " ") for cell in cells]
    return f"| {' | '.join(words)} |"
