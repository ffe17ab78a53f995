"""What runs leave behind whose process was killed: nothing for long."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

from search.scripts.run_folder import PREFIX, clear_left_folders, run_folder
from tests.search_tests.patience import PATIENCE_SECONDS, wait_until
from tests.search_tests.scripts.workshop import Workshop

# What a worker does, until it is killed with a script of its own under way.
KILLED = """
import os, signal, sys, time
from pathlib import Path
from search.scripts.launcher import CommandLauncher
from search.scripts.run_folder import run_folder
from search.scripts.script_run import ScriptRun
from warmboot.schedule import WarmbootSchedule

with run_folder() as folder:
    launcher = CommandLauncher(f"{sys.executable} -c 'print(1, flush=True); import time; time.sleep(600)'")
    run = ScriptRun(key="a", study="own", trial=0, schedule=WarmbootSchedule(), total_steps=1, seed=(0,))
    execution = launcher.start(run, folder / "trial.json")
    while not execution.tail():
        execution.poll()
        time.sleep(0.01)
    print(folder, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_scripts_and_folders_of_a_killed_process_go_with_it(workshop: Workshop) -> None:
    """Nobody else need be started for it."""
    environment = {**os.environ, **workshop.environment, "TMPDIR": str(workshop.runs)}
    command = [sys.executable, "-c", textwrap.dedent(KILLED)]
    killed = subprocess.run(
        command, env=environment, stdout=subprocess.PIPE, text=True, timeout=PATIENCE_SECONDS, check=False
    )
    folder = Path(killed.stdout.strip())
    assert folder.parent == workshop.runs
    wait_until(lambda: workshop.left() == [] and not folder.exists())


def test_a_folder_is_cleared_once_nobody_holds_it(tmp_path: Path) -> None:
    with run_folder(tmp_path) as mine:
        left = tmp_path / f"{PREFIX}left"
        left.mkdir()
        (left / "owner.lock").touch()
        not_known = tmp_path / f"{PREFIX}of-an-older-version"
        not_known.mkdir()
        (tmp_path / f"{PREFIX}link").symlink_to(left)
        assert clear_left_folders(tmp_path) == 1
        assert mine.is_dir()
        assert not left.exists()
        assert not_known.is_dir()
    assert not mine.exists()
