"""The folder of a study's code, and whether another machine has the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from search.cluster.code_home import code_home, is_there
from tests.search_tests.studies import study_spec


def home_of(proxy: dict[str, str]) -> tuple[Path, list[str]] | None:
    home = code_home(study_spec(proxy=proxy, objective="val"))
    return None if home is None else (home.folder, sorted(home.hashes))


def test_a_command_is_at_home_in_its_folder_with_the_scripts_it_names(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("pass")
    proxy = {"command": "python train.py --steps {total_steps}", "working_directory": str(tmp_path)}
    assert home_of(proxy) == (tmp_path, ["train.py"])


def test_a_module_is_at_home_where_its_package_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner = tmp_path / "homely" / "inner"
    inner.mkdir(parents=True)
    for folder in (inner.parent, inner):
        (folder / "__init__.py").write_text("")
    (inner / "training.py").write_text("def train(schedule, context): ...")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert home_of({"train": "homely.inner.training:train"}) == (tmp_path, ["homely/inner/training.py"])
    assert home_of({"train": "homely.inner:train"}) == (tmp_path, ["homely/inner/__init__.py"])


@pytest.mark.parametrize("train", ["optuna.study:train", "__main__:train", "no_such_module:train"])
def test_what_is_installed_or_has_no_file_is_at_home_nowhere(train: str) -> None:
    assert home_of({"train": train}) is None


def test_a_machine_has_it_where_the_same_files_lie_under_the_same_path(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("one")
    home = code_home(
        study_spec(proxy={"command": "python train.py", "working_directory": str(tmp_path)}, objective="val")
    )
    assert home is not None
    assert is_there(str(home.folder), home.hashes)
    (tmp_path / "train.py").write_text("two")
    assert not is_there(str(home.folder), home.hashes)
    assert not is_there(str(tmp_path / "elsewhere"), {})
