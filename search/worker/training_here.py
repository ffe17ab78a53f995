"""A study as a process of this machine trains it: where its command runs, and whether it is the same."""

from __future__ import annotations

from pathlib import Path

from search.command_home import folder_from, located
from search.errors import UsageError
from search.made_of import MadeOf
from search.say import Say
from search.storage.study_change import PLACE, refusal, settle_change
from search.storage.study_record import StudyRecord
from search.study_spec import StudySpec


def spec_here(record: StudyRecord) -> StudySpec:
    """The study, with the folder in which its command runs here: the one that its launch has noted, or where
    this machine has none such, or the script lies here as it was, this process's own."""
    spec, attributes = record.spec, record.attributes
    remembered = (attributes.get(PLACE) or {}).get("folder")
    folders = [] if remembered is None else [Path(remembered)]
    known = MadeOf.of_facts(attributes["proxy"])
    return located(spec, [*folders, folder_from(spec, Path.cwd())], known)


def check_made_of(record: StudyRecord, made_of: MadeOf) -> None:
    """Refuse a proxy that differs from the one the study has, by the names of what differs.

    Raises:
        UsageError: it differs; with the way out.
    """
    changes = made_of.changes_since(MadeOf.of_facts(record.attributes["proxy"]))
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
        facts = record.attributes["proxy"]
        settle_change(record, made_of.changes_since(MadeOf.of_facts(facts)), say=say)
        record.set_attribute("proxy", {**facts, **made_of.facts()})

    record.database.locked(accept)
