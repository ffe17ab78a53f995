"""Hooks for the tests of all folders; the doctests live beside the code."""

from __future__ import annotations

import gc
from collections.abc import Generator

import pytest


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
