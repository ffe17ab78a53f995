"""A workshop for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from search.scripts import process_group, supervision
from tests.search_tests.scripts.clock import Clock
from tests.search_tests.scripts.workshop import Workshop


@pytest.fixture
def workshop(tmp_path: Path) -> Iterator[Workshop]:
    workshop = Workshop(tmp_path)
    yield workshop
    workshop.assert_nothing_left()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of all runs."""
    clock = Clock()
    for module in (process_group, supervision):
        monkeypatch.setattr(module, "time", clock)
    return clock
