"""The reader of exported Python files: the schedule back from the formula in one, without running it.

An exported file has its numbers as constants, the curve as an expression, and the formula as a
function that is the same in all of them. So the schedule is put together again from the constants,
and believed only if the exporter, asked for it, writes the very functions that stand in the file.
"""

import ast
import math
import re
from itertools import pairwise
from typing import Any, NamedTuple

from warmboot.built_in_curves import BUILT_IN, Polynomial
from warmboot.curves import curve_from_name
from warmboot.errors import ScheduleError, ScheduleFileError
from warmboot.exporters import to_optax, to_torch_script
from warmboot.python_source import assigned, literal, rebound
from warmboot.schedule import WarmbootSchedule
from warmboot.schedule_checks import peaks_of

_CONSTANTS = ("WARMUP", "RESTARTS", "PEAKS", "HOLD", "FLOOR")
_BOUND_ONCE = (*_CONSTANTS, "curve", "factor", "make_schedule", "math", "jnp")
_HORIZON_ARGUMENTS = ("total_steps", "total_updates")


class PythonExport(NamedTuple):
    """What an exported file has of a schedule."""

    schedule: WarmbootSchedule
    total_steps: int | None
    """The horizon for which it was exported, if the file says one."""


def holds_formula(module: ast.Module) -> bool:
    """Whether the file has the constants of an exported formula."""
    return set(_CONSTANTS) <= assigned(module).keys()


def formula_from_python(module: ast.Module, text: str, subject: str) -> PythonExport:
    """The schedule in an exported file with a formula.

    Raises:
        ScheduleFileError: if a constant is none, or the formula is not the exporter's.
    """
    constants = _constants(module, subject)
    functions = {node.name: node for node in module.body if isinstance(node, ast.FunctionDef)}
    in_file = "" if rebound(module, _BOUND_ONCE) else _formula_of(functions)
    for name in BUILT_IN:
        schedule = _candidate(name, constants, functions, "WARMUP * total_steps" in text)
        if schedule is not None and in_file and in_file in _formulas_of(schedule):
            return PythonExport(schedule.replace(lr=_peak_lr(text)), _horizon(module, text))
    rule = "has the constants of an exported schedule, but its formula is not the one that warmboot writes"
    raise ScheduleFileError(subject, [f"{rule}, and other Python isn't run; export it again"])


def _constants(module: ast.Module, subject: str) -> dict[str, Any]:
    values, constants, problems = assigned(module), {}, []
    for name in _CONSTANTS:
        try:
            constants[name] = literal(name, values[name])
        except ValueError as error:
            problems.append(str(error))
    if problems:
        raise ScheduleFileError(subject, problems)
    return constants


def _formula_of(functions: dict[str, ast.FunctionDef]) -> str:
    """What computes the lr, in a form that tells it from any other: the functions without their checks."""
    names = ("curve", "factor") if "factor" in functions else ("curve", "make_schedule")
    if not set(names) <= functions.keys():
        return ""
    parts = []
    for name in names:
        for statement in functions[name].body:
            is_words = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
            is_check = isinstance(statement, ast.If) and isinstance(statement.body[0], ast.Raise)
            parts += [] if is_words or is_check else [ast.dump(statement)]
    return "\n".join(parts)


def _formulas_of(schedule: WarmbootSchedule) -> list[str]:
    """The same of what the exporters write for it: of plain Python, and of jax."""
    formulas = []
    for text in (to_torch_script(schedule), to_optax(schedule)):
        module = ast.parse(text)
        formulas.append(_formula_of({n.name: n for n in module.body if isinstance(n, ast.FunctionDef)}))
    return formulas


def _candidate(
    name: str, constants: dict[str, Any], functions: dict[str, ast.FunctionDef], is_fraction: bool
) -> WarmbootSchedule | None:
    """The schedule of that curve with the constants, if there is such a one."""
    source = ast.unparse(functions["curve"]) if "curve" in functions else ""
    power = re.search(r"\*\* (\d[\d.e+-]*)", source)
    parameters = {"power": float(power[1])} if name == Polynomial.name and power is not None else {}
    warmup = constants["WARMUP"]
    try:
        scales = _step_scales(constants["PEAKS"], len(constants["RESTARTS"]))
        return WarmbootSchedule(
            **({"warmup": warmup} if is_fraction else {"warmup_steps": warmup}),
            restarts=constants["RESTARTS"],
            step_scale=scales,
            hold=constants["HOLD"],
            eta_min=constants["FLOOR"],
            curve=curve_from_name(name, parameters),
            allow_rising=any(scale > 1.0 for scale in (scales if isinstance(scales, list) else [scales])),
        )
    except (ScheduleError, TypeError, ValueError, ArithmeticError, IndexError):
        return None  # a number that no schedule has, or something that is no number


def _step_scales(peaks: list[float], restart_count: int) -> float | list[float]:
    """The scales whose left-to-right products are the peaks: one for all, if one does."""
    if peaks[0] != 1.0 or len(peaks) != restart_count + 1:
        raise ValueError("no schedule has such peaks")
    if restart_count == 0:
        return 1.0
    if list(peaks_of([peaks[1]] * restart_count)) == peaks:
        return float(peaks[1])
    return [_scale(earlier, later) for earlier, later in pairwise(peaks)]


def _scale(earlier: float, later: float) -> float:
    """The float that makes one peak of the other; a quotient may be its neighbour."""
    near = later / earlier
    exact = (scale for scale in (near, math.nextafter(near, 0.0), math.nextafter(near, math.inf)))
    return next((scale for scale in exact if earlier * scale == later), near)


def _peak_lr(text: str) -> float | None:
    """The lr that the file's header says to build the optimizer with, or to give the target's trainer."""
    found = re.search(r"(?m)^# (?:Build the optimizer with lr|Peak lr: [\w(]+)=(\d[\d.e+-]*)\)?\.$", text)
    return None if found is None else float(found[1])


def _horizon(module: ast.Module, text: str) -> int | None:
    """The default of the file's functions, or what its header says where the target counts for itself."""
    found = re.search(r"(?m)^# Exported for (\d+) steps\.$", text)
    if found is not None:
        return int(found[1])
    for node in ast.walk(module):
        if isinstance(node, ast.FunctionDef):
            arguments = node.args.args[-len(node.args.defaults) :] if node.args.defaults else []
            for argument, default in zip(arguments, node.args.defaults, strict=True):
                if argument.arg in _HORIZON_ARGUMENTS and isinstance(default, ast.Constant):
                    return default.value if type(default.value) is int else None
    return None
