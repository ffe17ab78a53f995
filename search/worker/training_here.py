"""A study as a process of this machine trains it: where its command runs, and whether it is the same."""

from __future__ import annotations

from pathlib import Path

from search.errors import UsageError
from search.messages import Say
from search.scripts.command_home import folder_from, located
from search.spec.made_of import MadeOf
from search.spec.study import StudySpec
from search.storage.study_attributes import PROXY
from search.storage.study_change import refusal, settle_change
from search.storage.study_record import StudyRecord


def spec_here(record: StudyRecord, *, shipped: bool = False) -> StudySpec:
    """The study, with the folder in which its command runs here: the one that its launch has noted, or where
    this machine has none such, or the script lies here as it was, this process's own.

    Args:
        record: the study.
        shipped: whether that folder was sent along, and this process was started in its copy.
    """
    spec, attributes = record.spec, record.attributes
    if shipped:
        return located(spec, [Path.cwd()])
    remembered = attributes.folder
    folders = [] if remembered is None else [Path(remembered)]
    known = attributes.made_of
    return located(spec, [*folders, folder_from(spec, Path.cwd())], known)


def check_made_of(record: StudyRecord, made_of: MadeOf) -> None:
    """Refuse a proxy that differs from the one the study has, by the names of what differs.

    Raises:
        UsageError: it differs; with the way out.
    """
    changes = made_of.changes_since(record.attributes.made_of)
    if changes:
        raise UsageError(refusal(record, changes, made_of))


def accept_made_of(record: StudyRecord, made_of: MadeOf, say: Say) -> None:
    """Go on with what the proxy is made of here, whatever the study has; it keeps the change.

    Args:
        record: the study.
        made_of: what its proxy is made of here.
        say: told what has changed.
    """

    def accept() -> None:
        facts = record.attributes.proxy
        settle_change(record, made_of.changes_since(MadeOf.of_facts(facts)), say=say)
        record.set_attribute(PROXY, {**facts, **made_of.facts()})

    record.database.locked(accept)
