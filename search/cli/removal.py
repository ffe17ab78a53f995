"""The confirmation question of `warmboot delete` and `warmboot reset`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from search.storage.study_record import StudyRecord

NameArgument = Annotated[str, typer.Argument(help="The study.")]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")]


def confirm(record: StudyRecord, what: str, *, yes: bool) -> None:
    """Ask before anything is lost; return where it may be.

    Args:
        record: the study.
        what: is asked, as in "delete".
        yes: whether that was said beforehand.

    Raises:
        UsageError: there is no terminal to ask in.
        typer.Exit: the answer was no.
    """
    from search.errors import UsageError

    if yes:
        return
    lost = f"{what} study {record.name!r}, with {_held(record)}?"
    if not sys.stdin.isatty():
        raise UsageError(f"{lost} There is no terminal to ask in; give --yes.")
    if not typer.confirm(f"{lost} It can't be brought back.", err=True):
        print("nothing was changed", file=sys.stderr)
        raise typer.Exit(1)


def _held(record: StudyRecord) -> str:
    """The contents that would be lost."""
    from search.storage.study_change import n_results

    trials = len(record.load().get_trials(deepcopy=False))
    held = [f"{trials} trial{'s' * (trials != 1)} ({n_results(record)} with a result)"]
    held += [f"its {what}" for what in ("verdict", "transfer") if what in record.attributes]
    return " and ".join(held)
