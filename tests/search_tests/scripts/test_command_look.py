"""What a command lacks is said before a trial is used for it."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest

from search.scripts.command_look import look_problems


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a script that can be searched, a Python without warmboot, and one with it."""
    (tmp_path / "train.py").write_text("import warmboot\n")
    (tmp_path / "plain.py").write_text("print('nothing to search')\n")
    for name, body in (
        ("bare/python", f'exec {sys.executable} -S -E "$@"'),
        ("bare/python3", "exit 3"),
        ("full/python", f'PYTHONPATH={os.pathsep.join(sys.path)} exec {sys.executable} "$@"'),
        ("full/torchrun", "exit 0"),
        ("own.sh", "exit 0"),
    ):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/full:/bin")
    return tmp_path


GOOD = [
    "python train.py --steps {total_steps}",
    "python -u -W error train.py",
    "python -m package.train --config conf.py",
    "python -c 'import x'",
    "full/python train.py",
    "torchrun --nproc_per_node 2 train.py",
    "./own.sh --any {seed}",
    "sh -c 'python missing.py'",
    "docker-or-so {seed}".replace("docker-or-so", "env"),
    "{python} missing.py",
    "python {script}",
    "bare/python plain.py",
]


@pytest.mark.parametrize("command", GOOD)
def test_a_command_that_can_run_or_of_which_nothing_is_known_is_let_pass(folder: Path, command: str) -> None:
    assert look_problems(command, folder) == []


BAD = [
    # the command, what is said
    ("no-such-program train.py", r"no-such-program is not found on the PATH\. Activate the environment"),
    ("./missing.sh", r"\./missing\.sh can't be run from there\. "),
    ("./train.py", r"\./train\.py can't be run from there\. "),
    (
        "python trian.py",
        r"trian\.py is no file in /.*; did you mean train\.py.* \(working_directory says where",
    ),
    ("torchrun --standalone main.py", r"main\.py is no file in /.*; did you mean train\.py"),
    (
        "bare/python train.py",
        r"bare/python is /.*bare/python, which can't import warmboot \(ModuleNotF",
    ),
    (
        "bare/python3 train.py",
        r"bare/python3 is /.*, which can't import warmboot \(exit code 3\)",
    ),
]


@pytest.mark.parametrize(("command", "said"), BAD)
def test_what_a_command_lacks_is_named_with_the_way_out(folder: Path, command: str, said: str) -> None:
    (problem,) = look_problems(command, folder)
    assert re.match(said, problem), problem


def test_a_look_takes_no_number_of_those_that_train(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WARMBOOT_WORKER", raising=False)
    (folder / "full/python").write_text('#!/bin/sh\necho "${WARMBOOT_WORKER-none}" > number\n')
    assert look_problems("full/python train.py", folder) == []
    assert (folder / "number").read_text() == "none\n"


def test_where_there_is_only_python3_that_is_said(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "bare/python").unlink()
    monkeypatch.setenv("PATH", f"{folder}/bare")
    assert look_problems("python train.py", folder)[0].startswith(
        "python is not found on the PATH; python3 is."
    )


def test_a_folder_that_is_not_there(folder: Path) -> None:
    assert look_problems("python train.py", folder / "no") == [f"working_directory {folder}/no is no folder"]
