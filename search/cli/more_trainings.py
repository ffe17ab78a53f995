"""What `verdict` and `transfer` share: watched trainings of a study, all kept or none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from search.cli.options import address
from search.cli.terminal import tell
from search.messages import next_command

if TYPE_CHECKING:
    from rich.console import Console

    from search.storage.study_record import StudyRecord


@contextmanager
def told_if_interrupted(command: str, name: str, storage: str | None, console: Console) -> Iterator[None]:
    """Where Ctrl-C or another signal ends the work, say what is kept of it."""
    try:
        yield
    except Exception:
        raise
    except BaseException:
        from search.storage.address import storage_option

        again = next_command(command, name, *storage_option(address(storage)))
        tell(
            console,
            f"interrupted: nothing of this {command} is kept; study {name} and any earlier {command} on it "
            f"are unchanged. Run it again with: {again}",
        )
        raise


@contextmanager
def watched(
    name: str, storage: str | None, console: Console
) -> Iterator[tuple[StudyRecord, Callable[[int], None]]]:
    """The study, open for work, and what to call with how many trainings are done.

    Raises:
        UsageError: there is no such study.
    """
    from search.storage.database import open_for_work
    from search.storage.patience import HOLDING_SECONDS, Patience
    from search.storage.study_record import find_study

    record = find_study(open_for_work(address(storage)), name)
    record.database.patience = Patience(HOLDING_SECONDS, lambda text: tell(console, text))
    with console.status("") as status:
        yield record, lambda n: status.update(f"{n} trainings done")
