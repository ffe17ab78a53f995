"""The name of a process is its own: neither a number given out again nor a clock makes it another's."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from search.processes.identity import boot_id, is_gone, process_name, this_process


def test_a_running_process_is_there_and_one_that_ended_is_gone() -> None:
    assert not is_gone(this_process())
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        name = process_name(process.pid)
        assert not is_gone(name)
    assert is_gone(name)


def test_the_start_is_counted_from_that_of_the_machine_and_not_told_by_a_clock() -> None:
    machine, pid, started = this_process().rsplit("|", 2)
    assert boot_id() in machine
    assert int(pid) == os.getpid()
    ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
    assert int(started) == ticks
    assert is_gone(f"{machine}|{pid}|{ticks + 1}"), "another process has had this number"


def test_of_other_machines_and_of_names_not_understood_nothing_is_known() -> None:
    machine, pid, started = this_process().rsplit("|", 2)
    assert not is_gone(f"elsewhere/{machine}|{pid}|{int(started) + 1}")
    assert not is_gone(f"{machine}x|999999999|1")
    for name in ("", "what", "a|b", "host/4026531836|1|1700000000.00", f"{machine}|x|1"):
        assert not is_gone(name)


def test_a_number_that_nobody_has_is_gone() -> None:
    machine = this_process().rsplit("|", 2)[0]
    assert is_gone(f"{machine}|999999999|1")
