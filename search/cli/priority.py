"""`warmboot priority`."""

from __future__ import annotations

from typing import Annotated

import typer

from search.cli.options import StorageOption, address, talk
from search.cli.terminal import tell

NAME = "priority"


def command(
    name: Annotated[str, typer.Argument(help="The study.")],
    priority: Annotated[
        int, typer.Argument(help="The higher, the earlier; 0 at first.", min=-1000, max=1000)
    ],
    storage: StorageOption = None,
) -> None:
    """Set which studies workers take up first.

    `warmboot worker` serves the open studies of the highest priority, and among them shares its machine
    equally. Workers that run notice within seconds, and finish what they train. A launch trains its own study
    whatever its priority.

    Example: warmboot priority char_lm 1
    """
    from search.storage.study_attributes import PRIORITY
    from search.storage.study_record import study_for_work

    record = study_for_work(address(storage), name)
    record.database.locked(lambda: record.set_attribute(PRIORITY, priority))
    tell(talk(), f"{name}: priority {priority}")
