"""Checks of a command before it runs: its folder, program, script, and Python.

A trial that fails for any of these fails like every other, and tells it late.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from search.errors import nearest
from search.scripts.command_words import command_words
from search.scripts.launcher import environment_here
from search.scripts.printed_errors import error_line

_PYTHON = re.compile(r"python[\d.]*$")
_LAUNCHERS = ("accelerate", "deepspeed", "torchrun")
"""Programs that run a `.py` among their arguments in this folder; a container's files are elsewhere."""
_OPTIONS_WITH_VALUE = ("-W", "-X", "--check-hash-based-pycs")
_PATIENCE_SECONDS = 60.0


def look_problems(command: str, folder: Path | None) -> list[str]:
    """Reasons why a command cannot run here; empty if none is seen.

    Args:
        command: with placeholders, its form found good (`command_problems`).
        folder: where it runs; None for this process's own.
    """
    place = folder or Path()
    if not place.is_dir():
        return [f"working_directory {place} is no folder"]
    words = command_words(command)
    program = words[0]
    if "{" in program:
        return []
    path = _found(program, place)
    if path is None:
        return [_no_program(program)]
    script = _script(words)
    if script is None or "{" in script:
        return []
    if not (place / script).is_file():
        there = nearest(script, [file.name for file in place.glob("*.py")]).rstrip("?.")
        where = "working_directory says where the command runs"
        return [f"{script} is no file in {place.resolve()}; {there} ({where})"]
    return _python_problems(program, path, place / script) if _PYTHON.match(Path(program).name) else []


def _found(program: str, place: Path) -> str | None:
    if "/" in program:
        path = place / program
        return str(path) if os.access(path, os.X_OK) and path.is_file() else None
    return shutil.which(program)


def _no_program(program: str) -> str:
    where = "can't be run from there" if "/" in program else "is not found on the PATH"
    also = "; python3 is" if program == "python" and shutil.which("python3") else ""
    return (
        f"{program} {where}{also}. Activate the environment you train in, or write the program's whole path"
    )


def _script(words: list[str]) -> str | None:
    """The script that a Python or a launcher is to run; None where that can't be told from the words."""
    name = Path(words[0]).name
    if name in _LAUNCHERS:
        return next((word for word in words[1:] if word.endswith(".py")), None)
    if not _PYTHON.match(name):
        return None
    rest = iter(words[1:])
    for word in rest:
        if not word.startswith("-"):
            return word if word.endswith(".py") else None
        if word in ("-", "-c", "-m"):
            return None
        if word in _OPTIONS_WITH_VALUE:
            next(rest, None)
    return None


def _python_problems(program: str, path: str, script: Path) -> list[str]:
    """Whether this Python has what the script imports to be searched."""
    if b"warmboot" not in script.read_bytes():
        return []
    try:
        done = subprocess.run(
            [path, "-c", "import warmboot; warmboot.attach"],
            cwd=script.parent,
            env=environment_here(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_PATIENCE_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return []
    except OSError as error:
        return [f"{program} is {path}, which can't be started ({error.strerror})"]
    if done.returncode == 0:
        return []
    why = error_line(done.stderr) or f"exit code {done.returncode}"
    return [
        f"{program} is {path}, which can't import warmboot ({why}), and {script.name} does. Activate the "
        "environment you train in, name its python in the command, or install warmboot there"
    ]
