"""Optuna's migrations, read once by a process that opens many databases."""

from __future__ import annotations

from collections.abc import Callable

from alembic.config import Config
from alembic.script import ScriptDirectory


def reading_once() -> Callable[[Config], ScriptDirectory]:
    """What may stand in for `ScriptDirectory.from_config`.

    To open a database Optuna reads all its migrations, files that stay as they are, for four fifths of the
    time.
    """
    read, found = ScriptDirectory.from_config, dict[str | None, ScriptDirectory]()

    def read_once(config: Config) -> ScriptDirectory:
        place = config.get_main_option("script_location")
        if place not in found:
            found[place] = read(config)
        return found[place]

    return read_once
