"""A hook as a user writes it: a line for each report, into the file that the environment names."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from search.trackers.tracked import TrackedRun


def send(run: TrackedRun, step: int | None, metrics: Mapping[str, object]) -> None:
    line = json.dumps([run.study, run.name, run.trial, float(run.lrs[0]), step, dict(metrics)])
    with Path(os.environ["OWN_HOOK_FILE"]).open("a") as file:
        file.write(f"{line}\n")


def broken(run: TrackedRun, step: int | None, metrics: Mapping[str, object]) -> None:
    raise OSError("the server is away")
