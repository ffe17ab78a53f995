"""A command with placeholders, and how it becomes a program with arguments: without a shell.

The command is cut into words first and filled in afterwards, so that a value is always one word or a part of
one, whatever it holds.
"""

from __future__ import annotations

import dataclasses
import re
import string
from collections.abc import Collection, Mapping
from typing import Any

from search.errors import nearest
from search.scripts.command_words import command_words
from warmboot.space import Space

RUN_PLACEHOLDERS = ("total_steps", "seed", "trial", "run", "port", "checkpoints")
"""Fields that every command may use, besides the study's `[params]`.

`run` is a name that no other training has: trials share their seeds, and a confirmation its trial's number.
`checkpoints` is the folder of `warmboot.checkpoint_dir`, which a training that is taken up again finds again.
"""
_OF_THE_SCHEDULE = frozenset(field.name for field in dataclasses.fields(Space)) - {"lr"}
_SHELL_WORDS = frozenset({"&&", "||", "|", ";", "&", "<", ">", ">>", "2>", "2>&1"})
_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")


def command_problems(template: str, params: Collection[str]) -> list[str]:
    """Problems of a command for a study with these params; empty if it can be filled in.

    >>> command_problems("python train.py --steps {total_step}", [])
    ['{total_step} is unknown; did you mean total_steps? (write {{ and }} for braces themselves)']
    """
    try:
        words = command_words(template)
    except ValueError as error:
        return [f"can't be cut into words: {error}"]
    if not words:
        return ["is empty; write the command that trains, as in 'python train.py --steps {total_steps}'"]
    known = tuple(dict.fromkeys((*RUN_PLACEHOLDERS, *params)))
    problems = [problem for word in words for problem in _word_problems(word, known)]
    shell = [word for word in words if word in _SHELL_WORDS]
    if shell or _ASSIGNMENT.match(words[0]):
        problems.append(
            f"{(shell or words)[0]!r} needs a shell, and the command is run without one; write a script, or "
            "bash -c '...', or env NAME=value in front"
        )
    return problems


def fill_in(template: str, values: Mapping[str, Any]) -> list[str]:
    """Program and arguments; every placeholder must be in `values`.

    Raises:
        ValueError: with all problems of the command.

    >>> fill_in("python train.py --wd {wd} --note '{{{note}}}'", {"wd": 1e-4, "note": "a b; rm"})
    ['python', 'train.py', '--wd', '0.0001', '--note', '{a b; rm}']
    """
    problems = command_problems(template, list(values))
    if problems:
        raise ValueError(f"command {template!r}: {'; '.join(problems)}.")
    return [_filled(word, values) for word in command_words(template)]


def places_of(template: str) -> list[str]:
    """The fields of a command that can be filled in, each once, in their order.

    >>> places_of("python train.py --steps {total_steps} --note '{{x}}' --out {run}/{total_steps}")
    ['total_steps', 'run']
    """
    parsed = (part for word in command_words(template) for part in string.Formatter().parse(word))
    return list(dict.fromkeys(name for _, name, _, _ in parsed if name))


def _filled(word: str, values: Mapping[str, Any]) -> str:
    parts = string.Formatter().parse(word)
    return "".join(text + ("" if name is None else str(values[name])) for text, name, _, _ in parts)


def _unknown(name: str, known: Collection[str]) -> str:
    if name == "lr":
        return (
            "{lr} is not filled in: the lr of a trial comes with its schedule, which "
            "warmboot.attach(optimizer, total_steps) in the script sets step by step; leave {lr} out of the "
            "command"
        )
    if name in _OF_THE_SCHEDULE:
        return (
            f"{{{name}}} is not filled in: it belongs to the trial's schedule, which the script gets by "
            f"warmboot.attach(optimizer, total_steps); leave {{{name}}} out of the command"
        )
    hint = nearest(name, known).rstrip(".")
    return f"{{{name}}} is unknown; {hint} (write {{{{ and }}}} for braces themselves)"


def _word_problems(word: str, known: Collection[str]) -> list[str]:
    problems = []
    try:
        for _, name, form, conversion in string.Formatter().parse(word):
            if name is not None and name not in known:
                problems.append(_unknown(name, known))
            elif form or conversion:
                problems.append(f"{{{name}}} takes no format; write it without what follows the name")
    except ValueError as error:
        problems.append(f"{word!r}: {error} (write {{{{ and }}}} for braces themselves)")
    return problems
