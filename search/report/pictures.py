"""Small pictures as SVG, for what shows HTML without scripts: a notebook, a note.

Lines have colours that stand out on white and on black alike (3 to 1 or more); words take the colour of the
text around them.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from search.results.candidate import Candidate

ANSWER, COMPARED = "#1098ad", "#e8590c"
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 12, 10, 26
_POINTS = 240


@dataclass(frozen=True)
class Line:
    """One curve: `lrs` are the lr of each step."""

    name: str
    lrs: NDArray[np.float64]
    colour: str
    dashed: bool = False


def schedules_svg(
    answer: Candidate,
    other: Candidate | None,
    total_steps: int,
    *,
    width: int = 520,
    height: int = 190,
    shown_width: int | None = None,
) -> str:
    """The lr of each step of the answer, and dashed of what it is compared with, on one scale.

    Args:
        answer: the schedule of the study.
        other: what it is compared with, if anything.
        total_steps: the horizon, in optimizer steps.
        width: in the unit of the words in it, which are 12 high; the picture shrinks with the page.
        height: in that unit.
        shown_width: in pixels, where the page has room; None: `width`.
    """
    lines = [Line("answer", answer.schedule.lr_table(total_steps), ANSWER)]
    alt = f"Learning rate over {total_steps} steps. Answer: {answer.describe()}."
    if other is not None:
        lines.insert(0, Line("compared with", other.schedule.lr_table(total_steps), COMPARED, dashed=True))
        alt += f" Compared with, dashed: {other.describe()}."
    return _svg(lines, total_steps, alt, (width, height), shown_width or width)


def _svg(lines: Sequence[Line], total_steps: int, alt: str, size: tuple[int, int], shown_width: int) -> str:
    width, height = size
    top = max(float(line.lrs.max()) for line in lines) or 1.0
    right, bottom = width - _RIGHT, height - _BOTTOM
    axes = (
        f'<path d="M{_LEFT} {_TOP}V{bottom}H{right}" fill="none" stroke="currentColor" stroke-opacity=".5"/>'
        f"{_word(_LEFT - 6, _TOP + 8, f'{top:.3g}', 'end')}{_word(_LEFT - 6, bottom, '0', 'end')}"
        f"{_word(_LEFT, height - 8, 'lr by step', 'start')}"
        f"{_word(right, height - 8, f'{total_steps:,}', 'end')}"
    )
    paths = "".join(_path(line, top, width, height) for line in lines)
    return (
        f'<svg role="img" aria-label="{html.escape(alt)}" viewBox="0 0 {width} {height}" '
        f'style="max-width:{shown_width}px;width:100%;height:auto" xmlns="http://www.w3.org/2000/svg">'
        f"<title>{html.escape(alt)}</title>{axes}{paths}</svg>"
    )


def _path(line: Line, top: float, width: int, height: int) -> str:
    n_steps = len(line.lrs)
    chosen = np.unique(np.linspace(0, n_steps - 1, min(_POINTS, n_steps)).round().astype(int))
    xs = _LEFT + (width - _RIGHT - _LEFT) * chosen / max(n_steps - 1, 1)
    ys = height - _BOTTOM - (height - _BOTTOM - _TOP) * line.lrs[chosen] / top
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(xs, ys, strict=True))
    dash = ' stroke-dasharray="6 4"' if line.dashed else ""
    return f'<polyline points="{points}" fill="none" stroke="{line.colour}" stroke-width="2"{dash}/>'


def _word(x: float, y: float, text: str, anchor: str) -> str:
    return (
        f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}" font-size="12" font-family="sans-serif" '
        f'fill="currentColor">{html.escape(text)}</text>'
    )
