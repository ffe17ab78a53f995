"""A workplace for each test, and one in which a study is done."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.search_tests.commands.workplace import Workplace


@pytest.fixture
def workplace(tmp_path: Path) -> Workplace:
    return Workplace(tmp_path)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    """A small study that was launched and is done."""
    workplace = Workplace(tmp_path_factory.mktemp("finished"))
    workplace.write_study()
    workplace.run("launch", "small.toml")
    return workplace
