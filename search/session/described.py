"""From what `warmboot.launch` is given to a study: a function, the entries of a study file, or a file."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from search.errors import UsageError
from search.launch.checks import WantedStudy
from search.scripts.handed_function import HandedFunction, hand_over, reference_of
from search.spec.rules import LIMITS
from search.spec.study_file import find_study_file, parse_study, read_table, replaced

N_RUNS = 24
"""Full trainings that the search for a function may cost, where nothing is said."""
CALL = "warmboot.launch"
_OF_THE_PROXY = ("time_limit", "silence_limit")


@dataclass(frozen=True)
class Described:
    """A study as it was asked for, with the function that it hands over, if any."""

    study: WantedStudy
    function: HandedFunction | None = None


def described(training: object, given: Mapping[str, Any]) -> Described:
    """The study that is meant.

    Args:
        training: a function `train(schedule, context)`; the entries of a study file, whose `proxy` may be
            such a function; or a packaged name or a path.
        given: entries of a study file that replace those of `training`; None is not given.

    Raises:
        UsageError: none of the three, or the entries have problems; all of them are listed.
    """
    entries = {name: _plain(value) for name, value in given.items() if value is not None}
    if isinstance(training, str | os.PathLike):
        path = find_study_file(os.fspath(training))
        table = replaced(read_table(path), entries)
        return Described(WantedStudy(parse_study(table, place=str(path)), str(path), Path(path)))
    if isinstance(training, Mapping):
        return _of_table(replaced(dict(training), entries))
    if callable(training):
        limit = {} if any(name in entries for name in LIMITS) else {"n_runs": N_RUNS}
        return _of_table({"proxy": training, **limit, **entries})
    raise UsageError(
        f"{CALL}: got a {type(training).__name__}; accepted are a function train(schedule, context), a dict "
        "with the entries of a study file, and the name or path of a study file."
    )


def _of_table(table: Mapping[str, Any]) -> Described:
    entries, function = _with_function(dict(table))
    spec = parse_study({name: _plain(value) for name, value in entries.items()}, place=CALL)
    over = None if function is None else function.over
    return Described(WantedStudy(spec, CALL, handed=over), function)


def _with_function(table: dict[str, Any]) -> tuple[dict[str, Any], HandedFunction | None]:
    """The entries with the name of the function in place of the function itself."""
    proxy = table.get("proxy")
    settings = {name: table.pop(name) for name in _OF_THE_PROXY if name in table}
    if isinstance(proxy, Mapping):
        settings = {**proxy, **settings}
        proxy = proxy.get("train")
    if not callable(proxy):
        if settings and isinstance(table.get("proxy"), Mapping):
            table["proxy"] = settings
        return table, None
    reference, function = reference_of(proxy), None
    if reference is None:
        function = hand_over(proxy)
        reference = function.name
    name = table.pop("name", None) or reference.partition(":")[2]
    return {"name": name, **table, "proxy": {**settings, "train": reference}}, function


def _plain(value: Any) -> Any:
    """As a study file has it: lists for tuples, Python's numbers for numpy's."""
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, Callable):  # type: ignore[arg-type]
        return value
    if hasattr(value, "item") and getattr(value, "shape", None) == ():
        return value.item()
    return os.fspath(value) if isinstance(value, os.PathLike) else value
