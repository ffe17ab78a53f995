"""A workplace for each test, and one in which a study is done."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from filelock import FileLock

from tests.search_tests.commands.workplace import Workplace


@pytest.fixture
def workplace(tmp_path: Path) -> Workplace:
    return Workplace(tmp_path)


@pytest.fixture(scope="session")
def launched_once(tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    """A small study that was launched and is done; for copies, not to be changed. The first of the processes
    of pytest that asks for it launches it for all."""
    beside_others = "PYTEST_XDIST_WORKER" in os.environ
    folder = tmp_path_factory.getbasetemp()
    workplace = Workplace((folder.parent if beside_others else folder) / "launched")
    with FileLock(f"{workplace.folder}.lock"):
        if not (workplace.folder / "launched").exists():
            workplace.folder.mkdir()
            workplace.write_study(leaders=4)
            workplace.run("launch", "small.toml")
            (workplace.folder / "launched").touch()
    return workplace


@pytest.fixture(scope="module")
def finished(launched_once: Workplace, tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    """That study, for the tests of one file."""
    folder = tmp_path_factory.mktemp("finished")
    shutil.copytree(launched_once.folder, folder, dirs_exist_ok=True)
    return Workplace(folder)
