"""`KeptTrials`: the last states of a study's best trials, from which `warmboot extend` goes on.

Of all others what was saved is removed with their result.
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from search.direction import Direction, sign_of
from warmboot.whole_file import write_whole

MOST_KEPT = 5
FOLDER, _FACTS = "kept", "trial.json"


@dataclass(frozen=True)
class KeptTrial:
    """A trial whose last state is kept.

    Attributes:
        trial: its number.
        value: that it was told with.
        total_steps: that it has trained.
        folder: what was saved.
    """

    trial: int
    value: float
    total_steps: int
    folder: Path


class KeptTrials:
    """Those of one study.

    Args:
        folder: of the study, see `search.checkpoints.place`.
        direction: which values are best.
    """

    def __init__(self, folder: Path, direction: Direction) -> None:
        self._folder, self._sign = folder / FOLDER, sign_of(direction)

    def offer(self, trial: int, value: float, total_steps: int, saved: Path) -> None:
        """Take over what was saved of a trial that has ended, if it is among the best; else remove it.

        Where nothing was saved, nothing is kept.
        """
        if not saved.is_dir():
            return
        facts = {"trial": trial, "value": value, "total_steps": total_steps}
        write_whole(saved / _FACTS, json.dumps(facts) + "\n")
        self._folder.mkdir(parents=True, exist_ok=True)
        place = self._folder / f"trial-{trial}"
        shutil.rmtree(place, ignore_errors=True)
        os.replace(saved, place)
        for other in self.all()[MOST_KEPT:]:
            shutil.rmtree(other.folder, ignore_errors=True)

    def all(self) -> list[KeptTrial]:
        """Those there are, the best first."""
        found = [_read(folder) for folder in self._folder.glob("trial-*")]
        kept = [each for each in found if each is not None]
        return sorted(kept, key=lambda each: (self._sign * each.value, each.trial))


def _read(folder: Path) -> KeptTrial | None:
    try:
        facts = json.loads((folder / _FACTS).read_text(encoding="utf-8"))
    except (OSError, ValueError):  # half removed by another worker
        return None
    return KeptTrial(facts["trial"], facts["value"], facts["total_steps"], folder)
