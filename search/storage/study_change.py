"""Whether a study may go on where what it trains is not what it was: refused, taken, or accepted and kept.

A study without results takes a mended script as it is. One that has results goes on with another script only
if the user says so, and keeps that for later readers.
"""

from __future__ import annotations

import datetime
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from search.errors import UsageError
from search.messages import Say, next_command
from search.spec.made_of import MadeOf
from search.spec.study import StudySpec, differences
from search.storage.address import storage_option
from search.storage.live_leases import live_owners
from search.storage.study_attributes import CHANGES, SPEC, StudyAttributes

if TYPE_CHECKING:
    from search.storage.study_record import StudyRecord

OPTION = "--accept-change"
_MAY_CHANGE = ("command", "train")
"""Of a proxy in the study file: how it is called, where the training may be the same."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """A change that a study was told to go on with."""

    what: Sequence[str]
    """A line each."""
    results: int
    """How many trials had ended with a result before it."""
    date: str
    """The day, in UTC, as 2026-01-31; for a person, nothing is decided by it."""

    def describe(self) -> str:
        """
        >>> Change(what=["train.py has changed"], results=12, date="2026-01-31").describe()
        'after 12 trials: train.py has changed (accepted on 2026-01-31)'
        """
        trials = f"{self.results} trial{'s' * (self.results != 1)}"
        return f"after {trials}: {'; '.join(self.what)} (accepted on {self.date})"

    def to_json(self) -> dict[str, Any]:
        """Plain data for the study and for an exported schedule."""
        return {"what": list(self.what), "results_before": self.results, "accepted_on": self.date}


def accepted_changes(attributes: StudyAttributes) -> list[Change]:
    """The changes that a study has accepted, the oldest first."""
    return [
        Change(what=entry["what"], results=entry["results_before"], date=entry["accepted_on"])
        for entry in attributes.changes
    ]


def check_resumed(record: StudyRecord, spec: StudySpec, made_of: MadeOf, *, accept: bool, say: Say) -> None:
    """Compare a study with the file that is launched under its name; call under the database's lock.

    Args:
        record: the study.
        spec: the file's.
        made_of: what its proxy is made of here.
        accept: whether a person has said that what changed may.
        say: told what was taken.

    Raises:
        UsageError: it is another search, or its proxy has changed and the study has results.
    """
    stored = record.attributes
    before, given = StudySpec.from_json(stored[SPEC]).comparable_part(), spec.comparable_part()
    calls = _other_calls(before["proxy"], given["proxy"])
    changes = [*calls.values(), *made_of.changes_since(stored.made_of)]
    others = differences(_without(before, calls), _without(given, calls))
    if others:
        raise UsageError(_another_search(record, [*others, *changes]))
    if changes and not accept and _has_something(record):
        raise UsageError(refusal(record, changes, made_of))
    settle_change(record, changes, say=say)


def settle_change(record: StudyRecord, changes: Sequence[str], *, say: Say) -> None:
    """Go on with changes of what a study trains, and keep them where it has trained anything; call under the
    database's lock."""
    if not changes:
        return
    if _has_something(record):
        _keep(record, changes, n_results(record))
        say(f"accepted, and recorded in the study: {'; '.join(changes)}")
    else:
        record.forget_own_lr()  # of the optimizer that the script had before
        say(f"used as it is now, because no trial has a result yet: {'; '.join(changes)}")


def _has_something(record: StudyRecord) -> bool:
    """Whether there are results of what was there before, or will be in a moment."""
    return bool(n_results(record) or live_owners(record))


def n_results(record: StudyRecord) -> int:
    """How many trials have ended with a result; failed ones have none."""
    return sum(trial.state.name in ("COMPLETE", "PRUNED") for trial in record.reader().trials())


def _other_calls(before: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, str]:
    """Differences in how the same kind of proxy is called: key -> one line."""
    return {
        key: f"{key}: the study has {before[key]!r}, the file has {given[key]!r}"
        for key in _MAY_CHANGE
        if key in before and key in given and before[key] != given[key]
    }


def _without(comparable: Mapping[str, Any], keys: Collection[str]) -> dict[str, Any]:
    proxy = {key: value for key, value in comparable["proxy"].items() if key not in keys}
    return {**comparable, "proxy": proxy}


def _keep(record: StudyRecord, changes: Sequence[str], results: int) -> None:
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    change = Change(what=list(changes), results=results, date=today).to_json()
    before = record.attributes.changes
    if [*before[-1:]] != [change]:  # which may be kept already, where the database was away in between
        record.set_attribute(CHANGES, [*before, change])


def refusal(record: StudyRecord, changes: Sequence[str], made_of: MadeOf) -> str:
    """Why a study does not go on with another script, and every way out."""
    results = n_results(record)
    where = f" in {made_of.folder}" if made_of.folder is not None else ""
    before = (
        f"its {results} trial{'s' * (results != 1)} with a result had" if results else "it was launched with"
    )
    return (
        f"study {record.name!r}: what it trains{where} is not what {before}:\n"
        + "\n".join(f"  {change}" for change in changes)
        + f"\nPut that back; or, if it makes no difference to the training, accept it with: {_again(record)} "
        "(recorded in the study; status and export mention it); or search again under another name."
    )


def _again(record: StudyRecord) -> str:
    if record.attributes.is_from_python:
        return "warmboot.launch(..., accept_change=True)"
    storage = storage_option(record.database.url)
    return next_command("launch", record.attributes.file or "STUDY.toml", OPTION, *storage)


def _delete(record: StudyRecord) -> str:
    return next_command("delete", record.name, *storage_option(record.database.url))


def _another_search(record: StudyRecord, lines: Sequence[str]) -> str:
    text = "\n".join(f"  {line}" for line in lines)
    way_out = "Give the file another name"
    if not n_results(record) and not live_owners(record):
        way_out += f", or, since it has no results, remove it with: {_delete(record)}"
    return f"study {record.name!r} exists and searches something else; the difference:\n{text}\n{way_out}."
