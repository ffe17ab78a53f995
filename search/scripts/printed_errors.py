"""Which error a failed training printed, among all else that it and its launcher print.

What was printed last is seldom the error: torchrun prints a table under a ruler, hooks print hints, other
ranks print what they suffered from the first. What Python prints of an error has a form, and is looked for.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass

LONGEST_LINE = 500
_HEADER = re.compile(r"(?:Original )?Traceback \(most recent call last\):$")
_RANK = re.compile(r"^(?:\[[\w:.\- ]{1,40}\]:? ?)+")
"""Prefix of torchrun and others before each line of a process: `[rank0]: `."""
_CHAINED = ("During handling of the above exception", "direct cause of the following exception")
_LAUNCHERS = re.compile(
    r"\b(?:ChildFailedError|ProcessRaisedException|ProcessExitedException|SignalException)\b"
    r"|^subprocess\.CalledProcessError\b"
)
"""Errors of what starts a training, which only say that it failed."""
_NAMES_AN_ERROR = re.compile(
    r"(?:^|[\s\]])(?:[\w.]*(?:Error|Exception)\b.*|(?:fatal|error)\b ?:.*)", re.IGNORECASE
)
_SIGNAL = re.compile(r"traceback\s*:\s*(Signal \d+ \(\w+\)) received")
_NO_WORDS = re.compile(r"^[\W_]*$")


@dataclass(frozen=True)
class PrintedError:
    """An error in what was printed."""

    line: str
    """The error in one line."""
    text: str
    """All that was printed of it."""


def printed_error(output: str) -> PrintedError | None:
    """The first traceback that is not a launcher's, else a launcher's, else the last line naming an error.

    None where nothing was printed, or no words.

    >>> printed_error("Traceback (most recent call last):\\n  File 'a'\\nKeyError: 'x'\\nSee the docs").line
    "KeyError: 'x'"
    >>> printed_error("train.py: error: unknown option\\n=====\\nbye").line
    'train.py: error: unknown option'
    """
    found = _tracebacks(output.splitlines())
    own = [error for error in found if not _LAUNCHERS.search(error.line)]
    if own:
        return own[0]
    signal = _SIGNAL.search(output)
    if signal is not None and found:
        return PrintedError(f"a process of it was ended: {signal[1]}", found[0].text)
    return found[0] if found else _plain_error(output)


def error_line(traceback_text: str) -> str:
    """The error of a traceback as Python formats it, in a line."""
    found = printed_error(traceback_text)
    return "" if found is None else found.line


def _tracebacks(lines: list[str]) -> list[PrintedError]:
    """The errors of all tracebacks, in their order; lines of other ranks may lie between those of one."""
    streams: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for number, line in enumerate(lines):
        found = _RANK.match(line)
        rank = "" if found is None else found[0]
        streams[rank].append((number, line[len(rank) :]))
    errors = [error for stream in streams.values() for error in _errors_of(stream)]
    return [error for _, error in sorted(errors, key=lambda numbered: numbered[0])]


def _errors_of(stream: list[tuple[int, str]]) -> list[tuple[int, PrintedError]]:
    """Of the lines of one process, numbered. Of several tracebacks that belong together (raised while another
    error was handled, or carried over from another process) the last counts."""
    texts = [text for _, text in stream]
    errors: list[tuple[int, PrintedError]] = []
    begin = end = -1
    for head in (i for i, text in enumerate(texts) if _HEADER.match(text) and not _is_ignored(texts, i)):
        joined = begin >= 0 and _belong_together(texts, end, head)
        begin = begin if joined else head
        at = next((i for i in range(head + 1, len(texts)) if texts[i][:1].strip()), None)
        if at is None:  # torn off
            break
        line, end = _with_detail(texts, at)
        error = PrintedError(line[:LONGEST_LINE], "\n".join(texts[begin : end + 1]))
        errors = [*(errors[:-1] if joined else errors), (stream[begin][0], error)]
    return errors


def _with_detail(texts: list[str], at: int) -> tuple[str, int]:
    """The line of an error, with the next where it ends in a colon; and the number of the last."""
    line = texts[at].strip()
    after = texts[at + 1].strip() if at + 1 < len(texts) else ""
    if line.endswith(":") and after and not _HEADER.match(after):
        return f"{line} {after}", at + 1
    return line, at


def _belong_together(texts: list[str], end: int, head: int) -> bool:
    between = "\n".join(texts[end + 1 : head])
    return texts[head].startswith("Original") or any(words in between for words in _CHAINED)


def _is_ignored(lines: list[str], at: int) -> bool:
    """Python itself says of some errors that they change nothing."""
    return at > 0 and "Exception ignored in" in lines[at - 1]


def _plain_error(output: str) -> PrintedError | None:
    lines = [line.strip() for line in output.splitlines() if not _NO_WORDS.match(line)]
    named = [line for line in lines if _NAMES_AN_ERROR.search(line)]
    line = (named or lines or [""])[-1][:LONGEST_LINE]
    return PrintedError(line, line) if line else None
