"""Lines at the edge of a terminal."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from search.cli.terminal import fitted, tell

WIDTH = 40


@pytest.mark.parametrize(
    ("line", "lines"),
    [
        ("short", ["short"]),
        ("", [""]),
        (
            "answer    linear to 0, peak lr 0.1, restart at 50%",
            ["answer    linear to 0, peak lr 0.1,", "          restart at 50%"],
        ),
        # under a label that was told before
        (
            "          val_loss 0.09671 in the search (trial 9)",
            ["          val_loss 0.09671 in the search", "          (trial 9)"],
        ),
        # of two labels
        (
            "knobs     lr  0.145 to 0.165 is as good; elsewhere",
            ["knobs     lr  0.145 to 0.165 is as good;", "              elsewhere"],
        ),
        # a command is there to be copied
        (
            "export    warmboot export small --total-steps 600 -o schedule.json",
            ["export    warmboot export small --total-steps 600 -o schedule.json"],
        ),
        (
            "nothing is kept. Run it again with: warmboot verdict small --storage sqlite:///mine.db",
            ["nothing is kept. Run it again with:", "warmboot verdict small --storage sqlite:///mine.db"],
        ),
        ("work on it now with: warmboot worker", ["work on it now with: warmboot worker"]),
        # a word that is longer than a line stays whole
        (
            "written to /a/very/long/path/that/no/terminal/holds.json",
            ["written to", "/a/very/long/path/that/no/terminal/holds.json"],
        ),
    ],
)
def test_lines_break_between_words_and_stay_under_their_label(line: str, lines: list[str]) -> None:
    assert fitted(line, WIDTH) == "\n".join(lines)
    assert fitted(line, None) == line


@given(
    st.lists(st.text(st.sampled_from("abcdef0123-:,"), min_size=1, max_size=12), max_size=30),
    st.sampled_from(["", "answer    ", "          ", "knobs     lr  "]),
    st.integers(40, 120),
)
def test_no_word_is_lost_and_none_is_broken(words: list[str], label: str, width: int) -> None:
    lines = fitted(label + " ".join(words), width).split("\n")
    assert " ".join(lines).split() == (label + " ".join(words)).split()
    assert all(len(line) <= width for line in lines)


def test_what_is_no_terminal_gets_whole_lines() -> None:
    text = "[red]as it is[/red] :smile: " + "word " * 40
    out = io.StringIO()
    tell(Console(file=out, width=40, emoji=False), text)
    assert out.getvalue() == text + "\n"
    out = io.StringIO()
    tell(Console(file=out, width=40, emoji=False, force_terminal=True, color_system=None), text)
    assert max(map(len, out.getvalue().splitlines())) <= 40
