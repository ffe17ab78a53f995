"""A limit that is typed, in place of the study file's; and what a study that is there lets be asked of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from search.durations import duration_text, parse_duration
from search.errors import UsageError
from search.results.run_count import run_count
from search.runs.trial import Trial
from search.spec.budget import Budget, counts
from search.spec.training_spans import trained_seconds
from search.storage.database import Database
from search.storage.study_attributes import StudyAttributes
from search.storage.study_record import StudyRecord, study_names


def asked_limit(*, n_trials: int | None, n_runs: int | None, budget: str | None) -> dict[str, Any]:
    """The entry of a study file that stands for it; empty where nothing is asked.

    Raises:
        UsageError: two are given, or the budget is no time.

    >>> asked_limit(n_trials=None, n_runs=24, budget=None)
    {'n_runs': 24}
    """
    values = {"n_trials": n_trials, "n_runs": n_runs, "budget": budget}
    given = {name: value for name, value in values.items() if value is not None}
    if len(given) > 1:
        raise UsageError(
            f"give one of --n-trials, --n-runs and --budget; got {' and '.join(map(_option, given))}."
        )
    if budget is not None:
        try:
            parse_duration(budget)
        except ValueError as error:
            raise UsageError(f"--budget: got {budget!r}; {error}.") from error
    return given


def refuse_limit(database: Database, name: str, asked: Mapping[str, Any]) -> None:
    """Refuse a limit of another kind than a study has, once it has trials, and one that is less than it has
    used: each is a total over all launches.

    Raises:
        UsageError: it is one of the two; the message has the way out.
    """
    if not asked or name not in study_names(database):
        return
    record = StudyRecord(database, name)
    trials, attributes = record.reader().trials(), record.attributes
    ((entry, value),) = asked.items()
    kind = _kind(attributes.limit)
    if trials and entry != kind:
        raise UsageError(
            f"{_option(entry)}: study {name!r} has trials under another limit, {kind}; give {_option(kind)}, "
            f"or {entry} in its study file, or search under another name."
        )
    if entry == "n_trials":
        _refuse_fewer_trials(name, int(value), sum(map(counts, trials)))
    elif trials:
        _refuse_less(record, attributes, trials, entry, value)


def _kind(limit: Budget) -> str:
    if limit.n_runs is not None:
        return "n_runs"
    return "n_trials" if limit.n_trials is not None else "budget"


def _option(entry: str) -> str:
    return f"--{entry.replace('_', '-')}"


def _refuse_fewer_trials(name: str, n_trials: int, there: int) -> None:
    if n_trials < there:
        raise UsageError(
            f"--n-trials: got {n_trials}, but study {name!r} has {there} trials already, and the number "
            f"counts all of them; give {there + n_trials} for {n_trials} more, or {there} to end its search "
            "here."
        )


def _refuse_less(
    record: StudyRecord, attributes: StudyAttributes, trials: Sequence[Trial], entry: str, value: Any
) -> None:
    """The same of full runs and of time, which are used in parts."""
    begun = [trial for trial in trials if trial.state.name != "WAITING"]
    count, seconds = run_count(attributes, begun), trained_seconds(begun, record.now())
    if entry == "n_runs" and count is not None and value < count.used:
        used, asked = f"{count.used:.3g} full runs", f"{value}"
    elif entry == "budget" and parse_duration(value) < seconds:
        used, asked = duration_text(seconds), value
    else:
        return
    raise UsageError(
        f"{_option(entry)}: got {asked}, but study {record.name!r} has used {used} already, and it is a "
        "total over all launches; give more than that. To end its search: warmboot stop."
    )
