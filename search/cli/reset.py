"""`warmboot reset`."""

from __future__ import annotations

from search.cli.options import StorageOption, address, talk
from search.cli.removal import NameArgument, YesOption, confirm
from search.cli.terminal import tell

NAME = "reset"


def command(name: NameArgument, yes: YesOption = False, storage: StorageOption = None) -> None:
    """Remove the results of a study.

    Its settings stay, and the next launch starts with trial 0. To search something else under its name,
    delete it.

    Example: warmboot reset char_lm
    """
    from search.messages import next_command
    from search.scripts.run_folder import clear_left_folders
    from search.storage.address import storage_option
    from search.storage.study_record import study_for_work
    from search.storage.study_removal import reset_study
    from search.training.study_checkpoints import checkpoints_of

    url = address(storage)
    record = study_for_work(url, name)
    confirm(record, NAME, yes=yes)
    checkpoints = checkpoints_of(record)
    fresh = reset_study(record)
    clear_left_folders()
    if checkpoints is not None:
        checkpoints.forget_all()
    file = fresh.attributes.file
    again = next_command("launch", file or "STUDY.toml", *storage_option(url))
    tell(talk(), f"{name}: reset; start it again with: {again}")
