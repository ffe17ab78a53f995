"""How the answer of a study is used, in lines that run when they are pasted.

A command has places that only a search fills in. In what is shown they hold what a person would begin with:
the study's own horizon, the answer's other hyperparameters, the first seed.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from search.results.candidate import Candidate
from search.scripts.command import fill_in, places_of
from search.spec.handed import export_command
from search.spec.proxy import CommandProxy
from search.spec.study import StudySpec

_FIRST = {"seed": 0, "trial": 0, "port": 29500, "checkpoints": "checkpoints"}
_EXAMPLES = (*_FIRST, "run")
"""Places whose content is an example, in a person's hand."""


def how_to_use(spec: StudySpec, answer: Candidate, storage_option: Sequence[str] = ()) -> str:
    """Lines for a shell, and for a training in Python.

    Args:
        spec: the study.
        answer: the schedule that is exported.
        storage_option: the words with which a command finds the storage.
    """
    exported = export_command(spec, *storage_option)
    if isinstance(spec.proxy, CommandProxy):
        return "\n".join([exported, *_own_training(spec, spec.proxy, answer.params)])
    return (
        f"{exported}\n\n"
        "import warmboot\n\n"
        'file = warmboot.read("schedule.json")\n'
        f"scheduler = warmboot.WarmbootLR(optimizer, file.schedule, total_steps={spec.example_steps:_})\n"
        "# scheduler.step() after each optimizer.step()"
    )


def _own_training(spec: StudySpec, proxy: CommandProxy, params: Mapping[str, Any]) -> list[str]:
    values = {**_FIRST, "run": spec.name, "total_steps": spec.horizon_steps, **params}
    command = shlex.join(fill_in(proxy.command, values))
    line = f"WARMBOOT_SCHEDULE=schedule.json {command}"
    examples = [f"{name} {values[name]}" for name in places_of(proxy.command) if name in _EXAMPLES]
    if not examples:
        return [line]
    return [f"# in the folder of your script; replace {', '.join(examples)} as you like", line]
