"""What the wheel holds: `warmboot` with the service and the packaged studies inside it, and nothing else."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]
SERVICE = "warmboot/_service/search"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> ZipFile:
    if importlib.util.find_spec("hatchling") is None:
        pytest.skip("hatchling is not installed: pip install hatchling")
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT],
        check=True,
        capture_output=True,
    )
    [path] = folder.glob("warmboot-*.whl")
    return ZipFile(path)


@pytest.fixture(scope="module")
def names(wheel: ZipFile) -> list[str]:
    return wheel.namelist()


@pytest.fixture(scope="module")
def installed(wheel: ZipFile, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel with what is installed here besides Warmboot."""
    folder = tmp_path_factory.mktemp("installed")
    wheel.extractall(folder)
    for entry in Path(np.__file__).parents[1].iterdir():
        if not entry.name.startswith(("warmboot", "search")):
            (folder / entry.name).symlink_to(entry)
    return folder


def run(program: str, installed: Path) -> str:
    """What a program prints where the wheel is, and no checkout."""
    done = subprocess.run(
        [
            sys.executable,
            "-S",
            "-W",
            "error",
            "-c",
            program,
        ],  # -S: nothing that an editable installation adds
        env={**os.environ, "PYTHONPATH": str(installed)},
        cwd=installed,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_wheel_has_one_package_and_its_own_record(names: list[str]) -> None:
    top = {name.partition("/")[0] for name in names}
    [record] = [name for name in top if name.endswith(".dist-info")]
    assert top == {"warmboot", record}
    assert f"{record}/licenses/LICENSE" in names


def test_every_module_is_in_it(names: list[str]) -> None:
    for package, place in (("warmboot", "warmboot"), ("search", SERVICE)):
        files = (ROOT / package).rglob("*.py")
        assert {f"{place}/{file.relative_to(ROOT / package)}" for file in files} <= set(names)


def test_every_study_file_is_packaged(names: list[str]) -> None:
    studies = {f"{SERVICE}/packaged_studies/{file.name}" for file in (ROOT / "studies").glob("*.toml")}
    assert studies
    assert studies <= set(names)


def test_both_packages_are_marked_as_typed(names: list[str]) -> None:
    assert {"warmboot/py.typed", f"{SERVICE}/py.typed"} <= set(names)


def test_no_test_or_cache_is_packaged(names: list[str]) -> None:
    assert [name for name in names if "test_" in name or "tests/" in name or "__pycache__" in name] == []


def test_the_command_finds_the_service_and_its_studies(installed: Path) -> None:
    program = (
        "from warmboot.service import claim_name; claim_name(); "
        "from search.spec.packaged import packaged_studies; print(packaged_studies()['char_lm'])"
    )
    assert run(program, installed) == str(installed / SERVICE / "packaged_studies" / "char_lm.toml")


def test_an_installation_leaves_the_name_search_to_others(installed: Path) -> None:
    program = (
        "import warmboot, warmboot.proxies; from importlib.util import find_spec; print(find_spec('search'))"
    )
    assert run(program, installed) == "None"


def test_a_function_of_a_person_finds_what_earlier_versions_had(installed: Path) -> None:
    program = (
        "import warnings; warnings.simplefilter('ignore', DeprecationWarning); "
        "from warmboot.service import lend_name; lend_name(); "
        "from search.scripts.free import Context, free_proxy; print(free_proxy.__module__)"
    )
    assert run(program, installed) == "warmboot.function_proxies"


def test_a_declared_proxy_is_written_with_what_warmboot_has(installed: Path) -> None:
    program = "from warmboot.proxies import SGD; print(SGD.__module__)"
    assert run(program, installed) == "search.proxies.proxy"
