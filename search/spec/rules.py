"""The rules that join the entries of a study file: what may be wrong where each by itself is right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from search.spec.confirmation import confirmation_size
from search.spec.own_lr import lr_problems
from search.spec.proxy import kind_of

HORIZONS = ("total_steps", "epochs")
LIMITS = ("n_trials", "n_runs", "budget")


def rule_problems(table: Mapping[str, Any]) -> list[str]:
    """What is wrong with a study file where each entry by itself may be right; a line for each.

    >>> rule_problems({"proxy": "digits_mlp", "epochs": 3, "n_trials": 9, "budget": "1h"})
    ['give one of n_trials, n_runs and budget; got n_trials and budget']
    """
    problems = [*_choice_problems(table, HORIZONS), *_choice_problems(table, LIMITS)]
    problems += _confirmation_problems(table)
    space = table.get("space")
    problems += lr_problems(space, kind_of(table.get("proxy"))) if isinstance(space, Mapping) else []
    problems += _reproducible_problems(table)
    if kind_of(table.get("proxy")) == "declared":
        return problems
    if table.get("epochs") is not None:
        problems.append(
            "epochs: only for built-in proxies (steps per epoch are unknown here); set total_steps"
        )
    population = table.get("population")
    if isinstance(population, Mapping) and population.get("slots", "auto") not in ("auto", 1):
        problems.append("population.slots: a process trains one run of this proxy at a time; use --workers")
    return problems


def _reproducible_problems(table: Mapping[str, Any]) -> list[str]:
    """A study that asks to be the same every time can't hang on times."""
    population = table.get("population")
    if not isinstance(population, Mapping) or population.get("reproducible") is not True:
        return _unread_rounds(table)
    if table.get("budget") is None:
        return []
    return [
        "population.reproducible: how many trials a budget of time holds depends on the machine; give "
        "n_trials or n_runs"
    ]


def _unread_rounds(table: Mapping[str, Any]) -> list[str]:
    """Rounds that nothing would be proposed in."""
    population = table.get("population")
    if not isinstance(population, Mapping):
        return []
    given = [name for name in ("round", "delay") if population.get(name, "auto") != "auto"]
    declared = kind_of(table.get("proxy")) == "declared" and population.get("reproducible") is not False
    if declared or not given:
        return []
    return [
        f"population.{' and '.join(given)}: read only where trials are proposed in rounds; add "
        "population.reproducible = true, or leave it out"
    ]


def _confirmation_problems(table: Mapping[str, Any]) -> list[str]:
    """An explicit confirmation has to leave most of a study's runs to its search."""
    wanted, n_runs = table.get("confirmation"), table.get("n_runs")
    if not isinstance(wanted, Mapping) or not isinstance(n_runs, int):
        return []
    leaders, seeds = wanted.get("leaders"), wanted.get("seeds")
    if not all(value is None or isinstance(value, int) for value in (leaders, seeds)):
        return []
    declared = kind_of(table.get("proxy")) == "declared"
    size = confirmation_size(declared=declared, leaders=leaders, seeds=seeds, n_runs=n_runs)
    if 2 * size.most_runs <= n_runs:
        return []
    return [
        f"confirmation: takes {size.most_runs} of the {n_runs} runs, more than half; lower its leaders or "
        "seeds, or raise n_runs"
    ]


def _choice_problems(table: Mapping[str, Any], names: Sequence[str]) -> list[str]:
    given = [name for name in names if table.get(name) is not None]
    if len(given) == 1:
        return []
    return [f"give one of {', '.join(names[:-1])} and {names[-1]}; got {' and '.join(given) or 'none'}"]
