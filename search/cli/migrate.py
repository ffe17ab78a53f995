"""`warmboot migrate`."""

from __future__ import annotations

from search.cli.options import StorageOption, address, talk
from search.cli.terminal import tell

NAME = "migrate"


def command(storage: StorageOption = None) -> None:
    """Prepare a database for studies. Needed only if other commands may not change its tables.

    Example: warmboot migrate --storage postgresql://warmboot@db.example/warmboot
    """
    from search.storage.address import shown
    from search.storage.database import open_for_work

    url = address(storage)
    open_for_work(url).close()
    tell(talk(), f"{shown(url)} is ready for studies.")
