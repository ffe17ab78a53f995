"""`SavedRuns`: states of a population's runs on the disk, so that one that is taken up again goes on.

What is loaded holds tensors, numbers and text alone (`weights_only`), and belongs to where its bits do: to
the way of training, the proxy, the version of torch and the kind of device. Anything else is begun anew.
"""

from __future__ import annotations

import io
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from search.checkpoints.generations import read_generations, write_generation
from search.checkpoints.study_folder import StudyCheckpoints
from search.runs.run import Run

SAVE_EVERY_SECONDS = 60.0
"""Of training, between two states of a run; what is shorter is as soon trained anew."""
WORTH_SAVING_SECONDS = 10.0
"""Of training since the last state, where the worker is asked to end."""
LARGEST_SHARE = 0.02
"""Of the time that saving takes, at most."""
FORMAT = 1


@dataclass(frozen=True)
class FoundRun:
    """What was found of a run: the state to go on from, or none; `problem`: why a file is no good."""

    state: Mapping[str, Any] | None
    problem: str = ""


class SavedRuns:
    """The states of the runs of one population.

    Args:
        checkpoints: where they lie.
        bound_to: what bits belong to, by name; see `bits_belong_to`.
        last: whether states at the horizon are kept too, for who would go on from there.
    """

    def __init__(
        self, checkpoints: StudyCheckpoints, bound_to: Mapping[str, str], *, last: bool = False
    ) -> None:
        self.last = last
        self._checkpoints = checkpoints
        # Text of a class of its own, as torch has for its version, could not be loaded again.
        self._bound_to = {name: str(value) for name, value in bound_to.items()}
        self._saved_at: dict[str, float] = {}
        self._not_before = 0.0

    def begin(self, run: Run) -> None:
        """A run begins to train here, from its start or from a state."""
        self._saved_at[run.identity] = time.monotonic()

    def forget(self, run: Run) -> None:
        """A run is no longer trained here; its files are the worker's to remove."""
        self._saved_at.pop(run.identity, None)

    def find(self, run: Run) -> FoundRun:
        """The last good state of a run."""
        problems: list[str] = []
        for path, content in read_generations(self._checkpoints.of(run.identity)):
            state = "is not what was written" if content is None else self._read(content)
            if isinstance(state, str):
                problems.append(f"{path.name} {state}")
                continue
            return FoundRun(state, _told(problems, f"step {state['n_steps']}"))
        return FoundRun(None, _told(problems, "its first step"))

    def save(self, run: Run, state: Mapping[str, Any]) -> Path:
        """Keep a state of a run.

        Raises:
            OSError: it can't be written; see `write_generation`.
        """
        began = time.monotonic()
        content = io.BytesIO()
        torch.save({"format": FORMAT, "bound_to": self._bound_to, **state}, content)
        folder = self._checkpoints.of(run.identity)
        try:
            return write_generation(folder, state["n_steps"], content.getvalue())
        finally:
            now = time.monotonic()
            self._saved_at[run.identity] = now
            self._not_before = max(self._not_before, now) + (now - began) / LARGEST_SHARE

    def is_due(self, run: Run) -> bool:
        """Whether a run has trained long enough since its last state for another."""
        now = time.monotonic()
        return now >= self._not_before and now - self._saved_at[run.identity] >= SAVE_EVERY_SECONDS

    def is_worth_it(self, run: Run) -> bool:
        """Whether a run that is about to be dropped has trained long enough to be saved."""
        return time.monotonic() - self._saved_at[run.identity] >= WORTH_SAVING_SECONDS

    def _read(self, content: bytes) -> Mapping[str, Any] | str:
        """The state of a file, or why it is none."""
        try:
            state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
        except Exception as error:  # whatever unpickling strange bytes raises
            return f"can't be loaded ({type(error).__name__})"
        if not isinstance(state, dict) or state.get("format") != FORMAT:
            return "is of another version"
        other = [name for name, value in self._bound_to.items() if state["bound_to"].get(name) != value]
        return f"was trained with another {' and '.join(other)}" if other else state


def bits_belong_to(proxy: str, *, way: str, device: torch.device) -> dict[str, str]:
    """What a run's bits belong to, by name; `proxy`: a fingerprint of what is trained."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    if device.type == "cpu":
        name = torch.backends.cpu.get_cpu_capability()
    return {
        "proxy": proxy,
        "way of training": way,
        "version of torch": torch.__version__,
        "kind of device": name,
    }


def _told(problems: list[str], where: str) -> str:
    return f"checkpoint {'; '.join(problems)}: it goes on from {where}" if problems else ""
