"""Questions about one value, asked alike by every reader: each answer is a problem or nothing.

A bool is not a number here, and neither is a string that looks like one.
"""

import difflib
import math
from collections.abc import Iterable
from numbers import Integral, Real
from typing import TypeGuard


def is_integer(value: object) -> TypeGuard[int]:
    """Whether `value` counts something; numpy's integers do as well, its bools are no numbers of any kind."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def number_problem(name: str, value: object) -> str | None:
    """Why `value` is not a finite number, or None."""
    if isinstance(value, bool) or not isinstance(value, Real):
        return f"{name} must be a number but got {value!r} ({type(value).__name__})"
    try:
        finite = math.isfinite(value)
    except OverflowError:
        finite = False
    return None if finite else f"{name} must be finite but got {show(value)}"


def integer_problem(name: str, value: object, *, at_least: int) -> str | None:
    """Why `value` is not an integer of `at_least` or more, or None."""
    if not is_integer(value):
        return f"{name} must be an integer but got {show(value)} ({type(value).__name__})"
    if value < at_least:
        return f"{name} must be at least {at_least} but got {show(value)}"
    return None


def show(value: object, longest: int = 60) -> str:
    """`repr` cut to a length that fits an error message."""
    try:
        text = repr(value)
    except ValueError:  # an int of thousands of digits has no repr
        text = f"a huge {type(value).__name__}"
    return text if len(text) <= longest else text[: longest - 3] + "..."


def printable(text: str) -> str:
    r"""Text from others as a terminal may show it: control characters, which could move its cursor or clear
    it, are written out.

    >>> print(printable("a\x1b[2Jb"))
    a\x1b[2Jb
    """
    return "".join(c if c in "\n\t" or c.isprintable() else repr(c)[1:-1] for c in text)


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint for a name that is not among the known ones: those nearest to it, or what there is.

    >>> nearest("char_lmm", ["char_lm", "digits"])
    'did you mean char_lm?'
    >>> nearest("x", ["char_lm", "digits"])
    'there are: char_lm, digits.'
    >>> nearest("x", [])
    'there are none yet.'
    """
    known = sorted(known)
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.6)
    if near:
        return f"did you mean {', '.join(near)}?"
    return f"there are: {', '.join(known[:12])}." if known else "there are none yet."


def as_float(value: object) -> float:
    """A checked number as a float; minus zero becomes zero, which is what a file gives back."""
    return float(value) + 0.0  # type: ignore[arg-type]
