"""A trainer of scripts at work in a thread, and what is left of what it started."""

from __future__ import annotations

import contextlib
import queue
import secrets
import shlex
import sys
import textwrap
import threading
from collections.abc import Hashable, Iterator
from pathlib import Path

from search.checkpoints.study_folder import StudyCheckpoints
from search.runs.events import Cancel, Cancelled, Event, TrainingFailed
from search.runs.run import Measurement
from search.scripts.launcher import CommandLauncher, Launcher
from search.scripts.script_run import Limits, ScriptRun
from search.scripts.script_trainer import ScriptTrainer
from tests.search_tests.patience import PATIENCE_SECONDS
from warmboot.schedule import WarmbootSchedule

PYTHON = shlex.quote(sys.executable)
MARK = "WARMBOOT_TEST_MARK"
TAKES = "from warmboot.trial_files import current_trial; current_trial()\n"
"""A script that reports has to take the trial's schedule; this one follows it by itself."""

# Two processes that leave the script's session, as daemons do, and one that stays in it.
FAMILY = """
import os, signal, sys, time, subprocess
def wait_forever():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(10_000)
def daemon():
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            wait_forever()
        os._exit(0)
    os.wait()
daemon()
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(10_000)"], start_new_session=True)
if os.fork() == 0:
    wait_forever()
"""


def script_run(key: Hashable = "a", **changes: object) -> ScriptRun:
    fields = {
        "key": key,
        "study": "own",
        "trial": 7,
        "schedule": WarmbootSchedule(lr=0.5, curve="linear"),
        "total_steps": 100,
        "seed": (0, 1, 0),
    }
    return ScriptRun(**{**fields, **changes})  # type: ignore[arg-type]


class Working:
    """A trainer in a thread; `with` ends it."""

    def __init__(
        self,
        launcher: Launcher,
        folder: Path,
        limits: Limits | None = None,
        checkpoints: StudyCheckpoints | None = None,
    ) -> None:
        self.ready: queue.SimpleQueue[ScriptRun | Cancel | None] = queue.SimpleQueue()
        self.events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self.stop = threading.Event()
        self.trainer = ScriptTrainer(
            launcher,
            self.ready,
            self.events,
            self.stop,
            objective="val",
            limits=limits,
            folder=folder,
            checkpoints=checkpoints,
        )
        self.thread = threading.Thread(target=self.trainer.train)

    def __enter__(self) -> Working:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        self.ready.put(None)
        self.thread.join(PATIENCE_SECONDS)
        assert not self.thread.is_alive()

    def next_event(self) -> Event:
        return self.events.get(timeout=PATIENCE_SECONDS)

    def events_of(self, run: ScriptRun) -> list[Event]:
        """Train a run; its events up to the last."""
        self.ready.put(run)
        return self.events_to_the_end()

    def events_to_the_end(self) -> list[Event]:
        """The events up to the next that ends a run."""
        found = [self.next_event()]
        while not is_last(found[-1]):
            found.append(self.next_event())
        return found


def is_last(event: Event) -> bool:
    return isinstance(event, TrainingFailed | Cancelled) or (isinstance(event, Measurement) and event.last)


class Workshop:
    """A folder for scripts and runs; every process started from it carries a mark of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.runs = folder / "runs"
        self.runs.mkdir()
        self.environment = {MARK: secrets.token_hex(8)}

    def launcher(self, body: str, arguments: str = "") -> CommandLauncher:
        """Runs a Python script of this text, which may report."""
        script = self.folder / "script.py"
        text = textwrap.dedent(body)
        script.write_text(TAKES + text if "warmboot.report" in text else text)
        command = f"{PYTHON} {shlex.quote(str(script))} {arguments}"
        return CommandLauncher(command, environment=self.environment)

    def train(
        self, body: str, arguments: str = "", *, limits: Limits | None = None, **changes: object
    ) -> list[Event]:
        """The events of one run of a script of this text, after which nothing of it is left."""
        with Working(self.launcher(body, arguments), self.runs, limits) as working:
            events = working.events_of(script_run(**changes))
        self.assert_nothing_left()
        return events

    def failure(
        self, body: str, arguments: str = "", *, limits: Limits | None = None, **changes: object
    ) -> str:
        """The text of a run that fails."""
        event = self.train(body, arguments, limits=limits, **changes)[-1]
        assert isinstance(event, TrainingFailed), event
        assert event.keys == ("a",)
        return event.traceback_text

    def output(self) -> str:
        """What has been taken in of the present run's output."""
        logs = list(self.runs.rglob("output.log"))
        return logs[0].read_text() if logs else ""

    def left(self) -> list[int]:
        """The numbers of living processes with this workshop's mark."""
        mark = f"{MARK}={self.environment[MARK]}".encode()
        return [pid for pid, environment in _environments() if mark in environment]

    def assert_nothing_left(self) -> None:
        assert self.left() == []
        assert list(self.runs.iterdir()) == []


def _environments() -> Iterator[tuple[int, bytes]]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with contextlib.suppress(OSError):
                yield int(entry.name), (entry / "environ").read_bytes()


def reason(text: str) -> str:
    """The last line of a failure, which is why it failed."""
    return text.splitlines()[-1]
