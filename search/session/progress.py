"""Progress where a Python session shows things: a notebook's cell, a terminal, a pipe, or nowhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from search.cli.how_far import how_far_shown
from search.cli.launch_views import view_for
from search.cli.options import talk
from search.cli.terminal import tell
from search.launch.launch import LaunchView, Setting
from search.messages import Say
from search.report.compact import progress_html, words_html
from search.results.status import StudyStatus


def launch_view(shown: bool) -> LaunchView:
    """Shows a launch: in place in a notebook and in a terminal, in lines elsewhere; or nowhere."""
    if not shown:
        return SilentView()
    return NotebookView() if in_notebook() else view_for(talk())


class SilentView:
    """Shows nothing; what went wrong is in the study's status."""

    def begin(self, setting: Setting, snapshot: StudyStatus) -> None:
        pass

    def update(self, snapshot: StudyStatus, confirming: tuple[int, int] | None) -> None:
        pass

    def note(self, text: str) -> None:
        pass

    def end(self) -> None:
        pass


class NotebookView:
    """One output of a cell, kept current; notes stay in it below the progress."""

    def __init__(self) -> None:
        self._shown = _Output()
        self._snapshot: StudyStatus | None = None
        self._confirming: tuple[int, int] | None = None
        self._notes: list[str] = []

    def begin(self, setting: Setting, snapshot: StudyStatus) -> None:
        self.update(snapshot, None)

    def update(self, snapshot: StudyStatus, confirming: tuple[int, int] | None) -> None:
        self._snapshot, self._confirming = snapshot, confirming
        self._show()

    def note(self, text: str) -> None:
        self._notes.append(text)
        self._show()

    def end(self) -> None:
        self._show()

    def _show(self) -> None:
        if self._snapshot is None:
            self._shown.show(words_html(self._notes))
        else:
            self._shown.show(progress_html(self._snapshot, self._confirming, self._notes))


@contextmanager
def trainings_shown(shown: bool) -> Iterator[tuple[Say, Say]]:
    """What a verdict or a transfer tells: lines, and how far its trainings are."""
    if not shown:
        yield (lambda _text: None), (lambda _text: None)
    elif in_notebook():
        yield from _in_a_cell()
    else:
        console = talk()
        with how_far_shown(console) as how_far:
            yield (lambda text: tell(console, text)), how_far


def in_notebook() -> bool:
    """Whether a Jupyter kernel runs this, which shows HTML."""
    module: Any = sys.modules.get("IPython")  # a kernel has imported it
    shell = None if module is None else module.get_ipython()
    return getattr(shell, "kernel", None) is not None


class _Output:
    """An output of the present cell that can be replaced."""

    def __init__(self) -> None:
        self._handle: Any = None

    def show(self, html: str) -> None:
        from IPython import display as shown  # untyped

        ipython: Any = shown
        if self._handle is None:
            self._handle = ipython.display(ipython.HTML(html), display_id=True)
        else:
            self._handle.update(ipython.HTML(html))


def _in_a_cell() -> Iterator[tuple[Say, Say]]:
    shown, told = _Output(), [""]

    def say(text: str) -> None:
        told.insert(-1, text)
        shown.show(words_html(told))

    def how_far(text: str) -> None:
        told[-1] = text
        shown.show(words_html(told))

    yield say, how_far
