"""Numbers over steps as block characters: a drawing for a terminal, a sparkline for a line of text."""

from collections.abc import Sequence

import numpy as np

from warmboot.checks import integer_problem
from warmboot.curves import FloatArray
from warmboot.errors import ScheduleError
from warmboot.segmentation import checked_values

_EIGHTHS = " ▁▂▃▄▅▆▇█"


def draw(values: Sequence[float] | FloatArray, *, width: int = 72, height: int = 12) -> str:
    """A drawing of numbers over steps with block characters; `width x height` without its axes."""
    _check_size(width=width, height=height)
    columns = _columns(values, width)
    top = float(columns.max()) or 1.0
    labels = [f"{top:.4g}", *[""] * (height - 2), *(["0"] if height > 1 else [])]
    margin = max(map(len, labels)) + 1
    lines = [
        f"{label:>{margin}} {'┤' if label else '│'}{_row(columns / top, row, height)}".rstrip()
        for row, label in zip(range(height - 1, -1, -1), labels, strict=True)
    ]
    lines.append(f"{'':>{margin}} └ step 0 ... step {len(values) - 1}")
    return "\n".join(lines)


def sparkline(values: Sequence[float] | FloatArray, width: int = 16) -> str:
    """A drawing one character high, for tables and progress lines.

    >>> sparkline([0.0, 0.25, 0.5, 1.0], 4)
    ' ▂▄█'
    """
    _check_size(width=width)
    columns = _columns(values, width)
    return _row(columns / (float(columns.max()) or 1.0), 0, 1)


def _columns(values: Sequence[float] | FloatArray, width: int) -> FloatArray:
    """The highest value in each of `width` equal parts, so that no peak is lost, `[width]`."""
    array = checked_values("preview", values)
    edges = np.linspace(0, array.size, width + 1)
    starts = np.minimum(np.floor(edges[:-1]).astype(int), array.size - 1)
    stops = np.maximum(np.ceil(edges[1:]).astype(int), starts + 1)
    return np.array([array[a:b].max() for a, b in zip(starts, stops, strict=True)])


def _row(heights: FloatArray, row: int, rows: int) -> str:
    """Row `row` from below of columns whose heights are in [0, 1]."""
    eighths = np.rint(heights * rows * 8).astype(int) - 8 * row
    return "".join(_EIGHTHS[min(max(eighth, 0), 8)] for eighth in eighths)


def _check_size(**sizes: int) -> None:
    problems = [integer_problem(name, size, at_least=1) for name, size in sizes.items()]
    wrong = [problem for problem in problems if problem is not None]
    if wrong:
        raise ScheduleError("preview", wrong)
