"""The `[checkpoints]` table of a study file: where what trainings save lies, and what of it is kept."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, field_validator

from search.spec.proxy import Strict

Keep = Literal["none", "best"]


class CheckpointsSpec(Strict):
    """Where checkpoints lie, how much they may take, and whether the best trials' outlive them.

    `folder` is a whole path, the same for all workers: machines that take up each other's trainings share it.
    None: the user's data folder on each machine. `max_gb` bounds what nobody trains with at present; the
    oldest goes first. `keep = "best"` keeps the last state of the best trials for `warmboot extend`.
    """

    folder: Annotated[str, StringConstraints(min_length=1, max_length=4096)] | None = None
    max_gb: Annotated[float, Field(gt=0, le=1e6)] = 20.0
    keep: Keep = "none"

    @field_validator("folder")
    @classmethod
    def _is_whole(cls, folder: str | None) -> str | None:
        if folder is not None and not folder.startswith("~/") and not Path(folder).is_absolute():
            raise ValueError(
                "accepted is a whole path, as /shared/checkpoints or ~/checkpoints: workers "
                "run in folders of their own"
            )
        return folder

    @property
    def max_bytes(self) -> int:
        """The bound in bytes."""
        return int(self.max_gb * 1e9)
