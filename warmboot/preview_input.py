"""From a file of anybody's to a `View`: all that `warmboot export` writes, and more.

What a file holds is told by its name or its beginning: `.toml`, text with a line `format = ...` and a
JSON object with a `format` are schedule files, a JSON array and other text are numbers, one for each
step, a JSON object with `epochs` are arguments of `CosineAnnealingWarmbootingLR`. Of Python, which is
read and never run, it takes what the exporters write: a formula, a table, or those arguments. A file
is read once, so that it may be a pipe.
"""

import math
import os
import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, NoReturn

import numpy as np

from warmboot.cawb_file import (
    CawbFile,
    cawb_from_json,
    cawb_from_python,
    is_cawb_json,
)
from warmboot.cawb_loop import lf_of, lrs_in_loop
from warmboot.checks import number_problem, show
from warmboot.errors import ScheduleFileError
from warmboot.exporters.python_parts import EXPORT_BEGINS
from warmboot.json_objects import load_json
from warmboot.lints import Finding, Level
from warmboot.preview import View, view_of, view_of_numbers
from warmboot.python_export import PythonExport, formula_from_python, holds_formula
from warmboot.python_source import parsed_python
from warmboot.schedule_document import parse
from warmboot.schedule_file import LARGEST_FILE_BYTES
from warmboot.schedule_record import ScheduleFile
from warmboot.segmentation import segment
from warmboot.text_file import read_text

EXAMPLE_STEPS = 1000
_LARGEST_BYTES = 300_000_000
_MOST_PROBLEMS = 20
_TOML_FORMAT = re.compile(r"^[ \t]*format[ \t]*=", re.MULTILINE)


def read_view(
    path: str | os.PathLike[str],
    *,
    total_steps: int | None = None,
    peak: float | None = None,
    floor: float | None = None,
) -> View:
    """What there is to see of the file at `path`.

    Args:
        path: the file.
        total_steps: for a schedule or an exported formula, the horizon; its own if left out, 1000 if it
            has none.
        peak: for a list of numbers, the highest value that was meant, to find a skipped peak.
        floor: for a list of numbers, the value meant for its end, to find a floor never trained.

    Raises:
        ScheduleFileError: a `ValueError` with all that is wrong with the content, or if an argument
            says something about another kind of file.
        ScheduleError: if the horizon has no room for the schedule.
        OSError: if the file can't be opened.
    """
    path = Path(path)
    content = _content(path, read_text(path, largest_bytes=_LARGEST_BYTES))
    if isinstance(content, ScheduleFile | PythonExport):
        if peak is not None or floor is not None:
            _refuse(path, "a peak and a floor are for lists of numbers; a schedule has its own")
        horizon = _own_horizon(content) if total_steps is None else total_steps
        return view_of(content.schedule, horizon)
    if total_steps is not None:
        what = "has arguments" if isinstance(content, CawbFile) else f"is a table of {len(content)} numbers"
        _refuse(path, f"--total-steps is for schedules and formulas; this {what}, and its own length")
    if isinstance(content, CawbFile):
        if peak is not None or floor is not None:
            _refuse(path, "a peak and a floor are for lists of numbers; CAWB arguments have their own")
        return view_of_cawb(content)
    numbers = _checked_numbers(path, content)
    levels = _levels_of_numbers(numbers, peak, floor, str(path))
    unit = "value" if isinstance(content, list) else "factor"
    return view_of_numbers(numbers, title=f"{path.name}: numbers", unit=unit, levels=levels)


def view_of_cawb(file: CawbFile) -> View:
    """The factors that the class sets in its loop, held to the peaks and floors it is asked for."""
    arguments = dict(file.arguments)
    inside = [step for step in arguments["steps"] if arguments["warmup_epoch"] < step < arguments["epochs"]]
    dropped = [step for step in arguments["steps"] if step not in inside]
    findings = []
    if dropped:
        words = f"steps {dropped} do not lie between the warm-up's end and the last epoch: they are dropped"
        findings.append(Finding("dropped_restart", 0, words))
    arguments["steps"] = sorted(inside)
    lf = None if file.lf is None else lf_of(file.lf)
    factors = lrs_in_loop(arguments, lf)
    floor = arguments["eta_min"] if file.lf is None else file.lf.eta_min
    return view_of_numbers(
        factors,
        title=f"CAWB arguments: {arguments['epochs']} epochs of {arguments['batchs']} batches",
        unit="factor",
        levels=_levels_of_cawb(arguments, floor),
        findings=findings,
    )


def _own_horizon(content: ScheduleFile | PythonExport) -> int:
    if isinstance(content, PythonExport):
        return content.total_steps or EXAMPLE_STEPS
    return EXAMPLE_STEPS if content.horizon is None else content.horizon.total_steps


