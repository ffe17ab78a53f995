"""What the wheel holds: the two packages, the packaged studies, and nothing else."""

import importlib.util
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    if importlib.util.find_spec("hatchling") is None:
        pytest.skip("hatchling is not installed: pip install hatchling")
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT],
        check=True,
        capture_output=True,
    )
    [wheel] = folder.glob("warmboot-*.whl")
    with ZipFile(wheel) as archive:
        return archive.namelist()


def test_the_wheel_has_two_packages_and_its_own_record(names: list[str]) -> None:
    top = {name.partition("/")[0] for name in names}
    [record] = [name for name in top if name.endswith(".dist-info")]
    assert top == {"warmboot", "search", record}
    assert f"{record}/licenses/LICENSE" in names


def test_every_study_file_is_packaged(names: list[str]) -> None:
    studies = {f"search/packaged_studies/{file.name}" for file in (ROOT / "studies").glob("*.toml")}
    assert studies
    assert studies <= set(names)


def test_both_packages_are_marked_as_typed(names: list[str]) -> None:
    assert {"warmboot/py.typed", "search/py.typed"} <= set(names)


def test_no_test_or_cache_is_packaged(names: list[str]) -> None:
    assert [name for name in names if "test_" in name or "tests/" in name or "__pycache__" in name] == []
