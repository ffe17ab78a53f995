"""Where checkpoints lie: a folder for each study, named by it and by the word that tells it from others.

In this order: `WARMBOOT_CHECKPOINTS` where the worker runs, `[checkpoints] folder` of the study file, and
`checkpoints` in the user's data folder.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import platformdirs

VARIABLE = "WARMBOOT_CHECKPOINTS"
_LONGEST_NAME = 60


def study_folder(name: str, made: str | None, folder: str | None) -> Path | None:
    """The folder of one study; None for a user without a home who names no other place.

    Args:
        name: of the study.
        made: see `search.storage.study_attributes.MADE`.
        folder: of the study file.
    """
    root = _root(folder)
    if root is None:
        return None
    safe = re.sub(r"[^\w.+-]+", "-", name)[:_LONGEST_NAME]
    return root / f"{safe}-{made or 'old'}"


def _root(folder: str | None) -> Path | None:
    named = os.environ.get(VARIABLE) or folder
    try:
        if named:
            return Path(named).expanduser().absolute()
        data = platformdirs.user_data_path("warmboot", appauthor=False)
    except RuntimeError:
        return None
    return data / "checkpoints" if data.is_absolute() else None
