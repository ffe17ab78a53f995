"""`ProcessGroup`: a command and every process that comes of it, watched and ended as one."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

import psutil

from search.scripts.bounded_log import BoundedLog
from search.scripts.members import MARKER_VARIABLE, is_alive, members, new_marker, orphans, send_signal

GRACE_SECONDS = 5.0
"""Between asking processes to end and ending them."""
_PIPE_BYTES = 1 << 20
_MOST_READS = 16  # of a look: more than a pipe holds, and a bound where it is filled as fast as it is read
_LOOK_AGAIN_SECONDS = 0.03


class ProcessGroup:
    """Starts a command in a session of its own, without a shell and without input.

    Its output is taken in by `poll`, which has to be called a few times a second or the command waits for
    room to print. Leaving the context ends everything: the command, its children, and daemons among them
    (found by a variable in their environment). A process escapes only if it leaves the session, clears its
    environment, and its parent is gone.

    Args:
        command: program and arguments.
        log: receives what is printed, standard output and error together.
        environment: the whole environment, but for the marker that is added.
        working_directory: None for this process's own.
        with_input: whether `stdin` is a pipe to write to.

    Raises:
        OSError: the program or the folder is not there, or may not be used.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        log: BoundedLog,
        environment: Mapping[str, str],
        working_directory: Path | None = None,
        with_input: bool = False,
    ) -> None:
        self.log = log
        self.last_output_at = time.monotonic()
        self._marker = new_marker()
        self._found: set[psutil.Process] = set()
        self._process = subprocess.Popen(
            list(command),
            stdin=subprocess.PIPE if with_input else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**environment, MARKER_VARIABLE: self._marker},
            cwd=working_directory,
            start_new_session=True,
            bufsize=0,
        )
        assert self._process.stdout is not None
        self._output = self._process.stdout.fileno()
        os.set_blocking(self._output, False)
        _widen(self._output)

    def __enter__(self) -> ProcessGroup:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    @property
    def pid(self) -> int:
        """The number of the first process, which is also its session's."""
        return self._process.pid

    def poll(self) -> int | None:
        """Take in what was printed; the exit code of the command (-n for signal n), None while it runs."""
        code = self._process.poll()  # before the output, so that after the end all of it is taken in
        self._take_in_output()
        return code

    def begin(self, log: BoundedLog) -> None:
        """From now on what is printed goes to another log; what it said before counts no more."""
        self._take_in_output()
        self.log = log
        self.last_output_at = time.monotonic()

    def write_line(self, text: str) -> None:
        """Write a line to the command's input; raises `OSError` where it is gone."""
        assert self._process.stdin is not None, "started without input"
        self._process.stdin.write(text.encode() + b"\n")

    def end(self, grace_seconds: float | None = None) -> None:
        """End every process of the group and wait until none is left: SIGTERM, and after a grace SIGKILL.

        Args:
            grace_seconds: what it may take to save what it has. Then only the command itself is asked to end,
                and what it has started when it is gone or half the time is over: a script can't save whose
                data loaders are ended under it. None: all are asked at once, with the usual grace.
        """
        if grace_seconds is not None and self._process.poll() is None:
            self._ask_the_first(grace_seconds / 2)
            grace_seconds /= 2
        self._end_all(signal.SIGTERM, GRACE_SECONDS if grace_seconds is None else grace_seconds)
        self._end_all(signal.SIGKILL, GRACE_SECONDS)
        with contextlib.suppress(subprocess.TimeoutExpired):  # in the kernel's hands, e.g. on a dead disk
            self._process.wait(GRACE_SECONDS)
        self._take_in_output()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        self._output = -1

    def _ask_the_first(self, patience_seconds: float) -> None:
        """Ask the command to end, and wait for it."""
        give_up_at = time.monotonic() + patience_seconds
        self._left()  # while it lives it leads to all that came of it
        self._process.terminate()
        while self.poll() is None and time.monotonic() < give_up_at:
            time.sleep(_LOOK_AGAIN_SECONDS)

    def _end_all(self, number: signal.Signals, patience_seconds: float) -> None:
        """Signal all there are, and those that appear meanwhile, until none is left or patience ends."""
        give_up_at = time.monotonic() + patience_seconds
        signalled: set[psutil.Process] = set()
        while left := self._left():
            send_signal(left - signalled, number)
            signalled |= left
            if time.monotonic() > give_up_at:
                return
            time.sleep(_LOOK_AGAIN_SECONDS)
            self.poll()  # what ends may have more to print, and the first process is ours to reap

    def _left(self) -> set[psutil.Process]:
        """All that live. Who was found once stays known: its parent, which led to it, may end first."""
        self._found |= set(members(self._marker, self._process.pid))
        self._found = {process for process in self._found if is_alive(process)}
        return self._found

    def _take_in_output(self) -> None:
        for _ in range(_MOST_READS if self._output >= 0 else 0):
            try:
                data = os.read(self._output, _PIPE_BYTES)
            except BlockingIOError:
                return
            if not data:
                return
            self.last_output_at = time.monotonic()
            self.log.write(data)


def end_orphans() -> int:
    """End what is left of runs whose owner was killed before it could; how many processes there were."""
    found = orphans()
    send_signal(found, signal.SIGTERM)
    give_up_at = time.monotonic() + GRACE_SECONDS
    while any(is_alive(process) for process in found) and time.monotonic() < give_up_at:
        time.sleep(_LOOK_AGAIN_SECONDS)
    send_signal(found, signal.SIGKILL)
    return len(found)


def _widen(pipe: int) -> None:
    """More room for printing between two looks; where the system has none, the script waits a little."""
    with contextlib.suppress(OSError, AttributeError):
        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
