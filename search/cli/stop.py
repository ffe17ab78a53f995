"""`warmboot stop`."""

from __future__ import annotations

from typing import Annotated

import typer

from search.cli.options import StorageOption, address, talk
from search.cli.terminal import tell

NAME = "stop"


def command(
    name: Annotated[str, typer.Argument(help="The study to end.")], storage: StorageOption = None
) -> None:
    """Stop a study gently.

    Trials in training finish, no new ones start. The next launch resumes it.

    Example: warmboot stop char_lm
    """
    from search.storage.study_record import study_for_work

    study_for_work(address(storage), name).set_control(stop=True)
    tell(
        talk(),
        f"{name}: no new trial starts; trials in training finish. Run the same warmboot launch to resume.",
    )
