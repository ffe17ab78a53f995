"""`warmboot delete`."""

from __future__ import annotations

from search.cli.options import StorageOption, address, talk
from search.cli.removal import NameArgument, YesOption, confirm
from search.cli.terminal import tell

NAME = "delete"


def command(name: NameArgument, yes: YesOption = False, storage: StorageOption = None) -> None:
    """Remove a study completely: trials, verdict, settings. Exported files stay.

    Example: warmboot delete char_lm
    """
    from search.scripts.run_folder import clear_left_folders
    from search.storage.study_record import study_for_work
    from search.storage.study_removal import delete_study
    from search.training.study_checkpoints import checkpoints_of

    record = study_for_work(address(storage), name)
    confirm(record, NAME, yes=yes)
    checkpoints = checkpoints_of(record)
    delete_study(record)
    clear_left_folders()
    if checkpoints is not None:
        checkpoints.forget_all()
    tell(talk(), f"{name}: deleted")
