"""A workplace for each test, and one in which a study is done."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.search_tests.commands.workplace import Workplace


@pytest.fixture
def workplace(tmp_path: Path) -> Workplace:
    return Workplace(tmp_path)


@pytest.fixture(scope="session")
def launched_once(tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    """A small study that was launched and is done; for copies, not to be changed."""
    workplace = Workplace(tmp_path_factory.mktemp("launched"))
    workplace.write_study(leaders=4)
    workplace.run("launch", "small.toml")
    return workplace


@pytest.fixture(scope="module")
def finished(launched_once: Workplace, tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    """That study, for the tests of one file."""
    folder = tmp_path_factory.mktemp("finished")
    shutil.copytree(launched_once.folder, folder, dirs_exist_ok=True)
    return Workplace(folder)
