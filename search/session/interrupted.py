"""Ctrl-C, or a notebook's stop button, during a launch."""

from __future__ import annotations

from search.errors import Told


class Interrupted(Told, KeyboardInterrupt):
    """A launch was interrupted: what was finished is kept."""


def interrupted(name: str, storage: str | None) -> Interrupted:
    """The error that says what is kept of a study, and how to continue."""
    where = "" if storage is None else f", storage={storage!r}"
    return Interrupted(
        "trials in training were handed back, and what was finished is kept; run the same launch to resume, "
        f"or look at it with warmboot.open_study({name!r}{where})"
    )
