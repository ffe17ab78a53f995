"""The strict reader of arguments for `CosineAnnealingWarmbootingLR`: a JSON object, or an exported file.

Nothing in a file is run. Of Python it takes what the exporter writes: `ARGUMENTS = dict(...)` of
literal values, with `lf=lf` where the file's `lf` is one of the exporter's own; or the `FACTORS` of
an export that became a table.
"""

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from warmboot.built_in_curves import BUILT_IN, Polynomial
from warmboot.checks import integer_problem, number_problem, show
from warmboot.curves import curve_from_name
from warmboot.errors import ScheduleFileError
from warmboot.exporters.cawb_arguments import lf_source
from warmboot.python_source import assigned, literal, parsed_python, rebound
from warmboot.schedule import WarmbootSchedule

_DEFAULTS: dict[str, Any] = {
    "eta_min": 0.05,
    "steps": [],
    "step_scale": 0.8,
    "warmup_epoch": 0,
    "epoch_scale": 1.0,
}
_LEAST_COUNTS = {"epochs": 1, "batchs": 1, "warmup_epoch": 0}
_MOST_STEPS = 10_000_000
_NUMBER = r"(\d[\d.e+-]*)"


@dataclass(frozen=True)
class CawbFile:
    """Checked arguments, the defaults filled in."""

    arguments: Mapping[str, Any]
    lf: WarmbootSchedule | None = None
    """Whose hold, curve and floor the file's `lf` has; None for the class's own cosine."""


def cawb_from_json(document: Mapping[str, object], subject: str) -> CawbFile:
    """The arguments in a JSON object.

    Raises:
        ScheduleFileError: with everything that is wrong with them.
    """
    return CawbFile(_checked(document, subject))


def is_cawb_json(document: object) -> bool:
    """Whether a JSON value is meant as arguments, and not as a schedule file."""
    return isinstance(document, dict) and "format" not in document and "epochs" in document


def cawb_from_python(text: str, subject: str) -> CawbFile | list[object]:
    """The arguments in an exported file, or its `FACTORS` where it became a table (not checked yet).

    Raises:
        ScheduleFileError: if the file is another, or an argument is wrong.
    """
    module = parsed_python(text, subject)
    found = assigned(module)
    if twice := rebound(module, ("FACTORS", "ARGUMENTS", "lf")):
        rule = f"binds {' and '.join(twice)} more than once: what is run need not be what is written there"
        raise ScheduleFileError(subject, [f"{rule}; export it again"])
    if isinstance(found.get("FACTORS"), ast.List):
        numbers = _literal("FACTORS", found["FACTORS"], subject)
        return list(numbers)
    call = found.get("ARGUMENTS")
    if not (isinstance(call, ast.Call) and ast.unparse(call.func) == "dict" and not call.args):
        rule = (
            "has neither ARGUMENTS = dict(...) nor FACTORS = [...] nor a formula, as `warmboot export` writes"
        )
        raise ScheduleFileError(subject, [f"{rule}; other Python isn't read, since that would run it"])
    arguments, lf = {}, None
    for keyword in call.keywords:
        if keyword.arg == "lf":
            lf = _lf(module, subject)
        else:
            arguments[str(keyword.arg)] = _literal(str(keyword.arg), keyword.value, subject)
    return CawbFile(_checked(arguments, subject), lf)


def _literal(name: str, node: ast.expr, subject: str) -> Any:
    try:
        return literal(name, node)
    except ValueError as error:
        raise ScheduleFileError(subject, [str(error)]) from None


def _lf(module: ast.Module, subject: str) -> WarmbootSchedule:
    """The schedule whose export has this very `lf`."""
    functions = [node for node in module.body if isinstance(node, ast.FunctionDef) and node.name == "lf"]
    source = ast.unparse(functions[0]) if len(functions) == 1 else ""
    for name in BUILT_IN:
        candidate = _candidate(name, source)
        if candidate is not None and ast.unparse(ast.parse(lf_source(candidate)).body[-1]) == source:
            return candidate
    rule = "lf is not one that warmboot's export writes, and other functions are not run"
    raise ScheduleFileError(subject, [f"{rule}; preview the list of its numbers instead"])


def _candidate(name: str, source: str) -> WarmbootSchedule | None:
    """The schedule of that curve with the numbers in the source."""
    hold = re.search(rf"x - {_NUMBER}\)", source)
    floor = re.search(rf"return {_NUMBER} \+ ", source)
    power = re.search(rf"\(1 - x\) \*\* {_NUMBER}", source)
    if hold is None or floor is None or (power is None and name == Polynomial.name):
        return None
    parameters = {"power": power[1]} if name == Polynomial.name and power is not None else {}
    try:
        curve = curve_from_name(name, {key: float(number) for key, number in parameters.items()})
        return WarmbootSchedule(hold=float(hold[1]), eta_min=float(floor[1]), curve=curve)
    except ValueError:  # a number that no schedule has, or none at all
        return None


def _checked(given: Mapping[str, Any], subject: str) -> dict[str, Any]:
    """All arguments by name, or a `ScheduleFileError` with all problems."""
    names = ("epochs", "batchs", *_DEFAULTS)
    problems = [f"unknown argument {show(name)}; known: {', '.join(names)}" for name in given.keys() - names]
    problems += [f"needs {name}" for name in ("epochs", "batchs") if name not in given]
    arguments = {name: given.get(name, _DEFAULTS.get(name, 1)) for name in names}
    for name, value in arguments.items():
        if name in _LEAST_COUNTS:
            problem = integer_problem(name, value, at_least=_LEAST_COUNTS[name])
            problems += [problem] if problem else []
        else:
            problems += _number_problems(name, value)
    if not problems and arguments["epochs"] * arguments["batchs"] > _MOST_STEPS:
        problems.append(f"epochs times batchs must be at most {_MOST_STEPS:,}")
    if problems:
        raise ScheduleFileError(subject, sorted(problems))
    return arguments


def _number_problems(name: str, value: Any) -> list[str]:
    if name == "steps" and not isinstance(value, list | tuple):
        return [f"steps must be a list of epochs but is {show(value)}"]
    numbers = dict(enumerate(value)) if isinstance(value, list | tuple) and name == "steps" else {-1: value}
    found = (number_problem(name if i < 0 else f"{name}[{i}]", number) for i, number in numbers.items())
    problems = [problem for problem in found if problem is not None]
    if not problems and name in ("eta_min", "step_scale") and float(value) < 0.0:
        problems.append(f"{name} must be at least 0 but got {show(value)}")
    return problems
