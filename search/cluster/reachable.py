"""Whether a storage is one for several machines."""

from __future__ import annotations

import socket
from collections.abc import Collection

from sqlalchemy.engine import URL

from search.errors import UsageError
from search.storage.address import is_sqlite, shown, without_password

_OF_ONE_MACHINE = (None, "", "localhost", "127.0.0.1", "::1")


def storage_everywhere(url: URL, hosts: Collection[str], here: str | None = None) -> None:
    """Refuse a storage that workers of other machines can't reach.

    Args:
        url: the storage.
        hosts: names of the machines on which there will be workers.
        here: this machine's name; None: as it calls itself.

    Raises:
        UsageError: it is a file, or a server that is addressed as this machine's own.
    """
    others = sorted(set(hosts) - {here or socket.gethostname()})
    if not others:
        return
    named = ", ".join(others[:3]) + (" ..." if len(others) > 3 else "")
    if is_sqlite(url):
        raise UsageError(
            f"--storage: {shown(url)} is a file, and workers on {named} can't share it; keep the study on a "
            "PostgreSQL server (--storage postgresql://USER@HOST/DATABASE). A study that you have moves "
            "there with: warmboot copy NAME --to postgresql://USER@HOST/DATABASE"
        )
    if url.host in _OF_ONE_MACHINE:
        raise UsageError(
            f"--storage: {shown(without_password(url))} is this machine's own name for the server, and "
            f"workers on {named} can't use it; give the server's name in the network."
        )
