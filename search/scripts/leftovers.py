"""Leftovers of killed processes: orphaned scripts, and their folders."""

from __future__ import annotations

from pathlib import Path

from search.scripts.process_group import end_orphans
from search.scripts.run_folder import clear_left_folders


def end_leftovers(folder: Path | None = None) -> None:
    """End the scripts first, and then remove the folders in `folder`, or where the system keeps them."""
    end_orphans()
    clear_left_folders(folder)
