"""Commands: cut into words, filled in, never given to a shell."""

from __future__ import annotations

import pytest

from search.scripts.command import command_problems, fill_in

VALUES = {"total_steps": 100, "seed": 3, "trial": 7, "wd": 1e-5, "name": "a b; rm -rf $HOME"}


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("python train.py --steps {total_steps}", ["python", "train.py", "--steps", "100"]),
        ("run --wd={wd} 'two words'", ["run", "--wd=1e-05", "two words"]),
        # a value is one word, whatever it holds, and is not looked through for placeholders
        ("run {name}", ["run", "a b; rm -rf $HOME"]),
        ("run '{{\"wd\": {wd}}}'", ["run", '{"wd": 1e-05}']),
        ("run \\\n  --seed {seed}", ["run", "--seed", "3"]),
    ],
)
def test_a_command_is_filled_in(template: str, words: list[str]) -> None:
    assert fill_in(template, VALUES) == words


@pytest.mark.parametrize(
    ("template", "pattern"),
    [
        ("run {steps}", r"\{steps\} is unknown; .*total_steps"),
        ("run --lr {lr}", r"\{lr\} is not filled in: the lr of a trial comes with its schedule, .*attach"),
        ("run --warmup {warmup}", r"\{warmup\} is not filled in: it belongs to the trial's schedule"),
        ("run {}", r"\{\} is unknown; there are: checkpoints, name, port, run, seed, total_steps, trial, wd"),
        ("run {wd.real}", r"\{wd.real\} is unknown"),
        ("run {wd:.3f}", r"\{wd\} takes no format"),
        ("run {wd", r"expected '\}' before end of string \(write \{\{ and \}\}"),
        ("run 'open", r"can't be cut into words: No closing quotation"),
        (" ", r"is empty; write the command that trains"),
        ("cd here && python train.py", r"'&&' needs a shell, .*bash -c"),
        (
            "CUDA_VISIBLE_DEVICES=0 python train.py",
            r"'CUDA_VISIBLE_DEVICES=0' needs a shell, .*env NAME=value",
        ),
    ],
)
def test_a_command_that_can_not_be_filled_in_says_why(template: str, pattern: str) -> None:
    with pytest.raises(ValueError, match=pattern):
        fill_in(template, VALUES)


def test_all_problems_come_at_once() -> None:
    assert len(command_problems("A=1 run {x} {y}", [])) == 3
