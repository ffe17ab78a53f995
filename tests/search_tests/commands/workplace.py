"""The real command in real processes, on a database in a folder of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import optuna
from optuna.trial import FrozenTrial

from tests.search_tests.commands.warm_process import WarmCommand
from tests.search_tests.patience import PATIENCE_SECONDS

STUDY = """
name = "small"
proxy = "{proxy}"
total_steps = {total_steps}
n_trials = {n_trials}
seed = 3

[space]
lr = {{ low = 1e-2, high = 1.0, log = true }}
n_restarts = {{ low = 0, high = 1 }}
curve = ["cosine", "linear"]

[population]
slots = 4

[confirmation]
leaders = {leaders}
"""


HEARS_OF_A_CLOSED_TERMINAL = (
    "import os, signal, sys; signal.signal(signal.SIGHUP, signal.SIG_DFL); "
    "os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
)
"""Runs Python with SIGHUP as it is by default, though these tests may run under nohup."""


@dataclass(frozen=True)
class Workplace:
    """A folder with a study file and a database, and the command in it."""

    folder: Path

    @property
    def storage(self) -> str:
        return f"sqlite:///{self.folder}/studies.db"

    def write_study(
        self, *, proxy: str = "char_lm_mlp", n_trials: int = 12, total_steps: int = 40, leaders: int = 0
    ) -> Path:
        """A study file; `leaders` of them are confirmed at the end, which takes as long as the search."""
        path = self.folder / "small.toml"
        path.write_text(
            STUDY.format(proxy=proxy, n_trials=n_trials, total_steps=total_steps, leaders=leaders)
        )
        return path

    @property
    def _environment(self) -> dict[str, str]:
        return {**os.environ, "WARMBOOT_STORAGE": self.storage, "COLUMNS": "200"}

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """The command as a process of its own session, so that signals reach nobody else."""
        return subprocess.Popen(
            [sys.executable, "-c", HEARS_OF_A_CLOSED_TERMINAL, "-m", "search", *arguments],
            cwd=self.folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, *arguments: str, expect: int = 0) -> subprocess.CompletedProcess[str]:
        """Run to the end; a traceback, or another exit code than expected, fails the test."""
        return self.finish(self.begin(*arguments), expect)

    def begin(self, *arguments: str) -> WarmCommand:
        """The same beside others; `finish` has its end."""
        return WarmCommand(arguments, folder=self.folder, environment=self._environment)

    def finish(self, command: WarmCommand, expect: int = 0) -> subprocess.CompletedProcess[str]:
        """As `run`, of a command that was begun."""
        done = command.result(PATIENCE_SECONDS)
        assert done.returncode == expect, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr or "--debug" in command.arguments, done.stderr
        return done

    def trials(self, name: str = "small") -> list[FrozenTrial]:
        return optuna.load_study(study_name=name, storage=self.storage).get_trials()