def _content(path: Path, text: str) -> ScheduleFile | PythonExport | CawbFile | Sequence[object]:
    """A schedule, arguments, or entries not checked yet: a list of anybody's, a tuple of an export's."""
    if path.suffix.lower() == ".toml":
        return _schedule_file(path, text, "toml")
    if path.suffix.lower() == ".py" or text.startswith(EXPORT_BEGINS):
        return _of_python(path, text)
    if path.suffix.lower() != ".json" and _TOML_FORMAT.search(text, 0, LARGEST_FILE_BYTES):
        return _schedule_file(path, text, "toml")
    start = text.lstrip()[:1]
    if start not in ("[", "{"):
        if path.suffix.lower() == ".json":
            return _schedule_file(path, text, "json")  # which says what is missing
        return text.split()
    try:
        value, problems = load_json(text)
    except (ValueError, RecursionError) as error:
        if start == "{":
            return _schedule_file(path, text, "json")
        raise ScheduleFileError(str(path), [f"is no JSON: {error}"]) from None
    if isinstance(value, dict) and not is_cawb_json(value):
        return _schedule_file(path, text, "json")
    if problems:
        raise ScheduleFileError(str(path), problems[:_MOST_PROBLEMS])
    return cawb_from_json(value, str(path)) if isinstance(value, dict) else list(value)


def _schedule_file(path: Path, text: str, format_: Literal["json", "toml"]) -> ScheduleFile:
    if len(text) > LARGEST_FILE_BYTES:
        _refuse(path, f"is larger than {LARGEST_FILE_BYTES:,} bytes, which no schedule file is")
    return parse(text, str(path), format_)


def _of_python(path: Path, text: str) -> PythonExport | CawbFile | Sequence[object]:
    module = parsed_python(text, str(path))
    if holds_formula(module):
        return formula_from_python(module, text, str(path))
    found = cawb_from_python(text, str(path))
    return found if isinstance(found, CawbFile) else tuple(found)


def _checked_numbers(path: Path, entries: Sequence[object]) -> list[float]:
    """Each entry, text of plain files included, as a finite number that is not below 0."""
    numbers: list[float] = []
    problems: list[str] = []
    for i, entry in enumerate(entries, start=1):
        value = _number(entry)
        problem = number_problem(f"entry {i}", value)
        if problem is None and isinstance(value, int | float) and value >= 0:
            numbers.append(float(value))
        elif len(problems) < _MOST_PROBLEMS:
            problems.append(problem or f"entry {i} must be at least 0 but got {show(value)}")
    if not entries:
        problems = ["holds no numbers; accepted is one for each step, one a line or a JSON array"]
    if problems:
        raise ScheduleFileError(str(path), problems)
    return numbers


def _number(entry: object) -> object:
    if not isinstance(entry, str):
        return entry
    try:
        return float(entry)
    except ValueError:
        return entry


def _levels_of_numbers(
    numbers: Sequence[float], peak: float | None, floor: float | None, subject: str
) -> list[Level]:
    given = {"peak": peak, "floor": floor}
    problems = [number_problem(name, value) for name, value in given.items() if value is not None]
    if any(problems):
        raise ScheduleFileError(subject, [problem for problem in problems if problem is not None])
    end, highest = len(numbers), max(numbers)
    levels = []
    if peak is not None:
        levels.append(Level("peak", "the peak", peak, peak, 0, end))
    if floor is not None:
        past_warmup = segment(np.asarray(numbers)).warmup_end  # which may pass the floor on its way
        levels.append(Level("floor", "the floor", floor, peak or highest, past_warmup, end))
    return levels


def _levels_of_cawb(arguments: Mapping[str, Any], floor: float) -> list[Level]:
    """Peak and floor of each cycle, over the steps of the epochs that belong to it.

    Epoch `e` is trained at number `e - 1`: a cycle from boundary `a` to `b` has the epochs above
    `a + 1`, the first cycle all from warm-up's end, and the last what is left.
    """
    boundaries = [arguments["warmup_epoch"], *arguments["steps"], arguments["epochs"]]
    batches, total_steps = arguments["batchs"], arguments["epochs"] * arguments["batchs"]
    levels, peak = [], 1.0
    for i, (start, end) in enumerate(pairwise(boundaries)):
        first = (start if i == 0 else math.floor(start) + 2) * batches
        stop = min((math.floor(end) + 2) * batches, total_steps)
        words = f"of cycle {i + 1}"
        levels.append(Level("peak", f"the peak {words}", peak, peak, min(first, stop), stop))
        levels.append(Level("floor", f"the floor {words}", floor * peak, peak, min(first, stop), stop))
        peak *= arguments["step_scale"]
    return levels


def _refuse(path: Path, rule: str) -> NoReturn:
    raise ScheduleFileError(str(path), [rule])
