"""Finding and reading a study file: a packaged name or a path, checked whole before anything happens."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from search.errors import UsageError, nearest, problems_text
from search.spec.checkpoints import CheckpointsSpec
from search.spec.own_lr import without_auto
from search.spec.packaged import packaged_studies
from search.spec.params import ParamsError, ParamSpace
from search.spec.population import PopulationSpec
from search.spec.proxy import CommandProxy, FreeProxy
from search.spec.report import ReportSpec
from search.spec.rules import HORIZONS, LIMITS, rule_problems
from search.spec.study import StudySpec
from search.spec.verdict import VerdictSpec
from warmboot.space import Space
from warmboot.space_checks import SpaceError
from warmboot.text_file import decoded

_MAX_BYTES = 1_000_000
_TABLES: dict[str, tuple[str, ...]] = {
    "": tuple(StudySpec.model_fields),
    "population": tuple(PopulationSpec.model_fields),
    "confirmation": ("leaders", "seeds"),
    "verdict": tuple(VerdictSpec.model_fields),
    "report": tuple(ReportSpec.model_fields),
    "checkpoints": tuple(CheckpointsSpec.model_fields),
    "proxy.command": tuple(CommandProxy.model_fields),
    "proxy.free": tuple(FreeProxy.model_fields),
}
_EITHER = ("int", "constrained-int", "bool", "literal['auto']")
"""What pydantic calls the kinds of a value that may be of two."""
_TAGS = ("declared", "command", "free")


def find_study_file(study: str) -> Path:
    """The file behind what was typed: a packaged name, or a path to a TOML file.

    Raises:
        UsageError: neither; the nearest packaged names are told.
    """
    packaged = packaged_studies()
    if study in packaged:
        return packaged[study]
    path = Path(study)
    if path.is_dir():
        raise UsageError(f"{study} is a folder; name a study file (TOML) in it.")
    if path.is_file():
        return path
    if path.suffix or "/" in study:
        raise UsageError(f"{study}: no such file. Packaged studies: {', '.join(packaged)}.")
    raise UsageError(f"{study!r} is neither a packaged study nor a file; {nearest(study, packaged)}")


def read_study_file(path: Path) -> StudySpec:
    """Read and check a study file.

    Raises:
        UsageError: the file can't be read, or has problems; all of them are listed.
    """
    return parse_study(read_table(path), place=str(path))


def read_table(path: Path) -> dict[str, Any]:
    """The entries of a study file, unchecked.

    Raises:
        UsageError: the file can't be read, or has none.
    """
    text = _read_text(path)
    try:
        table = tomllib.loads(text)
    except RecursionError as error:
        raise UsageError(f"{path}: not a study file: nested too deeply.") from error
    except ValueError as error:  # tomllib's own error, or an int of thousands of digits
        raise UsageError(f"{path}: not valid TOML: {str(error).rstrip('.')}.") from error
    if not table:
        raise UsageError(f"{path}: the file is empty; see studies/char_lm.toml for an example.")
    return table


def replaced(table: Mapping[str, Any], entries: Mapping[str, Any]) -> dict[str, Any]:
    """A study file with other entries; a limit or a horizon takes the place of those of other kinds, since a
    study has one of each.

    >>> replaced({"name": "a", "n_trials": 200}, {"n_runs": 24})
    {'name': 'a', 'n_runs': 24}
    """
    kept = dict(table)
    for choice in (LIMITS, HORIZONS):
        if any(name in entries for name in choice):
            kept = {name: value for name, value in kept.items() if name not in choice}
    return {**kept, **entries}


def parse_study(table: Mapping[str, Any], *, place: str) -> StudySpec:
    """Check a parsed study file; `place` is what the message calls it."""
    problems = []
    if isinstance(table.get("space"), Mapping):
        problems += _space_problems(table["space"])
    problems += _params_problems(table.get("params", {}))
    problems += [f"{line}." for line in rule_problems(table)]
    try:
        spec = StudySpec.model_validate(table)
    except ValidationError as error:
        # A finding without a place is one of the rules, told above whatever else is wrong.
        problems += _problems([dict(detail) for detail in error.errors() if detail["loc"]])
    if problems:
        raise UsageError(problems_text(place, problems))
    return spec


def _read_text(path: Path) -> str:
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise UsageError(f"{path}: larger than {_MAX_BYTES} bytes; this is no study file.")
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: can't be read: {error.strerror}.") from error
    try:
        return decoded(content)
    except ValueError as error:
        raise UsageError(f"{path}: {error}.") from error


def _space_problems(table: Mapping[str, Any]) -> list[str]:
    try:
        Space.from_dict(without_auto(table))
    except SpaceError as error:
        return [f"space.{line}" for line in error.problems]
    return []


def _params_problems(table: object) -> list[str]:
    if not isinstance(table, Mapping):
        return []  # the model says so
    try:
        ParamSpace.from_dict(table)
    except ParamsError as error:
        return [line if line.startswith("[") else f"params.{line}" for line in error.problems]
    return []


def _problems(details: list[dict[str, Any]]) -> list[str]:
    """One line for each place: what may be 'auto' or a number is found twice by pydantic, once as either."""
    lines: dict[str, str] = {}
    for detail in details:
        line = _problem(detail)
        key = ".".join(_parts(detail))
        also = str(detail["msg"]).lower().removeprefix("input should be ")
        twice = key in lines and any(part in _EITHER for part in detail["loc"])
        lines[key] = f"{lines[key].removesuffix('.')} or {also}." if twice else line
    return list(lines.values())


def _parts(detail: dict[str, Any]) -> list[str]:
    return [str(part) for part in detail["loc"] if part not in _EITHER]


def _problem(detail: dict[str, Any]) -> str:
    """One line for one of pydantic's findings: place, rule, value."""
    parts = _parts(detail)
    place = ".".join(part for i, part in enumerate(parts) if not _is_tag(parts, i))
    if detail["type"] == "extra_forbidden":
        return f"{place}: unknown key; {nearest(parts[-1], _TABLES.get('.'.join(parts[:-1]), ()))}"
    if detail["type"] == "missing":
        return f"{place}: missing."
    message = str(detail["msg"]).removeprefix("Value error, ")
    message = message[0].lower() + message[1:]
    if detail["type"] == "value_error" and message.startswith("give one of"):
        return f"{place}: {message}."
    return f"{place}: got {_short(detail['input'])}; {message}."


def _is_tag(parts: list[str], i: int) -> bool:
    """Whether a part is not the file's: pydantic names the kind of a proxy after `proxy`."""
    return i == 1 and parts[0] == "proxy" and parts[1] in _TAGS


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
