"""`warmboot preview` as it is typed: what it prints, what it writes, what it refuses."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.search_tests.commands.workplace import Workplace
from warmboot.schedule import WarmbootSchedule
from warmboot.schedule_file import Horizon, ScheduleFile, write


@pytest.fixture
def with_files(workplace: Workplace) -> Workplace:
    schedule = WarmbootSchedule(lr=0.2, warmup=0.001, restarts=[0.5])
    write(ScheduleFile(schedule, Horizon(200)), workplace.folder / "schedule.json")
    (workplace.folder / "numbers.txt").write_text("0.0\n0.5\n1.0\n0.5\n")
    return workplace


def test_it_draws_and_says_what_looks_wrong(with_files: Workplace) -> None:
    out = with_files.run("preview", "schedule.json").stdout
    for part in ("at 200 steps", "█", "restart 1", "a warm-up of 0.001 of 200 steps rounds to 0 steps"):
        assert part in out
    assert "the first lr is 0" in with_files.run("preview", "numbers.txt").stdout


def test_json_is_for_programs_and_a_picture_comes_along(with_files: Workplace) -> None:
    out = with_files.run("preview", "numbers.txt", "--json", "--peak", "2", "--png", "x.png").stdout
    document = json.loads(out)
    assert (document["total_steps"], document["unit"]) == (4, "value")
    assert document["points"][1] == {"name": "peak", "step": 2, "value": 1.0}
    assert "skipped_peak" in [finding["name"] for finding in document["findings"]]
    assert (with_files.folder / "x.png").read_bytes().startswith(b"\x89PNG")


def test_it_stands_between_pipes(with_files: Workplace) -> None:
    """What it reads comes from one; a reader who has seen enough of what it prints is no failure."""
    command = f'set -o pipefail; cat schedule.json | "{sys.executable}" -m warmboot preview - '
    for options in ("--png /dev/null --width 500 --height 100 | head -n 1", "--png >(wc -c > size) --json"):
        done = subprocess.run(
            ["bash", "-c", command + options],
            cwd=with_files.folder,
            capture_output=True,
            text=True,
            timeout=180,
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert "at 200 steps" in done.stdout
    assert Path("/dev/null").is_char_device()


def test_a_mistake_is_named(with_files: Workplace) -> None:
    (with_files.folder / "words.txt").write_text("0.1\nfast\n")
    cases = {
        ("words.txt",): "entry 2 must be a number",
        ("numbers.txt", "--png", "no/x.png"): "--png no/x.png: ",
        ("numbers.txt", "--total-steps", "9"): "for schedules and formulas; this is a table of",
    }
    for arguments, words in cases.items():
        assert words in with_files.run("preview", *arguments, expect=2).stderr
