"""How far a verdict is, in a terminal and in a pipe."""

from __future__ import annotations

import io
import itertools

from rich.console import Console

from search.cli.how_far import how_far_shown, now_and_then


def test_a_pipe_gets_a_line_at_once() -> None:
    on = io.StringIO()
    with how_far_shown(Console(file=on)) as how_far:
        how_far("1 training done, of 31 at most")
        assert on.getvalue() == "1 training done, of 31 at most\n"


def test_lines_are_left_out_while_the_last_is_young() -> None:
    said: list[str] = []
    once, always = now_and_then(said.append, every_seconds=1e9), now_and_then(said.append, every_seconds=0)
    for tell, text in itertools.product((once, always), "abc"):
        tell(text)
    assert said == ["a", *"abc"]


def test_a_terminal_keeps_one_line_current() -> None:
    on = io.StringIO()
    with how_far_shown(Console(file=on, force_terminal=True, width=60)) as how_far:
        how_far("one")
        how_far("two")
    assert "two" in on.getvalue()
    assert "\none\n" not in on.getvalue()
