"""Functions that a Python session hands to the processes that train: a study knows them only by name. And how
to continue with a study, wherever its function is."""

from __future__ import annotations

from dataclasses import dataclass

from search.messages import next_command
from search.spec.made_of import MadeOf
from search.spec.permission import is_handed, option_for
from search.spec.study import StudySpec


@dataclass(frozen=True)
class HandedOver:
    """A function by value, as a process that trains gets it: a file, and what the function is made of."""

    path: str
    made_of: MadeOf


def follow_up(spec: StudySpec, command: str, *options: str) -> str:
    """How to continue with a study: a command line, or the call where only a Python session has its function.

    Args:
        spec: the study.
        command: `verdict` or `transfer`, which train.
        options: words after the study's name.
    """
    if is_handed(getattr(spec.proxy, "train", None)):
        return f"study.{command}()"
    return next_command(command, spec.name, *option_for(spec.proxy).split(), *options)


def export_command(spec: StudySpec, *options: str, to: str | None = "schedule.json") -> str:
    """The command that writes the answer for a horizon that is to be changed.

    Args:
        spec: the study.
        options: words after the study's name.
        to: the file; None: the terminal.
    """
    file = () if to is None else ("-o", to)
    return next_command("export", spec.name, *options, "--total-steps", str(spec.example_steps), *file)
