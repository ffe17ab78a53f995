"""In which folder a study's command runs, whatever folder the command line was typed in."""

from __future__ import annotations

from pathlib import Path

import pytest

from search.scripts.command_home import folder_from, located
from search.scripts.fingerprints import command_made_of
from search.spec.proxy import CommandProxy
from search.spec.study import StudySpec
from tests.search_tests.studies import study_spec


@pytest.fixture
def homes(tmp_path: Path) -> tuple[Path, Path]:
    """The study file's folder, and the one in which the command line is typed."""
    for name in ("file", "typed"):
        (tmp_path / name).mkdir()
    return tmp_path / "file", tmp_path / "typed"


def spec(**proxy: str) -> StudySpec:
    return study_spec(proxy={"command": "python train.py", **proxy})


def folder_of(located_spec: StudySpec) -> str | None:
    assert isinstance(located_spec.proxy, CommandProxy)
    return located_spec.proxy.working_directory


@pytest.mark.parametrize(
    ("scripts_in", "meant"),
    [
        ((0,), 0),  # as it should be
        ((1,), 1),  # a study file in a folder of its own, launched from the project's
        ((0, 1), 0),  # of two alike, the study file's
        ((), 0),  # a command that names no file that is there
    ],
)
def test_the_folder_with_the_script_is_meant(
    homes: tuple[Path, Path], scripts_in: tuple[int, ...], meant: int
) -> None:
    for i in scripts_in:
        (homes[i] / "train.py").touch()
    assert folder_of(located(spec(), homes)) == str(homes[meant])


def test_a_folder_where_the_script_is_as_it_was_goes_first(homes: tuple[Path, Path]) -> None:
    (homes[0] / "train.py").write_text("changed since")
    (homes[1] / "train.py").write_text("as it was")
    known = command_made_of(CommandProxy(command="python train.py", working_directory=str(homes[1])))
    assert folder_of(located(spec(), homes, known)) == str(homes[1])


def test_a_folder_that_this_machine_does_not_have_is_left_out(homes: tuple[Path, Path]) -> None:
    assert folder_of(located(spec(), [homes[0] / "gone", homes[1]])) == str(homes[1])
    assert folder_of(located(spec(), [homes[0] / "gone"])) == str(homes[0] / "gone")


def test_the_folder_that_a_file_asks_for_is_taken_from_the_files_own(homes: tuple[Path, Path]) -> None:
    assert folder_from(spec(working_directory="sub"), homes[0]) == homes[0] / "sub"
    assert folder_from(spec(working_directory="/srv"), homes[0]) == Path("/srv")
    assert folder_from(study_spec(), homes[0]) == homes[0]


def test_other_proxies_have_no_folder(homes: tuple[Path, Path]) -> None:
    assert located(study_spec(), homes) == study_spec()
