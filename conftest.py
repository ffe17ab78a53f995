"""Hooks for the tests of all folders; the doctests live beside the code."""

from __future__ import annotations

import gc
import os
from collections.abc import Generator

import pytest

# One thread for each process, as in a worker: what is computed here is so small that threads of numpy and
# torch wait for each other up to four times as long. It is read as those are imported, and processes that
# tests start inherit it.
os.environ.setdefault("OMP_NUM_THREADS", "1")

SLOW_FILES = (
    "tests/search_tests/commands/",
    "tests/test_own_training.py",
    "tests/test_notebook.py",
    "tests/search_tests/storage/",
    "tests/search_tests/dashboard/",
    "tests/search_tests/session/",
    "tests/search_tests/scripts/",
    "tests/search_tests/trackers/",
    "tests/warmboot_tests/test_exporter_",
)
"""How their ids begin, those that take longest first."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Slow files first: of the processes that share the files none is left with a slow one at the end."""
    last = len(SLOW_FILES)
    items.sort(
        key=lambda item: next(
            (i for i, begin in enumerate(SLOW_FILES) if item.nodeid.startswith(begin)), last
        )
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """No garbage is collected while a doctest runs.

    `doctest` walks through `linecache`, and classes that SQLAlchemy made take their lines out of it when they
    are collected: in the middle of that walk, once in a great while.
    """
    if not isinstance(item, pytest.DoctestItem):
        return (yield)
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
