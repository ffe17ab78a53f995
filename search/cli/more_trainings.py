"""What `verdict`, `transfer` and `extend` share: watched trainings of a study, all kept or none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from search.cli.options import address
from search.cli.terminal import tell
from search.messages import Say

if TYPE_CHECKING:
    from rich.console import Console

    from search.storage.study_record import StudyRecord


@contextmanager
def told_if_interrupted(command: str, name: str, console: Console) -> Iterator[None]:
    """Where Ctrl-C or another signal ends the work, say what is kept of it."""
    try:
        yield
    except Exception:
        raise
    except BaseException:
        tell(
            console,
            f"interrupted: nothing of this {command} is kept; study {name} and any earlier {command} on it "
            "are unchanged. The same command begins it again",
        )
        raise


@contextmanager
def watched(name: str, storage: str | None, console: Console) -> Iterator[tuple[StudyRecord, Say]]:
    """The study, open for work, and what to call with how far its trainings are.

    Raises:
        UsageError: there is no such study or storage.
    """
    from search.cli.how_far import how_far_shown
    from search.storage.patience import HOLDING_SECONDS, Patience
    from search.storage.study_record import study_for_work

    record = study_for_work(address(storage), name)
    record.database.patience = Patience(HOLDING_SECONDS, lambda text: tell(console, text))
    with how_far_shown(console) as how_far:
        yield record, how_far
